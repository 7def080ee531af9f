"""Rating: each ended session is judged, priced, recorded and booked exactly once, and anew when late data changes it.

What happened is read from the stored events, and what is to be done stands in a table: a crash at any point forgets
nothing, and doing it again changes nothing. Two processes may do it at once: of two units that issue the same record,
one is undone.
"""

from datetime import datetime, timedelta

import msgspec
import structlog

from ingufu.billing.evidence.model import EnergyVerdict
from ingufu.billing.evidence.service import Evidence
from ingufu.billing.records import decide, store
from ingufu.billing.records.events import SessionUnpriced
from ingufu.billing.records.model import (
    ChargeRecord,
    Rating,
    RatingReason,
    RatingState,
    RecordRules,
)
from ingufu.billing.records.service.issuing import Draft, Issuing
from ingufu.billing.records.service.making import Making, Place
from ingufu.charging.model import Transaction
from ingufu.charging.service import Charging
from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, IngufuError, NotFound
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.reservations.model import ReservationStatus
from ingufu.reservations.service import Reservations
from ingufu.tariffs.model import AppliedTariff
from ingufu.tariffs.price import price

EVENTS_AT_ONCE = 5000
GAP_S = 30.0  # a number that is missing for so long belongs to nothing: its unit was undone
SWEPT = timedelta(days=7)
RESERVATION = "reservation:"

log = structlog.get_logger(__name__)
replace = msgspec.structs.replace


class Rater:
    """Follows what happens to sessions, and makes their charge records."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        charging: Charging,
        reservations: Reservations,
        evidence: Evidence,
        making: Making,
        issuing: Issuing,
        rules: RecordRules,
    ) -> None:
        self._database = database
        self._clock = clock
        self._charging = charging
        self._reservations = reservations
        self._evidence = evidence
        self._making = making
        self._issuing = issuing
        self._rules = rules
        self._handled: set[int] = set()  # of the events after the cursor
        self._gap: tuple[int, float] | None = None  # the first number that is missing, and since when

    # What is to be rated

    async def collect(self) -> int:
        """Enter what happened since the last time, and return how many sessions it concerns."""
        seen = await store.find_position(self._database)
        position = seen or 0
        ids = await store.find_event_ids(self._database, position, EVENTS_AT_ONCE)
        if not ids:
            return await self._begin_anew(seen)
        reached = self._reached(position, ids)
        rows = await store.find_events(self._database, position, ids[-1])
        fresh = [row for row in rows if row["id"] not in self._handled]
        subjects = await self._subjects(fresh)
        if subjects or reached != seen:
            try:
                await self._enter(subjects, seen, reached)
            except Conflict:  # another process has followed the same events
                return 0
        self._handled = {row["id"] for row in rows if row["id"] > reached}
        return len(subjects)

    async def _enter(self, subjects: list[Rating], seen: int | None, reached: int) -> None:
        async with self._database.work() as work:
            for rating in subjects:
                store.add_rating(work, rating)
            if reached != seen:
                store.move_cursor(work, seen, reached)

    async def sweep(self, *, limit: int = 1000) -> int:
        """Enter ended sessions of the last days that nothing was ever heard of, and return how many."""
        since = self._clock.now() - SWEPT
        rows = await store.find_unrated(self._database, since, limit)
        if rows:
            fence, _ = await store.find_lagging(self._database)
            async with self._database.work() as work:
                for row in rows:
                    store.add_rating_if_new(work, self._waiting(row["id"], row["station_id"], fence))
        return len(rows)

    async def rate_due(self) -> int:
        """Rate a batch of what is due, and return how many were looked at."""
        due = await store.find_due(self._database, self._clock.now(), self._rules.batch)
        _, lagging_from = await store.find_lagging(self._database)
        ready = [one for one in due if lagging_from is None or one.fence < lagging_from]
        for rating in ready:
            await self.rate(rating.subject)
        return len(ready)

    async def next_due(self) -> datetime | None:
        """Return when something is to be looked at."""
        return await store.find_next_due(self._database)

    # Rating

    async def rate(self, subject: str) -> Rating | None:
        """Rate one session, or one reservation that nobody came for, by what is known of it now; None: not entered.

        Repeating it changes nothing. What goes wrong is kept with it, and tried again later.
        """
        rating = await store.find_rating(self._database, subject)
        if rating is None:
            return None
        try:
            if rating.reservation_id is not None:
                return await self._rate_reservation(rating)
            return await self._rate_session(rating)
        except Conflict as error:  # somebody else was faster, or it runs again: what is so then is looked at soon
            log.info("rating.changed_meanwhile", subject=subject, error=error.message)
            return rating
        except IngufuError as error:
            return await self._fail(rating, error.message)
        except Exception as error:
            log.exception("rating.failed", subject=subject)
            return await self._fail(rating, f"{type(error).__name__}: {error}")

    async def _rate_session(self, rating: Rating) -> Rating:
        assert rating.transaction_id is not None  # noqa: S101 - of its subject
        try:
            transaction = await self._charging.get(rating.transaction_id)
        except NotFound:
            return await self._settle(rating, decide.Refused(RatingState.NOT_BILLED, RatingReason.GONE))
        if transaction.is_open or rating.reason is RatingReason.CREDITED:
            return await self._settle(rating, decide.Refused(rating.state, rating.reason, rating.detail))
        verdict = await self._evidence.judge(transaction.id)
        standing = await self._standing(rating)
        refused = decide.refuse(transaction, verdict, self._rules)
        if refused is not None:
            goes = refused.state is RatingState.NOT_BILLED
            return await self._settle(rating, refused, verdict=verdict, taken_back=standing if goes else None)
        place = await self._making.place(transaction.station_id)
        if standing is None:
            tariffs = await self._making.tariffs(transaction, place)
        else:
            transaction = decide.as_first_known(standing, transaction)
            tariffs = await self._making.tariffs_anew(transaction, place, standing)
        if not tariffs:
            nothing = decide.Refused(RatingState.UNPRICED, RatingReason.NO_TARIFF)
            return await self._settle(rating, nothing, verdict=verdict)
        draft = await self._draft(transaction, place, verdict, tariffs, standing)
        if standing is not None and decide.is_same_bill(standing, draft.price, draft.usage, draft.snapshot):
            same = decide.Refused(RatingState.ISSUED, RatingReason.NONE)
            return await self._settle(rating, same, verdict=verdict)
        return await self._issuing.issue(rating, draft, replaces=standing)

    async def _draft(
        self,
        transaction: Transaction,
        place: Place,
        verdict: EnergyVerdict,
        tariffs: tuple[AppliedTariff, ...],
        standing: ChargeRecord | None,
    ) -> Draft:
        rounding = place.rounding if standing is None else decide.rounding_of(standing)
        usage = await self._making.usage(transaction, verdict.energy_wh, place, tariffs)
        return Draft(
            organisation_id=place.organisation_id,
            transaction_id=transaction.id,
            verdict_number=verdict.number,
            energy_wh=verdict.energy_wh,
            confidence=verdict.confidence,
            signature=verdict.signature,
            snapshot=await self._making.snapshot(transaction, place, names=decide.names_of(standing)),
            usage=usage,
            tariffs=tariffs,
            is_tariff_by_hand=standing is not None and standing.is_tariff_by_hand,
            price=price(usage, tariffs, rounding=rounding),
        )

    async def _rate_reservation(self, rating: Rating) -> Rating:
        assert rating.reservation_id is not None  # noqa: S101 - asked before
        unpriced = decide.Refused(RatingState.NOT_BILLED, RatingReason.NO_RESERVATION_PRICE)
        reservation = await self._reservations.get(rating.reservation_id)
        standing = await self._standing(rating)
        if reservation.status is not ReservationStatus.EXPIRED or rating.reason is RatingReason.CREDITED:
            return await self._settle(rating, unpriced, taken_back=standing)
        if standing is not None:
            return await self._settle(rating, decide.Refused(RatingState.ISSUED, RatingReason.NONE))
        place = await self._making.place(reservation.station_id)
        tariffs = await self._making.tariffs_of_reservation(reservation, place)
        if not decide.prices_reservations(tariffs):
            return await self._settle(rating, unpriced)
        usage = self._making.usage_of_reservation(reservation, place)
        priced = price(usage, tariffs, rounding=place.rounding)
        if not priced.billed.gross:
            return await self._settle(rating, unpriced)
        draft = Draft(
            organisation_id=place.organisation_id,
            reservation_id=reservation.id,
            snapshot=await self._making.snapshot_of_reservation(reservation, place),
            usage=usage,
            tariffs=tariffs,
            price=priced,
        )
        return await self._issuing.issue(rating, draft)

    async def _standing(self, rating: Rating) -> ChargeRecord | None:
        return await store.find(self._database, rating.record_id) if rating.record_id is not None else None

    async def _settle(
        self,
        before: Rating,
        refused: decide.Refused,
        *,
        verdict: EnergyVerdict | None = None,
        taken_back: ChargeRecord | None = None,
    ) -> Rating:
        """Keep what came of rating, without a new record; one that stands is credited if it is given."""
        now = self._clock.now()
        after = replace(
            before,
            state=refused.state,
            reason=refused.reason,
            detail=refused.detail,
            due_at=None,
            attempts=0,
            verdict_number=before.verdict_number if verdict is None else verdict.number,
            record_id=None if taken_back is not None else before.record_id,
            updated_at=now,
        )
        async with self._database.work() as work:
            if taken_back is not None:
                await self._issuing.credit(work, taken_back, reason=refused.detail or refused.reason.value)
            store.save_rating(work, before, after)
            self._tell(work, before, after)
        return after

    def _tell(self, work: Work, before: Rating, after: Rating) -> None:
        if after.state is RatingState.UNPRICED and before.state is not RatingState.UNPRICED:
            work.emit(
                SessionUnpriced(
                    occurred_at=after.updated_at,
                    station_id=after.station_id,
                    transaction_id=after.transaction_id,
                    reason=after.reason.value,
                )
            )

    async def _fail(self, before: Rating, why: str) -> Rating:
        now = self._clock.now()
        log.warning("rating.not_done", subject=before.subject, error=why)
        after = replace(
            before,
            state=RatingState.FAILED,
            reason=RatingReason.ERROR,
            detail=why[:400],
            due_at=now + timedelta(seconds=decide.wait_s(before.attempts)),
            attempts=before.attempts + 1,
            updated_at=now,
        )
        try:
            async with self._database.work() as work:
                store.save_rating(work, before, after)
        except Conflict:
            return before
        return after

    # Events

    async def skip(self) -> None:
        """Take all that has happened so far for followed: what was entered in bulk was rated on the way."""
        seen = await store.find_position(self._database)
        async with self._database.work() as work:
            store.move_cursor(work, seen, await store.find_last_event(self._database))

    async def _begin_anew(self, seen: int | None) -> int:
        """Follow from the start where the events are counted anew: all before were deleted for their age."""
        if seen and await store.find_last_event(self._database) < seen:
            async with self._database.work() as work:
                store.move_cursor(work, seen, 0)
        return 0

    def _reached(self, position: int, ids: list[int]) -> int:
        """Return up to where the events are complete.

        A number may be missing because its unit was undone, or because it is about to be committed: PostgreSQL gives
        out numbers before the commit. Only time tells.
        """
        now, expected = self._clock.monotonic(), position + 1
        for found in ids:
            if found != expected:
                if self._gap is None or self._gap[0] != expected:
                    self._gap = (expected, now)
                if now - self._gap[1] < GAP_S:
                    return expected - 1
            expected = found + 1
        return ids[-1]

    async def _subjects(self, rows: list[Row]) -> list[Rating]:
        """Return what the events say is to be rated, each once."""
        if not rows:
            return []
        fence, _ = await store.find_lagging(self._database)
        found: dict[str, Rating] = {}
        for row in rows:
            rating = await self._subject(row, fence)
            if rating is not None:
                found[rating.subject] = rating
        return list(found.values())

    async def _subject(self, row: Row, fence: int) -> Rating | None:
        details, transaction_id = row["details"], row["transaction_id"]
        if row["kind"] == "ReservationEnded":
            if details.get("status") != ReservationStatus.EXPIRED.value:
                return None
            number = int(details["reservation"])
            waiting = self._waiting(f"{RESERVATION}{number}", row["station_id"], fence)
            return replace(waiting, transaction_id=None, reservation_id=number)
        if transaction_id is None:
            return None
        if row["kind"] in ("EnergyJudged", "ReviewDecided"):
            known = await store.find_rating(self._database, transaction_id)
            if known is not None and known.verdict_number >= int(details["number"]):
                return None  # it is ours, and rated by already
        return self._waiting(transaction_id, row["station_id"], fence)

    def _waiting(self, subject: str, station_id: str | None, fence: int) -> Rating:
        now = self._clock.now()
        return Rating(
            subject=subject,
            transaction_id=subject,
            station_id=station_id,
            due_at=now + timedelta(seconds=self._rules.grace_s),
            fence=fence,
            updated_at=now,
        )
