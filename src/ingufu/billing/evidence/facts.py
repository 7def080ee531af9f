"""What is known of an ended session, whatever the order in which it was told. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

import msgspec

from ingufu.billing.evidence.model import Finding
from ingufu.charging.energy import Limits
from ingufu.charging.fold import Glance, Known, fold, order_of
from ingufu.charging.model import EnergySource, ReportKind, Transaction, TransactionEvent

ZERO = Decimal(0)
COVERED_PART = 0.8  # of the session that the samples of power have to cover to be held against the energy
POWER_GAP_S = 900.0  # between two of them


class Value(msgspec.Struct, frozen=True, order=True):
    """A register at an instant."""

    at: datetime
    wh: Decimal


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an ended session."""

    started_at: datetime
    ended_at: datetime
    is_estimated: bool = False  # its station never told of the end
    start_wh: Decimal | None = None
    end_wh: Decimal | None = None
    energy_wh: Decimal = ZERO  # as it was followed through resets and slips
    source: EnergySource = EnergySource.NOTHING
    disbelieved_end_wh: Decimal | None = None  # what the station gave for the end, if it cannot be
    readings: tuple[Value, ...] = ()  # registers between the ends
    power_wh: Decimal | None = None  # the energy that the measured power comes to; None: no power was told
    other_ends: tuple[Decimal, ...] = ()  # registers of further ends
    missing_messages: int = 0
    has_unset_clock: bool = False
    overlaps: tuple[str, ...] = ()  # other sessions that ran on the EVSE meanwhile
    max_power_w: Decimal | None = None  # of the connector, as entered
    signed: Finding = Finding()
    demands_signatures: bool = False

    @property
    def lasted_s(self) -> Decimal:
        return Decimal(str((self.ended_at - self.started_at).total_seconds()))


def gather(  # every part of a session by its name
    transaction: Transaction,
    events: Sequence[TransactionEvent],
    glances: Iterable[Glance],
    *,
    overlaps: Iterable[str] = (),
    max_power_w: Decimal | None = None,
    signed: Finding = Finding(),  # noqa: B008 - frozen
    demands_signatures: bool = False,
) -> Facts:
    """Return the facts of an ended session. Its row counts where old readings are gone."""
    glances = sorted(glances, key=_order_of)
    known = fold(transaction, events, glances, limits=Limits(), now=transaction.updated_at)
    ended_at = transaction.ended_at or transaction.started_at
    told_end = known.track.end.wh if known.track.end is not None else None
    return Facts(
        started_at=transaction.started_at,
        ended_at=ended_at,
        is_estimated=transaction.is_estimated,
        start_wh=transaction.start_wh,
        end_wh=transaction.end_wh,
        energy_wh=transaction.energy_wh,
        source=transaction.energy_source,
        disbelieved_end_wh=told_end if told_end != transaction.end_wh else None,
        readings=tuple(Value(one.at, one.energy_wh) for one in glances if one.energy_wh is not None),
        power_wh=_integrate(glances, transaction.started_at, ended_at),
        other_ends=_other_ends(events),
        missing_messages=_count_missing(known),
        has_unset_clock=any(one.facts.clock_at is not None and one.kind is not ReportKind.UPDATED for one in events),
        overlaps=tuple(sorted(overlaps)),
        max_power_w=max_power_w,
        signed=signed,
        demands_signatures=demands_signatures,
    )


def _order_of(glance: Glance) -> tuple[datetime, str, Decimal, float]:
    return glance.at, glance.context, glance.energy_wh or ZERO, glance.power_w or 0.0


def _integrate(glances: Sequence[Glance], started_at: datetime, ended_at: datetime) -> Decimal | None:
    """Return the energy that the samples of power come to, if they cover the session well enough."""
    told = [(one.at, max(one.power_w, 0.0)) for one in glances if one.power_w is not None]
    covered_s = sum_ws = 0.0
    for (earlier_at, earlier_w), (later_at, later_w) in pairwise(told):
        step_s = (later_at - earlier_at).total_seconds()
        if step_s <= POWER_GAP_S:
            covered_s += step_s
            sum_ws += step_s * (earlier_w + later_w) / 2
    lasted_s = (ended_at - started_at).total_seconds()
    if lasted_s <= 0 or covered_s < COVERED_PART * lasted_s:
        return None
    return Decimal(f"{sum_ws / 3600:.3f}")


def _other_ends(events: Sequence[TransactionEvent]) -> tuple[Decimal, ...]:
    """Return the registers of ends beside the one that counts."""
    ends = sorted((one for one in events if one.kind is ReportKind.ENDED and not one.facts.is_estimate), key=order_of)
    return tuple(one.facts.register_wh for one in ends[1:] if one.facts.register_wh is not None)


def _count_missing(known: Known) -> int:
    """Return how many numbers are missing between the first and the last message that came."""
    return sum(later[0] - earlier[1] - 1 for earlier, later in pairwise(known.seen))
