"""What a report does to a transaction, what is odd about it, and whom it concerns. Pure: state and report in."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from ingufu.authorization.decide import MASK, is_secret
from ingufu.authorization.model import (
    Occasion,
    PresentedToken,
    StartedBy,
    Verdict,
    VerdictReason,
    VerdictStatus,
)
from ingufu.charging import sequence
from ingufu.charging.events import (
    TransactionCorrected,
    TransactionDetailed,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from ingufu.charging.fold import ESTIMATE_KEY, STOP_TRIGGERS, Known, sign_of_life
from ingufu.charging.intake import Intake, Oddity
from ingufu.charging.model import (
    AnomalyKind,
    ChargingState,
    EventFacts,
    EventToken,
    ReportKind,
    Transaction,
    TransactionEvent,
    TransactionReport,
)
from ingufu.core.events import Event

SLACK = timedelta(seconds=60)  # a station's messages of one moment may carry times this far apart
REPEATABLE = frozenset({AnomalyKind.SECOND_START, AnomalyKind.SECOND_END, AnomalyKind.STRANGER_STOPPED})
_DETAILS = {
    AnomalyKind.REGISTER_RESET: "The register fell and counting went on from there.",
    AnomalyKind.REGISTER_BACKWARDS: "The register ran backwards a little.",
    AnomalyKind.IMPLAUSIBLE_VALUE: "A register value cannot be right.",
}
_PLACES = {ReportKind.STARTED: "start", ReportKind.UPDATED: "update", ReportKind.ENDED: "stop"}
_WRITTEN_LATER = (AnomalyKind.UPDATE_BEFORE_START, AnomalyKind.END_BEFORE_START)


def start_key(report: TransactionReport) -> str:
    """Return what tells a repeated 1.6 start from a new one: who, where, when, from which register."""
    token = report.token.key if report.token is not None else ""
    when = report.at_station or report.at.isoformat()
    return _digest(report.station_id, report.evse, report.connector, token, report.register_wh, when)


def make_event(intake: Intake, verdict: Verdict | None) -> TransactionEvent:
    """Return the report as an event, the value of its token masked if it is a secret."""
    report = intake.report
    event = TransactionEvent(
        key="",
        kind=report.kind,
        seq=report.seq,
        at=report.at,
        at_station=report.at_station,
        received_at=report.received_at,
        trigger=report.trigger,
        state=report.state,
        is_offline=report.is_offline,
        facts=EventFacts(
            evse=report.evse,
            connector=report.connector,
            register_wh=report.register_wh,
            stop_reason=report.stop_reason,
            remote_start_id=report.remote_start_id,
            reservation_id=report.reservation_id,
            token=_event_token(report.token, verdict),
            clock_at=intake.clock_at,
            message=report.details,
        ),
    )
    return msgspec.structs.replace(event, key=main_key(event))


def main_key(event: TransactionEvent) -> str:
    """Return the key of the first event in its place: its sequence number, or what it is."""
    is_one_of_many = event.seq is None and event.kind is ReportKind.UPDATED
    return spare_key(event) if is_one_of_many else _place(event)


def spare_key(event: TransactionEvent) -> str:
    """Return the key of another event in a place that is taken. It sorts after that of the first."""
    return f"{_place(event)}/{fingerprint(event)}"


def is_taken(known: Known, event: TransactionEvent) -> bool:
    """Return whether an event in this place is kept already."""
    return sequence.contains(known.seen, event.seq) if event.seq is not None else event.key in known.keys


def fingerprint(event: TransactionEvent) -> str:
    """Return what tells a repeated event from another one."""
    when = event.at_station or (event.facts.clock_at or event.at).isoformat()
    return _digest(event.kind, when, event.trigger, event.state, event.facts.stop_reason, event.facts.register_wh)


def make_estimate(known: Known, received_at: datetime, ended_at: datetime | None = None) -> TransactionEvent:
    """Return the event by which we close a transaction whose end the station has never told."""
    facts = EventFacts(is_estimate=True)
    at = sign_of_life(known) if ended_at is None else ended_at
    return TransactionEvent(key=ESTIMATE_KEY, kind=ReportKind.ENDED, at=at, received_at=received_at, facts=facts)


def make_state_note(state: ChargingState, at: datetime, received_at: datetime) -> TransactionEvent:
    """Return the event of a 1.6 status that tells what the vehicle does."""
    return TransactionEvent(
        key=f"state/{at.isoformat()}/{state.value}",
        kind=ReportKind.UPDATED,
        at=at,
        received_at=received_at,
        trigger="StatusNotification",
        state=state,
    )


def occasion_of(report: TransactionReport) -> Occasion:
    """Return what the token in a report was presented for."""
    if report.kind is ReportKind.STARTED:
        return Occasion.START
    is_stop = report.kind is ReportKind.ENDED or report.trigger in STOP_TRIGGERS
    return Occasion.STOP if is_stop else Occasion.UPDATE


def who_started(transaction: Transaction, occasion: Occasion) -> StartedBy | None:
    """Return against whom a token is measured: nobody, while the transaction waits for its first accepted token."""
    is_accepted = transaction.verdict == VerdictStatus.ACCEPTED
    if occasion is Occasion.START or (occasion is Occasion.UPDATE and not is_accepted):
        return None
    key = PresentedToken(value=transaction.token_value or "").key
    return StartedBy(token_id=transaction.token_id, token_key=key or None, group_id=transaction.group_id)


def rivals(known: Known, others: Iterable[Known]) -> tuple[bool, list[Known]]:
    """Return whether this transaction must be closed for a later one on its EVSE, and which earlier ones for it.

    There is one transaction at a time on an EVSE (2.x E01); what still runs besides has lost its end.
    """
    own = known.transaction
    if not own.is_open or not own.evse:
        return False, []
    on_evse = [
        other
        for other in others
        if other.transaction.evse == own.evse and other.transaction.is_open and other.transaction.id != own.id
    ]
    earlier = [other for other in on_evse if other.transaction.started_at <= own.started_at]
    return len(earlier) < len(on_evse), earlier


def superseded(report: TransactionReport, transaction: Transaction, others: Iterable[Known]) -> frozenset[str]:
    """Return the ids of the transactions that a report is about to close, as it says first where its own one runs."""
    if transaction.evse is not None or report.evse is None:
        return frozenset()
    started_at = min(transaction.started_at, report.at)
    placed = msgspec.structs.replace(transaction, evse=report.evse, started_at=started_at)
    _, earlier = rivals(Known(transaction=placed), others)
    return frozenset(other.transaction.id for other in earlier)


def is_same_bill(one: Transaction, other: Transaction) -> bool:
    """Return whether two states of a transaction would be billed alike."""
    return _bill(one) == _bill(other) and one.is_open == other.is_open


def find_oddities(before: Known | None, after: Known, event: TransactionEvent | None) -> list[Oddity]:
    """Return what is odd about the step from `before` to `after`, except what the transaction is marked with."""
    found: list[Oddity] = []
    if event is not None and not event.facts.is_estimate:
        found += _of_order(before, after, event)
        found += _of_token(after, event)
    flags = after.track.flags - (before.track.flags if before is not None else frozenset())
    if flags:
        found += [(kind, _DETAILS[kind]) for kind in sorted(flags)]
    if sequence.has_gap(after.seen):
        first, last = after.seen[0][1], after.seen[1][0]
        found.append((AnomalyKind.SEQUENCE_GAP, f"Between {first} and {last} something is missing."))
    return found


def mark(known: Known, oddities: Sequence[Oddity]) -> tuple[Known, list[Oddity]]:
    """Return the transaction marked with what is odd, and which of it counts: most kinds do so once."""
    if not oddities and not known.marks and not known.transaction.anomaly_count:  # as of nearly all
        return known, []
    marks, new = dict(known.marks), list[Oddity]()
    for kind, detail in oddities:
        if kind not in marks or kind in REPEATABLE:
            marks[kind] = marks.get(kind, 0) + 1
            new.append((kind, detail))
    known = msgspec.structs.replace(known, marks=marks)
    standing = sum(marks.values()) - len(_resolved(known))
    if standing == known.transaction.anomaly_count:
        return known, new
    transaction = msgspec.structs.replace(known.transaction, anomaly_count=standing)
    return msgspec.structs.replace(known, transaction=transaction), new


def tell_stored(before: Transaction | None, after: Transaction) -> list[Event]:
    """Return the facts to be kept and published: begun, ended (again, if an estimate was replaced), corrected."""
    if before is not None and before.is_open and after.is_open:
        return []
    told: list[Event] = []
    ids = {"station_id": after.station_id, "transaction_id": after.id}
    if before is None:
        told.append(TransactionStarted(occurred_at=after.started_at, evse=after.evse, verdict=after.verdict, **ids))
    has_ended = before is None or before.is_open or (before.is_estimated and not after.is_estimated)
    if not after.is_open and has_ended:
        told.append(
            TransactionEnded(
                occurred_at=after.ended_at or after.started_at,
                evse=after.evse,
                energy_wh=after.energy_wh,
                stop_reason=after.stop_reason,
                is_estimated=after.is_estimated,
                **ids,
            )
        )
    elif before is not None and not after.is_open and _bill(before) != _bill(after):
        told.append(
            TransactionCorrected(occurred_at=after.updated_at, evse=after.evse, energy_wh=after.energy_wh, **ids)
        )
    return told


def tell_late(before: Transaction, after: Transaction) -> list[Event]:
    """Return that something came late which leaves what is told of the transaction as it was, but not how it went."""
    if before.is_open or after.is_open or tell_stored(before, after):
        return []
    return [TransactionDetailed(occurred_at=after.updated_at, station_id=after.station_id, transaction_id=after.id)]


def tell_live(after: Transaction) -> TransactionUpdated:
    """Return the fact for those who watch."""
    return TransactionUpdated(
        occurred_at=after.heard_at or after.updated_at,
        station_id=after.station_id,
        transaction_id=after.id,
        evse=after.evse,
        state=after.state.value,
        energy_wh=after.energy_wh,
        power_w=after.power_w,
        soc_percent=after.soc_percent,
    )


def _place(event: TransactionEvent) -> str:
    return str(event.seq) if event.seq is not None else _PLACES[event.kind]


def _of_order(before: Known | None, after: Known, event: TransactionEvent) -> list[Oddity]:
    found: list[Oddity] = []
    if before is None:
        if event.kind is ReportKind.UPDATED:
            found.append((AnomalyKind.UPDATE_BEFORE_START, "The first that was heard of it was an update."))
        elif event.kind is ReportKind.ENDED:
            found.append((AnomalyKind.END_BEFORE_START, "The first that was heard of it was its end."))
    elif event.kind is ReportKind.STARTED:
        if before.has_start:
            found.append((AnomalyKind.SECOND_START, "It was started already, by another message."))
    elif before.has_end:
        found.append(_after_end(before.transaction, event))
    ended_at, started_at = event.at, after.transaction.started_at
    if event.kind is ReportKind.ENDED and ended_at < started_at and event.facts.clock_at is None:
        found.append((AnomalyKind.END_BEFORE_ITS_START, f"It ends at {ended_at}, but starts at {started_at}."))
    return found


def _after_end(ended: Transaction, event: TransactionEvent) -> Oddity:
    if event.kind is ReportKind.ENDED:
        register = event.facts.register_wh
        is_higher = register is not None and ended.end_wh is not None and register > ended.end_wh
        more = f" Its register, {register} Wh, is above that of the first, {ended.end_wh} Wh." if is_higher else ""
        return AnomalyKind.SECOND_END, f"It was ended already, by another message.{more}"
    if ended.ended_at is not None and event.at > ended.ended_at:
        return AnomalyKind.AFTER_END, "It goes on after its end."
    return AnomalyKind.LATE_EVENT, "An earlier event came after its end."


def _of_token(after: Known, event: TransactionEvent) -> list[Oddity]:
    token = event.facts.token
    if token is None or token.is_accepted or token.verdict is None:
        return []
    if token.reason == VerdictReason.NOT_THE_ONE_WHO_STARTED:
        return [(AnomalyKind.STRANGER_STOPPED, f"{token.value} did not start it.")]
    if event.kind is ReportKind.ENDED or after.transaction.token_value != token.value:
        return []
    if token.reason == VerdictReason.UNKNOWN_TOKEN and event.is_offline:
        return [(AnomalyKind.UNKNOWN_TOKEN_OFFLINE, f"{token.value} is not registered, and started offline.")]
    return [(AnomalyKind.REFUSED_TOKEN, f"{token.value} is refused: {token.reason}.")]


def _resolved(known: Known) -> frozenset[AnomalyKind]:
    """Return the kinds that the transaction is marked with and that later messages have made good."""
    resolved = set[AnomalyKind]()
    if not sequence.has_gap(known.seen):
        resolved.add(AnomalyKind.SEQUENCE_GAP)
    if known.has_start:
        resolved.update(_WRITTEN_LATER)
    if known.has_end:
        resolved.add(AnomalyKind.LOST_END)
    return frozenset(resolved.intersection(known.marks))


def _bill(transaction: Transaction) -> tuple[object, ...]:
    return (transaction.energy_wh, transaction.started_at, transaction.ended_at, transaction.token_id)


def _event_token(token: PresentedToken | None, verdict: Verdict | None) -> EventToken | None:
    if token is None:
        return None
    is_hidden = is_secret(token.kind) or (verdict is not None and verdict.is_secret)
    return EventToken(
        value=MASK if is_hidden else token.value,
        kind=token.kind,
        token_id=verdict.token_id if verdict else None,
        group_id=verdict.group_id if verdict else None,
        driver_id=verdict.driver_id if verdict else None,
        verdict=verdict.status.value if verdict else None,
        reason=verdict.reason.value if verdict else None,
    )


def _digest(*parts: object) -> str:
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
