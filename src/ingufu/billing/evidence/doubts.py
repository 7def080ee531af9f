"""What speaks against the energy that a session was told to have, and what is proposed instead. Pure."""

from decimal import Decimal
from itertools import pairwise

from ingufu.billing.evidence.facts import Facts
from ingufu.billing.evidence.model import EvidenceRules, Reason
from ingufu.charging.model import EnergySource

ZERO = Decimal(0)
THOUSAND = Decimal(1000)
HOUR_S = Decimal(3600)
POWER_MARGIN = Decimal("1.2")  # meters, clocks and what is entered for a connector are not that exact
UNIT_MARGIN = Decimal("0.1")  # a factor of a thousand, give or take
LOOSE_PART = Decimal("0.1")  # sampled power is no meter
OUTLIER_PART = Decimal("0.1")  # of the readings: so few may be slips of the meter
ROLL_PART = Decimal("0.99")  # a register that falls from so near its end to its begin has rolled over
ROLLS = tuple(Decimal(10) ** digits for digits in range(7, 13))  # Wh at which registers begin anew: 10 MWh to 1 TWh
OF_THE_SESSION = frozenset({"overlap"})  # doubts that a signed reading does not take away
TOO_MUCH = frozenset({"implausible-power", "no-duration"})


def examine(facts: Facts, rules: EvidenceRules) -> tuple[Decimal, list[Reason]]:
    """Return the energy, or what is proposed for it, with everything that speaks against it."""
    energy, reasons = follow_registers(facts, rules)
    reasons += _find_faults(facts, energy, rules)
    bound = _most_by_power(facts, rules)
    scaled = _unscale(facts, energy, rules)
    if scaled is not None:
        return scaled[0], [*reasons, scaled[1]]
    too_much = find_too_much(facts, energy, rules)
    if too_much:
        return min(energy, bound), [*reasons, *too_much]
    return energy, reasons


def find_too_much(facts: Facts, energy: Decimal, rules: EvidenceRules) -> list[Reason]:
    """Return the doubt about an energy that no power could have brought in the time."""
    if energy <= 0:
        return []
    if facts.lasted_s <= 0:
        return [Reason(code="no-duration", detail=f"{energy} Wh in no time.")] if energy > rules.tolerance_wh else []
    bound = _most_by_power(facts, rules)
    if energy <= bound + rules.tolerance_wh:
        return []
    mean_w = energy * HOUR_S / facts.lasted_s
    limit = facts.max_power_w or rules.max_power_w
    return [Reason(code="implausible-power", detail=f"{mean_w:.0f} W on average; {limit:.0f} W is the most.")]


def is_near(one: Decimal, other: Decimal, rules: EvidenceRules, *, loosely: bool = False) -> bool:
    """Return whether two energies differ by no more than the tolerance: so many Wh, or so many percent."""
    part = LOOSE_PART if loosely else rules.tolerance_percent / 100
    return abs(one - other) <= max(rules.tolerance_wh, part * max(abs(one), abs(other)))


def most_of(facts: Facts) -> Decimal | None:
    """Return the most that the registers allow, None where none was told."""
    values = [reading.wh for reading in facts.readings]
    values += [value for value in (facts.start_wh, facts.end_wh, *facts.other_ends) if value is not None]
    if len(values) < 2:
        return None
    spread = max(values) - min(values)
    return max(spread, facts.energy_wh, *(value - (facts.start_wh or ZERO) for value in facts.other_ends), ZERO)


def follow_registers(facts: Facts, rules: EvidenceRules) -> tuple[Decimal, list[Reason]]:
    """Return the energy by registers and readings alone, and what is odd about them."""
    energy = max(facts.energy_wh, ZERO)
    start, end = facts.start_wh, facts.end_wh
    if facts.source is EnergySource.NOTHING:
        return ZERO, [Reason(code="no-register", detail="No register was told.")]
    reasons: list[Reason] = []
    if start is not None and end is not None and end < start:
        rolled = _roll_over(facts, rules)
        if rolled is not None:
            return rolled, [Reason(code="register-rollover", detail=f"From {start} Wh it went on at {end} Wh.")]
        if facts.source is not EnergySource.DELTAS:
            reasons.append(Reason(code="register-negative", detail=f"It ends at {end} Wh and begins at {start} Wh."))
    if facts.source is EnergySource.DELTAS:
        text = f"The register began anew during the session; its rises come to {energy} Wh."
        reasons.append(Reason(code="register-reset", detail=text))
    elif facts.source is EnergySource.READINGS:
        reasons += _judge_readings(facts, rules)
    else:
        reasons += _judge_between(facts, rules)
    return energy, reasons


def _roll_over(facts: Facts, rules: EvidenceRules) -> Decimal | None:
    """Return the energy of a register that went through its end, if that explains its fall."""
    start, end = facts.start_wh, facts.end_wh
    assert start is not None  # noqa: S101 - the caller has looked
    assert end is not None  # noqa: S101 - the caller has looked
    highest = max([start, *(reading.wh for reading in facts.readings)])
    for limit in ROLLS:
        if limit * ROLL_PART <= highest < limit:
            energy = limit - start + end
            return energy if energy <= _most_by_power(facts, rules) else None
    return None


def _judge_readings(facts: Facts, rules: EvidenceRules) -> list[Reason]:
    """Return what is missing where only readings tell of the energy: how long before the end, and how much."""
    if facts.start_wh is None or len(facts.readings) < 2:
        text = "The begin was not told." if facts.start_wh is None else "Nothing was told after the begin."
        return [Reason(code="register-missing", detail=text)]
    last = facts.readings[-1]
    text = f"The last register is of {last.at:%H:%M:%S} UTC."
    gap_s = Decimal(str((facts.ended_at - last.at).total_seconds()))
    if gap_s > rules.max_gap_s:
        return [Reason(code="end-gap", detail=f"{text} {gap_s / 60:.0f} minutes are missing.")]
    longest = max(
        (Decimal(str((later.at - earlier.at).total_seconds())) for earlier, later in pairwise(facts.readings)),
        default=ZERO,
    )
    if longest > rules.max_gap_s:
        return [Reason(code="readings-gap", detail=f"For {longest / 60:.0f} minutes there is no reading.")]
    return [Reason(code="from-readings", is_doubt=False, detail=text)]


def _judge_between(facts: Facts, rules: EvidenceRules) -> list[Reason]:
    """Return readings that lie outside of the two registers: one of them is not true."""
    start, end = facts.start_wh, facts.end_wh
    if start is None or end is None:
        return []
    slack = max(rules.tolerance_wh, rules.tolerance_percent / 100 * abs(end - start))
    outside = [reading.wh for reading in facts.readings if not start - slack <= reading.wh <= end + slack]
    if not outside:
        return []
    is_doubt = len(outside) > OUTLIER_PART * len(facts.readings) or facts.readings[-1].wh == outside[-1]
    text = f"{len(outside)} readings lie outside of {start} to {end} Wh, for instance {outside[0]} Wh."
    return [Reason(code="readings-disagree", is_doubt=is_doubt, detail=text)]


def _find_faults(facts: Facts, energy: Decimal, rules: EvidenceRules) -> list[Reason]:
    """Return the doubts that are of the session, not of its registers."""
    found: list[Reason] = []
    if facts.disbelieved_end_wh is not None and facts.source is not EnergySource.DELTAS:
        text = f"The station gave {facts.disbelieved_end_wh} Wh for the end; the readings speak against it."
        found.append(Reason(code="end-not-believed", detail=text))
    if facts.is_estimated:
        found.append(Reason(code="lost-end", detail="The station never told of the end."))
    if facts.missing_messages:
        is_doubt = facts.source is not EnergySource.REGISTERS
        text = f"{facts.missing_messages} messages of the station are missing."
        found.append(Reason(code="messages-missing", is_doubt=is_doubt, detail=text))
    if facts.has_unset_clock:
        text = "The station's clock was not set: energy is as told, times may not be."
        found.append(Reason(code="clock-unset", is_doubt=rules.reviews_unset_clocks, detail=text))
    differing = [value for value in facts.other_ends if not is_near(value, facts.end_wh or ZERO, rules)]
    if differing:
        text = f"It was ended again, at {', '.join(str(value) for value in sorted(set(differing)))} Wh."
        found.append(Reason(code="second-end", detail=text))
    hours = facts.lasted_s / HOUR_S
    if hours > rules.max_hours:
        found.append(Reason(code="very-long", detail=f"It lasted {hours:.1f} hours."))
    if facts.overlaps and energy > 0:
        text = (
            f"{len(facts.overlaps)} other sessions ran on the EVSE meanwhile: {', '.join(sorted(facts.overlaps)[:3])}."
        )
        found.append(Reason(code="overlap", detail=text))
    return found


def _unscale(facts: Facts, energy: Decimal, rules: EvidenceRules) -> tuple[Decimal, Reason] | None:
    """Return the proposal where kWh and Wh seem to be mixed up: never more than the registers say."""
    power, rise = facts.power_wh, _rise(facts)
    if energy <= 0:
        return None
    if power is not None and power > rules.tolerance_wh and not is_near(energy, power, rules, loosely=True):
        for factor in (THOUSAND, 1 / THOUSAND):
            if abs(energy / factor - power) <= UNIT_MARGIN * power:
                text = f"{energy} Wh by registers, {power:.0f} Wh by the measured power: kWh and Wh may be mixed up."
                return min(energy / factor, energy), Reason(code="unit-confusion", detail=text)
    is_too_much = facts.lasted_s > 0 and energy > _most_by_power(facts, rules)
    if rise > 0 and is_too_much and abs(energy / THOUSAND - rise) <= UNIT_MARGIN * rise:
        text = f"{energy} Wh by registers, {rise} Wh by readings: kWh and Wh may be mixed up."
        return energy / THOUSAND, Reason(code="unit-confusion", detail=text)
    return None


def _rise(facts: Facts) -> Decimal:
    told = [reading.wh for reading in facts.readings]
    return max(told) - min(told) if told else ZERO


def _most_by_power(facts: Facts, rules: EvidenceRules) -> Decimal:
    watts = (facts.max_power_w or rules.max_power_w) * POWER_MARGIN
    return watts * max(facts.lasted_s, ZERO) / HOUR_S
