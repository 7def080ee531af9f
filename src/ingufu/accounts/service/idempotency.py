"""Requests that may be repeated: the first with a key is done, the others get its answer."""

from collections.abc import Mapping
from datetime import timedelta

from ingufu.accounts import decide, store
from ingufu.accounts.model import AccountRules, Begun, InProgress, New
from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict
from ingufu.infra.storage.database import Database

_TRIES = 3  # a claim can vanish between our try and our look at it; not three times


class Idempotency:
    """A claim is a row with a unique key: of requests at once, in any process, exactly one is the first."""

    def __init__(self, database: Database, clock: Clock, rules: AccountRules) -> None:
        self._database = database
        self._clock = clock
        self._account_rules = rules

    async def begin(self, principal_id: str, key: str, request_hash: str) -> Begun:
        """Return New to exactly one of the requests with this key, which then ends in `finish` or `abandon`.

        `request_hash` tells apart requests that use one key for different things. The claim of a request that died
        with its process lapses after a while.
        """
        for _ in range(_TRIES):
            if await self._claim(principal_id, key, request_hash):
                return New()
            stored = await store.answer(self._database, principal_id, key)
            if stored is None:
                continue
            verdict = decide.judge_repeat(stored, request_hash, self._clock.now(), self._account_rules)
            if not isinstance(verdict, New):
                return verdict
            if await self._take_over(principal_id, key, request_hash, stored):
                return verdict
        return InProgress()

    async def finish(self, principal_id: str, key: str, *, status: int, headers: Mapping[str, str], body: str) -> None:
        """Keep the answer for repetitions. `status` is not 0; `body` is text."""
        answered = {"status": status, "headers": dict(headers), "body": body.replace("\x00", "\ufffd")}
        async with self._database.work() as work:
            store.finish(work, principal_id, key, answered)

    async def abandon(self, principal_id: str, key: str) -> None:
        """Give the claim up: the request came to nothing and may be tried again."""
        async with self._database.work() as work:
            store.abandon(work, principal_id, key)

    async def prune_answers(self) -> None:
        """Delete answers that were kept long enough."""
        before = self._clock.now() - timedelta(seconds=self._account_rules.idempotency_kept_s)
        async with self._database.work() as work:
            store.prune_answers(work, before)

    async def _claim(self, principal_id: str, key: str, request_hash: str) -> bool:
        try:
            async with self._database.work() as work:
                store.begin(work, principal_id, key, request_hash, self._clock.now())
        except Conflict:
            return False
        return True

    async def _take_over(self, principal_id: str, key: str, request_hash: str, stored: decide.StoredAnswer) -> bool:
        try:
            async with self._database.work() as work:
                store.take_over(work, principal_id, key, request_hash, self._clock.now(), stored)
        except Conflict:
            return False
        return True
