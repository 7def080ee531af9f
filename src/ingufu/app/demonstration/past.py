"""What a network would have reported in the past, by the rules by which reports are recorded; rows as they are kept."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from ingufu.authorization.model import Occasion, PresentedToken, TokenKind, Verdict, VerdictReason, VerdictStatus
from ingufu.charging import decide, intake, sequence
from ingufu.charging.energy import Limits
from ingufu.charging.fold import Known, fold, glance_at
from ingufu.charging.intake import KeptReading
from ingufu.charging.model import (
    Anomaly,
    AnomalyKind,
    ChargingRules,
    ChargingState,
    Figures,
    ReportKind,
    Sample,
    SignedValue,
    Transaction,
    TransactionEvent,
    TransactionReport,
)
from ingufu.core.clock import FrozenClock
from ingufu.core.events import Event
from ingufu.core.ids import IdMaker
from ingufu.simulator import signing
from ingufu.simulator.history import PastFault, PastRefusal, PastSession, Point
from ingufu.simulator.plan import Standing
from ingufu.stations.events import StatusChanged

V16 = "1.6"
ON_THE_WAY = timedelta(milliseconds=300)  # from a station's clock to our commit
TOLD_LATE = timedelta(minutes=25)  # what happened offline is heard of when the connection is back
ODD_ONE_IN = 140  # sessions, of which one is reported strangely
RECENT = timedelta(days=9)  # what the overview draws: a session by the thousand would hide all others

BEGIN, END = "Transaction.Begin", "Transaction.End"

replace = msgspec.structs.replace

_RULES = ChargingRules()
_LIMITS = Limits()
_encode_samples = msgspec.json.Encoder().encode

_REFUSALS: Mapping[str, tuple[VerdictStatus, VerdictReason]] = {
    Standing.BLOCKED: (VerdictStatus.BLOCKED, VerdictReason.TOKEN_BLOCKED),
    Standing.EXPIRED: (VerdictStatus.EXPIRED, VerdictReason.TOKEN_EXPIRED),
    Standing.UNKNOWN: (VerdictStatus.UNKNOWN, VerdictReason.UNKNOWN_TOKEN),
}

Rows = dict[str, Any]


class PastStation(msgspec.Struct, frozen=True, kw_only=True):
    """What is entered of a station of the past."""

    id: str
    version: str
    meter_serial: str | None = None  # of a meter that signs


class PastToken(msgspec.Struct, frozen=True, kw_only=True):
    """What is entered of a token of the past."""

    id: str
    driver_id: str | None = None
    group_id: str | None = None


class Told(msgspec.Struct, frozen=True):
    """Everything that is kept of one session, one refusal or one fault."""

    transaction: Transaction | None = None
    reports: tuple[TransactionEvent, ...] = ()
    readings: tuple[Rows, ...] = ()
    decisions: tuple[Rows, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    events: tuple[Event, ...] = ()


class Teller:
    """Tells the past of planned stations in the words of the domain."""

    def __init__(
        self, stations: Mapping[str, PastStation], tokens: Mapping[str, PastToken], began_at: datetime, now: datetime
    ) -> None:
        self._stations = stations
        self._recent_at = now - RECENT
        self._tokens = tokens
        self._clock = FrozenClock(began_at)
        self._ids = IdMaker(self._clock)
        self._sessions = 0
        self.next_number = 1

    def session(self, past: PastSession) -> Told:
        """Return what is kept of a session."""
        self._sessions += 1
        station = self._stations[past.identity]
        if self._sessions % ODD_ONE_IN == ODD_ONE_IN // 2:
            past = _with_odd_meter(
                past, mixes=self._sessions // ODD_ONE_IN % 2 == 1 and past.began_at < self._recent_at
            )
        taken = [intake.clean(report, _RULES) for report in self._reports(past, station)]
        verdict = self._accepted(past.token)
        events = [decide.make_event(one, verdict if one.report.token else None) for one in taken]
        readings = list(_readings(past, station.meter_serial))
        told_at = taken[-1].report.received_at
        blank = self._blank(past, station, taken[0].report)
        known = fold(blank, events, map(glance_at, readings), limits=_LIMITS, now=told_at)
        known, oddities = decide.mark(known, [*_oddities(known), *(odd for one in taken for odd in one.oddities)])
        kept = known.transaction
        return Told(
            transaction=kept,
            reports=tuple(events),
            readings=tuple(
                _row(reading, kept, told_at if past.was_offline else reading.at + ON_THE_WAY) for reading in readings
            ),
            decisions=(_decision(past, station, Occasion.START, verdict, kept.id),),
            anomalies=tuple(_anomaly(kept, kind, detail, told_at) for kind, detail in oddities),
            events=(
                *decide.tell_stored(None, kept),
                _status(station, past.evse, past.began_at, "available", "occupied", "Charging"),
                _status(station, past.evse, past.ended_at, "occupied", "available", "Available"),
            ),
        )

    def refusal(self, past: PastRefusal) -> Told:
        """Return what is kept of a card that was not accepted."""
        station = self._stations[past.identity]
        status, reason = _REFUSALS[past.standing]
        token = self._tokens.get(past.token)
        verdict = Verdict(status=status, reason=reason, token_id=token.id if token else None)
        return Told(decisions=(_decision(past, station, Occasion.AUTHORIZE, verdict, None),))

    def fault(self, past: PastFault) -> Told:
        """Return what is kept of a connector that was broken."""
        station = self._stations[past.identity]
        return Told(
            events=(
                _status(station, past.evse, past.began_at, "available", "faulted", "Faulted", past),
                _status(station, past.evse, past.ended_at, "faulted", "available", "Available"),
            )
        )

    def _blank(self, past: PastSession, station: PastStation, start: TransactionReport) -> Transaction:
        self._clock.set(max(past.began_at, self._clock.now()))
        number = None
        if station.version == V16:
            number, self.next_number = self.next_number, self.next_number + 1
        return Transaction(
            id=self._ids.new(),
            number=number,
            station_id=station.id,
            reference=past.reference if number is None else str(number),
            start_key=None if number is None else decide.start_key(start),
            version=station.version,
            started_at=past.began_at,
            start_received_at=start.received_at,
            updated_at=start.received_at,
        )

    def _reports(self, past: PastSession, station: PastStation) -> Iterator[TransactionReport]:
        is_16 = station.version == V16
        is_odd = self._sessions % ODD_ONE_IN == 0
        token = PresentedToken(value=past.token, kind=None if is_16 else TokenKind.ISO14443.value)
        late_at = past.ended_at + TOLD_LATE
        rests = past.charged_until_at < past.ended_at - timedelta(minutes=1)
        moments: list[tuple[ReportKind, datetime, ChargingState, str, Decimal | None]] = []
        moments.append((ReportKind.STARTED, past.began_at, ChargingState.CHARGING, "Authorized", past.start_wh))
        if rests:
            moments.append(
                (ReportKind.UPDATED, past.charged_until_at, ChargingState.SUSPENDED_EV, "ChargingStateChanged", None)
            )
        moments.append((ReportKind.ENDED, past.ended_at, ChargingState.ENDED, "EVCommunicationLost", past.end_wh))
        for seq, (kind, at, state, trigger, register_wh) in enumerate(moments):
            is_unset = is_16 and is_odd and kind is ReportKind.STARTED
            said_at = datetime(1970, 1, 1, 0, 3, 20, tzinfo=at.tzinfo) if is_unset else at
            if is_16 and kind is ReportKind.UPDATED:
                continue  # told by a status, which says nothing of the transaction
            yield TransactionReport(
                kind=kind,
                station_id=station.id,
                version=station.version,
                evse=past.evse,
                connector=1,
                reference=None if is_16 and kind is ReportKind.STARTED else past.reference,
                token=token if kind is ReportKind.STARTED else None,
                at=said_at,
                at_station=_written(said_at),
                received_at=late_at if past.was_offline else at + ON_THE_WAY,
                register_wh=register_wh if is_16 else None,
                seq=None if is_16 else seq + (1 if is_odd and kind is ReportKind.ENDED else 0),
                trigger=None if is_16 else trigger,
                state=None if is_16 else state,
                stop_reason=past.stop_reason if kind is ReportKind.ENDED else None,
                is_offline=past.was_offline and not is_16,
                remote_start_id=self._sessions if past.is_remote and kind is ReportKind.STARTED else None,
            )

    def _accepted(self, value: str) -> Verdict:
        token = self._tokens[value]
        return Verdict(
            status=VerdictStatus.ACCEPTED,
            reason=VerdictReason.KNOWN_TOKEN,
            token_id=token.id,
            driver_id=token.driver_id,
            group_id=token.group_id,
        )


def _with_odd_meter(past: PastSession, *, mixes: bool) -> PastSession:
    """Return the session as it would be if its meter began anew, or mixed up kWh and Wh."""
    half = len(past.points) // 2
    if half < 2:
        return past
    if mixes:
        by_thousand = tuple(
            replace(point, register_wh=past.start_wh + (point.register_wh - past.start_wh) * 1000)
            for point in past.points
        )
        return replace(past, points=by_thousand, end_wh=past.start_wh + past.energy_wh * 1000)
    middle = past.points[half].register_wh
    anew = tuple(replace(point, register_wh=point.register_wh - middle) for point in past.points[half:])
    return replace(past, points=(*past.points[:half], *anew), end_wh=past.end_wh - middle)


def _readings(past: PastSession, serial: str | None) -> Iterator[KeptReading]:
    """Yield the meter's values, the first that of the start, the last that of the end; signed by a meter that signs."""
    first_soc = past.points[0].soc if past.points else None
    begin = _written(past.began_at), str(past.start_wh)
    yield _reading(Point(past.began_at, past.start_wh, 0.0, first_soc), BEGIN, _signed(serial, begin, BEGIN))
    for point in past.points[:-1]:
        yield _reading(point, "Sample.Periodic")
    for point in past.points[-1:]:
        moment = _written(point.at), str(point.register_wh)
        yield _reading(point, END, _signed(serial, moment, END, begin))


def _signed(
    serial: str | None, moment: signing.Moment, context: str, begin: signing.Moment | None = None
) -> SignedValue | None:
    if serial is None:
        return None
    return SignedValue(
        data=signing.sign(serial, moment, context, begin),
        method=signing.METHOD,
        encoding=signing.ENCODING,
        public_key=signing.public_key(serial),
    )


def _reading(point: Point, context: str, signed: SignedValue | None = None) -> KeptReading:
    raw_wh, raw_w = str(point.register_wh), str(point.power_w)
    samples = [
        Sample(value=point.register_wh, raw_value=raw_wh, raw_unit="Wh", context=context, signed=signed),
        Sample(
            measurand="Power.Active.Import",
            value=Decimal(raw_w),
            unit="W",
            raw_value=raw_w,
            raw_unit="W",
            context=context,
        ),
    ]
    if point.soc is not None:
        samples.append(
            Sample(
                measurand="SoC",
                value=Decimal(str(point.soc)),
                unit="Percent",
                raw_value=str(point.soc),
                raw_unit="Percent",
                location="EV",
                context=context,
            )
        )
    return KeptReading(
        at=point.at,
        at_station=_written(point.at),
        figures=Figures(context=context, energy_wh=point.register_wh, power_w=point.power_w, soc_percent=point.soc),
        samples=tuple(samples),
    )


def _row(reading: KeptReading, transaction: Transaction, received_at: datetime) -> Rows:
    figures = reading.figures
    return {
        "station_id": transaction.station_id,
        "evse": transaction.evse,
        "transaction_id": transaction.id,
        "at": reading.at,
        "at_station": reading.at_station,
        "received_at": received_at,
        **msgspec.structs.asdict(figures),
        "samples": _encode_samples(reading.samples).decode(),
    }


def _decision(
    past: PastSession | PastRefusal,
    station: PastStation,
    occasion: Occasion,
    verdict: Verdict,
    transaction_id: str | None,
) -> Rows:
    return {
        "at": past.began_at,
        "station_id": station.id,
        "evse": past.evse,
        "token_id": verdict.token_id,
        "token_value": past.token,
        "token_kind": TokenKind.ISO14443.value,
        "occasion": occasion.value,
        "status": verdict.status.value,
        "reason": verdict.reason.value,
        "transaction_id": transaction_id,
    }


def _oddities(known: Known) -> list[tuple[AnomalyKind, str]]:
    if sequence.has_gap(known.seen):
        first, last = known.seen[0][1], known.seen[1][0]
        return [(AnomalyKind.SEQUENCE_GAP, f"Between {first} and {last} something is missing.")]
    return []


def _anomaly(transaction: Transaction, kind: AnomalyKind, detail: str, at: datetime) -> Anomaly:
    return Anomaly(
        at=at,
        station_id=transaction.station_id,
        evse=transaction.evse,
        transaction_id=transaction.id,
        kind=kind,
        detail=detail,
    )


def _status(
    station: PastStation, evse: int, at: datetime, before: str, after: str, raw: str, fault: PastFault | None = None
) -> StatusChanged:
    is_16 = station.version == V16
    return StatusChanged(
        occurred_at=at,
        station_id=station.id,
        evse=evse,
        connector=1,
        before=before,
        after=after,
        raw_status=raw if is_16 else after.capitalize(),
        error_code=fault.code if fault is not None else None,
        info=fault.info if fault is not None else None,
    )


def _written(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
