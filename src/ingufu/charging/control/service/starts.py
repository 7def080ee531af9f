"""Remote starts: asked, answered, awaited, and what came of them."""

from datetime import timedelta

from ingufu.charging.control import decide, store
from ingufu.charging.control.events import RemoteStartAsked, RemoteStartExpired
from ingufu.charging.control.model import (
    NO_LIMIT,
    ControlRules,
    RemoteStart,
    RemoteStartState,
    TransactionLimit,
)
from ingufu.core.clock import Clock
from ingufu.core.commands import Outcome
from ingufu.core.errors import Conflict, NotFound
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Work

NUMBER_MAX = 2**31 - 1


class RemoteStarts:
    """Starts that were asked of stations, until a transaction comes of them or the time is over."""

    def __init__(self, database: Database, clock: Clock, ids: IdMaker, rules: ControlRules) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self.rules = rules

    async def ask_start(
        self,
        work: Work,
        station_id: str,
        *,
        token: str,
        token_kind: str,
        evse: int | None = None,
        limit: TransactionLimit = NO_LIMIT,
        actor: str | None = None,
        timeout_s: float | None = None,
    ) -> RemoteStart:
        """Keep that a start is asked of a station, before it is; its `number` goes with the request.

        `timeout_s` is how long the station waits for a vehicle, where that is known. Raises InvalidInput.
        """
        decide.check_limit(limit)
        now, id_ = self._clock.now(), self._ids.new()
        start = RemoteStart(
            id=id_,
            number=int(id_.replace("-", "")[-8:], 16) & NUMBER_MAX or 1,  # 2.x: a positive integer
            station_id=station_id,
            evse=evse,
            token_value=decide.shown_token(token, token_kind),
            token_digest=decide.digest_token(token),
            token_kind=token_kind,
            limit=limit,
            asked_at=now,
            asked_by=actor,
            expires_at=now + timedelta(seconds=timeout_s or self.rules.start_timeout_s),
        )
        store.insert_start(work, start)
        work.emit(RemoteStartAsked(occurred_at=now, station_id=station_id, evse=evse, actor=actor))
        return start

    async def note_start_answer(self, work: Work, start: RemoteStart, outcome: Outcome) -> None:
        """Keep what the station answered. That it accepts does not mean that anything starts."""
        state = RemoteStartState.ACCEPTED if outcome.is_accepted else RemoteStartState.REFUSED
        reason = outcome.details.get("reason")
        answer = f"{outcome.status}: {reason}" if reason else outcome.status
        store.answer_start(
            work,
            start.id,
            state,
            answer[:200],
            reference=outcome.details.get("transaction"),
            resolved_at=None if outcome.is_accepted else self._clock.now(),
        )

    async def note_start_failure(self, work: Work, start: RemoteStart, why: str) -> None:
        """Keep that the station could not be asked."""
        store.answer_start(
            work, start.id, RemoteStartState.FAILED, why[:200], reference=None, resolved_at=self._clock.now()
        )

    async def get_start(self, id_: str) -> RemoteStart:
        """Return the remote start. Raises NotFound."""
        start = await store.find_start(self._database, id_)
        if start is None:
            raise NotFound("There is no such remote start.")
        return start

    async def expire_starts(self) -> int:
        """Give up the remote starts of which nothing came in time; return how many. Raises Unavailable."""
        count = 0
        for start in await store.find_due(self._database, self._clock.now()):
            work = self._database.work()
            self._expire(work, start)
            try:
                await work.commit()
            except Conflict:  # something came of it in this moment
                continue
            count += 1
        return count

    def _expire(self, work: Work, start: RemoteStart) -> None:
        now = self._clock.now()
        store.expire_start(work, start.id, now)
        was_accepted = start.state is RemoteStartState.ACCEPTED
        work.emit(
            RemoteStartExpired(occurred_at=now, station_id=start.station_id, evse=start.evse, was_accepted=was_accepted)
        )
