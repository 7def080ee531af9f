"""Energy truth: sessions judged before they are billed, the queue of doubtful ones, and the keys of meters."""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib.metadata import version

import msgspec
import structlog

from ingufu.billing.evidence import decide, keys, store
from ingufu.billing.evidence.events import EnergyJudged, MeterKeyAdded, MeterKeyRetired, ReviewDecided, ReviewOpened
from ingufu.billing.evidence.facts import Facts, gather
from ingufu.billing.evidence.model import (
    Decision,
    EnergyVerdict,
    EvidenceRules,
    Finding,
    MeterKey,
    NewMeterKey,
    ReviewItem,
    SignatureCheck,
    SignedReading,
    SiteEvidence,
    Standing,
)
from ingufu.billing.evidence.reconcile import reconcile
from ingufu.billing.evidence.signed import Place, distinct, examine
from ingufu.charging.model import Transaction
from ingufu.charging.service import Charging
from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, IngufuError, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.core.texts import plain
from ingufu.infra.storage.database import Database, Work

SOFTWARE = f"ingufu {version('ingufu')}"
TRIES = 5  # at a verdict that another process made in the same moment
FEW = 20  # signed values that are checked in no time
LATE = timedelta(days=7)  # so long readings that come late are looked for
OVERLAP_SLACK = timedelta(seconds=60)  # clocks of stations: so much two sessions may seem to share

log = structlog.get_logger(__name__)


class Evidence:
    """Judges energy. Verdicts are numbered per session and only ever added to; the last one counts."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        charging: Charging,
        rules: EvidenceRules = EvidenceRules(),  # noqa: B008 - frozen
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._charging = charging
        self._rules = rules

    async def judge(self, transaction_id: str) -> EnergyVerdict:
        """Judge an ended session and return its verdict: the one there is, if nothing is known that was not before.

        A unit of work of its own, safe beside others that do the same. Raises NotFound, and Conflict while the session
        is running.
        """
        for _ in range(TRIES):
            transaction = await self._charging.get(transaction_id)
            if transaction.is_open:
                raise Conflict("The session is still running; its energy is judged when it has ended.")
            last = await store.find_last(self._database, transaction_id)
            values = await _name(await store.find_signed(self._database, transaction_id))
            kept = await store.find_kept(self._database, sorted(values)) if values else {}
            facts = await self._gather(transaction, values, kept)
            digest = _digest(facts)
            is_pruned = transaction.last_reading_at is not None and not facts.readings and not values
            if last is not None and (last[1] == digest or is_pruned):  # what was known then, is not any more
                return last[0]
            try:
                new = {name: value for name, value in values.items() if name not in kept}
                return await self._add(transaction, facts, digest, last[0] if last else None, new)
            except Conflict:
                continue
        raise Conflict("Others are judging this session at this moment; try again.")

    async def verdict_of(self, transaction_id: str) -> EnergyVerdict | None:
        """Return the verdict that counts, None if the session was not judged yet."""
        last = await store.find_last(self._database, transaction_id)
        return last[0] if last is not None else None

    async def verdicts_of(self, transaction_id: str) -> list[EnergyVerdict]:
        """Return all verdicts on a session, oldest first."""
        return await store.find_verdicts(self._database, transaction_id)

    async def checks_of(self, transaction_id: str) -> list[SignatureCheck]:
        """Return what came of looking at the session's signed values, for the last verdict that nobody decided."""
        judged = _last_judged(await self.verdicts_of(transaction_id))
        return await store.find_checks(self._database, transaction_id, judged.number) if judged is not None else []

    async def decide(self, work: Work, transaction_id: str, decision: Decision, *, by: str) -> EnergyVerdict:
        """Decide on a session in the caller's unit of work, and return the verdict that this makes.

        Raises NotFound, InvalidInput; Conflict if another verdict counts meanwhile (also at the commit), or if the
        site demands signatures and there are none that are good.
        """
        made = await self.verdicts_of(transaction_id)
        last, judged = await store.find_last(self._database, transaction_id), _last_judged(made)
        if last is None or judged is None:
            raise NotFound("The session was not judged yet.")
        transaction = await self._charging.get(transaction_id)
        verdict = decide.apply(
            judged,
            last[0],
            decision,
            demands_signatures=await self._demands(transaction),
            by=plain(by, 200),
            at=self._clock.now(),
        )
        store.add_verdict(work, verdict, transaction.station_id, facts=last[1], software=SOFTWARE)
        store.close_item(work, transaction_id, verdict.judged_at, plain(by, 200))
        work.emit(
            ReviewDecided(
                occurred_at=verdict.judged_at,
                station_id=transaction.station_id,
                transaction_id=transaction_id,
                number=verdict.number,
                standing=verdict.standing.value,
                energy_wh=verdict.energy_wh,
                decided_by=verdict.decided_by or "",
            )
        )
        return verdict

    async def judge_waiting(self, station_id: str | None = None) -> int:
        """Judge anew what waits for a person, and return of how many the verdict is new.

        All that waits at a station, or everywhere what has come to wait lately: signed readings may come after the end,
        and change nothing that the record of the session would tell of.
        """
        changed = 0
        if station_id is None:
            waiting = await store.find_waiting(self._database, self._clock.now() - LATE)
        else:
            waiting = await store.find_waiting_at(self._database, station_id)
        for transaction_id in waiting:
            before = await self.verdict_of(transaction_id)
            try:
                after = await self.judge(transaction_id)
            except IngufuError as error:
                log.warning("evidence.not_judged", transaction=transaction_id, error=error.message)
                continue
            changed += before is None or after.number != before.number
        return changed

    async def get_key(self, key_id: str) -> MeterKey:
        """Return a meter's key. Raises NotFound."""
        found = await store.find_key(self._database, key_id)
        if found is None:
            raise NotFound("There is no such meter key.")
        return found

    async def keys_of(self, station_id: str) -> list[MeterKey]:
        """Return the keys of a station's meters, retired ones too, oldest first."""
        return await store.find_keys(self._database, station_id)

    async def add_key(self, work: Work, wanted: NewMeterKey, *, by: str) -> MeterKey:
        """Register the public key of a meter. What waits is judged by it when `judge_waiting` is called.

        Raises InvalidInput for a text that is no key of a curve that can be checked, Conflict if it is there already.
        """
        read = keys.read_key(wanted.public_key, wanted.curve)
        if read is None:
            raise InvalidInput(_describe_unreadable(), field="public_key")
        if wanted.valid_from and wanted.valid_until and wanted.valid_until <= wanted.valid_from:
            raise InvalidInput("The key must end after it begins.", field="valid_until")
        key = MeterKey(
            id=self._ids.new(),
            station_id=wanted.station_id,
            evse=wanted.evse,
            connector=wanted.connector,
            meter_serial=plain(wanted.meter_serial or "", 80).strip() or None,
            der_hex=read.der_hex,
            curve=read.curve,
            fingerprint=read.fingerprint,
            valid_from=wanted.valid_from,
            valid_until=wanted.valid_until,
            note=plain(wanted.note, 400),
            created_at=self._clock.now(),
            created_by=plain(by, 200),
        )
        if any(_is_same(key, other) for other in await self.keys_of(wanted.station_id)):
            raise Conflict("This key is registered for this meter already.")
        store.add_key(work, key)
        work.emit(
            MeterKeyAdded(
                occurred_at=key.created_at, station_id=key.station_id, key=key.id, fingerprint=key.fingerprint
            )
        )
        return key

    async def retire_key(self, work: Work, key_id: str, at: datetime) -> MeterKey:
        """Have a key hold only for sessions that began before an instant. Raises NotFound, InvalidInput."""
        key = await self.get_key(key_id)
        if key.valid_from is not None and at < key.valid_from:
            raise InvalidInput("It holds only from later on.", field="valid_until")
        store.retire_key(work, key_id, at)
        work.emit(
            MeterKeyRetired(
                occurred_at=self._clock.now(), station_id=key.station_id, key=key.id, fingerprint=key.fingerprint
            )
        )
        return msgspec.structs.replace(key, valid_until=at)

    async def demands_signatures(self, transaction_id: str) -> bool:
        """Return whether the session's site bills verified sessions only. Raises NotFound."""
        return await self._demands(await self._charging.get(transaction_id))

    async def site(self, site_id: str) -> SiteEvidence:
        """Return what a site asks of the evidence: nothing, where nothing was set."""
        return await store.find_site(self._database, site_id) or SiteEvidence(site_id=site_id)

    async def set_site(self, work: Work, site_id: str, *, demands_signatures: bool) -> SiteEvidence:
        """Have a site demand signed readings, for sessions that begin from now on, or demand them no longer."""
        before = await self.site(site_id)
        if before.demands_signatures is demands_signatures:
            return before
        since = self._clock.now() if demands_signatures else None
        after = SiteEvidence(site_id=site_id, demands_signatures=demands_signatures, since=since)
        store.put_site(work, after)
        return after

    async def _gather(
        self, transaction: Transaction, values: Mapping[str, SignedReading], kept: Mapping[str, str]
    ) -> Facts:
        database = self._database
        place = Place(
            evse=transaction.evse,
            connector=transaction.connector,
            started_at=transaction.started_at,
            ended_at=transaction.ended_at or transaction.started_at,
        )
        elsewhere = {name for name, brought_by in kept.items() if brought_by != transaction.id}
        registered = await store.find_keys(database, transaction.station_id) if values else []
        return gather(
            transaction,
            await self._charging.get_events(transaction.id),
            await store.find_glances(database, transaction.id),
            overlaps=await store.find_overlaps(database, transaction, OVERLAP_SLACK),
            max_power_w=await store.find_max_power(database, transaction),
            signed=await _examine(values, registered, place, elsewhere),
            demands_signatures=await self._demands(transaction),
        )

    async def _demands(self, transaction: Transaction) -> bool:
        site = await store.find_site_of(self._database, transaction.station_id)
        if site is None or not site.demands_signatures:
            return False
        return site.since is None or transaction.started_at >= site.since

    async def _add(
        self,
        transaction: Transaction,
        facts: Facts,
        digest: str,
        last: EnergyVerdict | None,
        new: Mapping[str, SignedReading],
    ) -> EnergyVerdict:
        outcome, now = reconcile(facts, self._rules), self._clock.now()
        verdict = EnergyVerdict(
            transaction_id=transaction.id,
            number=last.number + 1 if last is not None else 1,
            judged_at=now,
            **msgspec.structs.asdict(outcome),
        )
        async with self._database.work() as work:
            store.add_verdict(work, verdict, transaction.station_id, facts=digest, software=SOFTWARE)
            checks = [
                SignatureCheck(
                    transaction_id=transaction.id,
                    number=verdict.number,
                    position=position,
                    software=SOFTWARE,
                    checked_at=now,
                    **msgspec.structs.asdict(check),
                )
                for position, check in enumerate(facts.signed.checks)
            ]
            store.add_checks(work, checks)
            store.keep_records(work, transaction.id, new.items(), now)
            work.emit(_judged(transaction, verdict))
            await self._queue(work, transaction, verdict)
        return verdict

    async def _queue(self, work: Work, transaction: Transaction, verdict: EnergyVerdict) -> None:
        """Have the session wait for a person, or no longer, as the verdict says."""
        known = await store.find_item(self._database, transaction.id)
        is_open = known is not None and known.closed_at is None
        if verdict.standing is not Standing.REVIEW:
            if is_open:
                store.close_item(work, transaction.id, verdict.judged_at, "")
            return
        codes = tuple(reason.code for reason in verdict.reasons if reason.is_doubt)
        item = ReviewItem(
            transaction_id=transaction.id,
            station_id=transaction.station_id,
            number=verdict.number,
            proposed_wh=verdict.energy_wh,
            reasons=codes,
            opened_at=known.opened_at if known is not None and is_open else verdict.judged_at,
            updated_at=verdict.judged_at,
        )
        store.put_item(work, item)
        work.emit(
            ReviewOpened(
                occurred_at=verdict.judged_at,
                station_id=transaction.station_id,
                transaction_id=transaction.id,
                number=verdict.number,
                proposed_wh=verdict.energy_wh,
                reasons=codes,
            )
        )


async def _name(values: list[SignedReading]) -> dict[str, SignedReading]:
    """Return the signed values by their names; many are looked at beside the loop."""
    return distinct(values) if len(values) <= FEW else await asyncio.to_thread(distinct, values)


async def _examine(
    values: Mapping[str, SignedReading], registered: list[MeterKey], place: Place, elsewhere: set[str]
) -> Finding:
    """Return what the signed values prove; many are looked at beside the loop."""
    if len(values) <= FEW:
        return examine(values, registered, place, used_elsewhere=elsewhere)
    return await asyncio.to_thread(examine, values, registered, place, used_elsewhere=elsewhere)


def _judged(transaction: Transaction, verdict: EnergyVerdict) -> EnergyJudged:
    return EnergyJudged(
        occurred_at=verdict.judged_at,
        station_id=transaction.station_id,
        transaction_id=transaction.id,
        number=verdict.number,
        standing=verdict.standing.value,
        energy_wh=verdict.energy_wh,
        confidence=verdict.confidence.value,
        signature=verdict.signature.value,
    )


def _last_judged(made: list[EnergyVerdict]) -> EnergyVerdict | None:
    return next((verdict for verdict in reversed(made) if verdict.decided_by is None), None)


def _digest(facts: Facts) -> str:
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()


def _is_same(key: MeterKey, other: MeterKey) -> bool:
    place = (key.fingerprint, key.evse, key.connector, key.meter_serial)
    is_place = place == (other.fingerprint, other.evse, other.connector, other.meter_serial)
    return is_place and (other.valid_until is None or key.valid_from is None or key.valid_from < other.valid_until)


def _describe_unreadable() -> str:
    return (
        "This is no public key that can be checked with. Give it as the maker prints it: hexadecimal digits, Base64 or "
        f"PEM, of one of the curves {', '.join(keys.CURVES)}."
    )
