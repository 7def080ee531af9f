"""The verdict on a presented token: what is known is gathered, the rule decides, the decision is kept."""

from collections.abc import Collection
from datetime import datetime, timedelta

from ingufu.authorization import decide, store
from ingufu.authorization.model import (
    AuthorizationRules,
    Occasion,
    Place,
    PresentedToken,
    StartedBy,
    TokenFacts,
    TokenKind,
    Verdict,
    VerdictReason,
    VerdictStatus,
)
from ingufu.authorization.ports import OpenTransactions
from ingufu.authorization.service.admitting import Admitting
from ingufu.authorization.service.enrolment import Enrolment
from ingufu.authorization.service.register import plain_token
from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Work

_FREE = TokenKind.NO_AUTHORIZATION.casefold()
_TAKES_TURN = frozenset({Occasion.START, Occasion.UPDATE})


class Authorization(Enrolment):
    """Who may charge. Without `admitting` nothing is known of places: tokens that are limited to some are refused."""

    def __init__(  # the collaborators of a verdict
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        open_transactions: OpenTransactions,
        rules: AuthorizationRules = AuthorizationRules(),  # noqa: B008 - frozen
        admitting: Admitting | None = None,
    ) -> None:
        super().__init__(database, clock, ids, open_transactions)
        self._rules = rules
        self._admitting = admitting

    async def check(  # what a verdict rests on
        self,
        work: Work,
        token: PresentedToken | None,
        *,
        station_id: str,
        evse: int | None,
        at: datetime,
        occasion: Occasion,
        transaction: StartedBy | None = None,
        excluding: str | None = None,
        superseding: Collection[str] = (),
        refused: VerdictStatus | None = None,
    ) -> Verdict:
        """Return the verdict on a token presented at `at`, and keep it with its reason.

        `transaction` is who started the running transaction, if there is one. `excluding` is the id of the transaction
        the token is presented for: it does not count as a concurrent one, nor do those it is `superseding`.
        `refused`: its certificate demands this status, whatever is registered. Of two starts at once of which only one
        may be accepted, the unit of work of the other is undone with Conflict, and is judged again.
        """
        token = plain_token(token)
        facts = await self.find_facts(token)
        question = await self._question(
            decide.Question(token=token, occasion=occasion, at=at, started_by=transaction, evse=evse), facts, station_id
        )
        open_count = await self._count_open(question, facts, {excluding or "", *superseding})
        verdict = decide.decide(question, facts, open_count=open_count or 0)
        if refused is not None and verdict.is_accepted:
            verdict = decide.overruled(verdict, refused, VerdictReason.CERTIFICATE_REFUSED, at)
        if open_count is not None and verdict.is_accepted and facts is not None and occasion in _TAKES_TURN:
            store.take_turn(work, facts.token.id, facts.token.start_turn)
        row = {
            "at": at,
            "station_id": station_id,
            "evse": evse,
            "token_id": verdict.token_id,
            "token_value": decide.masked(token, facts),
            "token_kind": (facts.token.kind if facts else token.kind if token else None) or "",
            "occasion": occasion.value,
            "status": verdict.status.value,
            "reason": verdict.reason.value,
            "transaction_id": excluding,
        }
        store.append_decision(work, row)
        if verdict.is_accepted and verdict.token_id is not None:
            store.touch_token(self._database, verdict.token_id, at, station_id)
        return verdict

    async def _question(self, question: decide.Question, facts: TokenFacts | None, station_id: str) -> decide.Question:
        """Return the question with what only some tokens need: the place, what is allowed there, how long it holds."""
        place: Place | None = None
        allows_free = True
        token, admitting = question.token, self._admitting
        if admitting is not None:
            if facts is not None and facts.token.limits is not None:
                place = await admitting.place(station_id)
            elif token is not None and (token.kind or "").casefold() == _FREE:
                allows_free = (await admitting.admission(station_id)).allows_free
        cache_s = self._rules.cache_s
        cache_until = self._clock.now() + timedelta(seconds=cache_s) if cache_s else None
        return decide.replace(question, place=place, allows_free=allows_free, cache_until=cache_until)

    async def _count_open(
        self, question: decide.Question, facts: TokenFacts | None, excluding: Collection[str]
    ) -> int | None:
        """Return how many transactions of the token run elsewhere; None where that does not matter.

        An offline start that is reported late was decided by the station, and is mostly over: it is not measured
        against what runs now. Transactions that were never ended cease to count after a while.
        """
        now = self._clock.now()
        is_late = question.at < now - timedelta(seconds=self._rules.late_start_s)
        if facts is None or not question.is_start or facts.token.concurrent_limit is None or is_late:
            return None
        since = now - timedelta(seconds=self._rules.ghost_age_s)
        return await self._open_transactions.count_open(facts.token.id, excluding=excluding, since=since)
