"""Which tariff applies, and which version of it. Pure.

The order: driver, group, plan, EVSE, station, site, everyone. The first target with an assignment that holds wins.
Of several for the same target, one for this very kind of session goes before one for every kind; then the one that
began later; then the one that was made later.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

import msgspec

from ingufu.tariffs.model import AppliedTariff, TariffVersion
from ingufu.tariffs.situations import Choice, Offer, Situation, Step, StepCode, Target


def choose(situation: Situation, offers: Iterable[Offer], at: datetime) -> Choice:
    """Return the tariff that prices a session beginning at `at`, whatever the order of the offers; feeds are not in it.

    Every target is looked at and every assignment to it is explained, also those after the one that wins.
    """
    known = list(offers)
    steps: list[Step] = []
    winner: tuple[Offer, TariffVersion] | None = None
    for target in Target:
        place = situation.at(target)
        if place is None:
            steps.append(Step(code=StepCode.UNKNOWN_TARGET, target=target))
            continue
        here = sorted((one for one in known if one.assignment.where == place), key=_rank, reverse=True)
        if not here:
            steps.append(
                Step(code=StepCode.NOTHING_ASSIGNED, target=target, target_id=place.target_id, evse=place.evse)
            )
        for offer in here:
            version = version_at(offer.versions, at)
            code = _obstacle(offer, situation, version, at)
            if code is None and winner is not None:
                code = _beaten_by(winner[0], offer)
            if code is None:
                assert version is not None  # noqa: S101 - without one there is an obstacle
                winner = (offer, version)
            steps.append(_step(offer, code or StepCode.WINS, version, situation))
    if winner is None:
        return Choice(steps=(*steps, Step(code=StepCode.NOTHING_APPLIES)))
    return Choice(applied=applied(winner[0].tariff.name, winner[1]), steps=tuple(steps))


def version_at(versions: Iterable[TariffVersion], at: datetime) -> TariffVersion | None:
    """Return the version in force at an instant. A start is inclusive, an end is not."""
    return next((one for one in versions if _is_in_force(one, at)), None)


def applied(name: str, version: TariffVersion, *, from_at: datetime | None = None) -> AppliedTariff:
    """Return the version as a session is priced by it."""
    return AppliedTariff(
        tariff_id=version.tariff_id, version=version.number, name=name, terms=version.terms, from_at=from_at
    )


def chained(versions: Sequence[TariffVersion]) -> tuple[TariffVersion, ...]:
    """Return the versions with the end that each should have: where the next begins. The withdrawn ones stay."""
    standing = sorted((one for one in versions if one.withdrawn_at is None), key=_order)
    ends = {before.number: after.valid_from for before, after in pairwise(standing)}
    fitted = {one.number: msgspec.structs.replace(one, valid_until=ends.get(one.number)) for one in standing}
    return tuple(fitted.get(one.number, one) for one in versions)


def _order(version: TariffVersion) -> tuple[datetime, int]:
    return (version.valid_from, version.number)


def _is_in_force(version: TariffVersion, at: datetime) -> bool:
    if version.withdrawn_at is not None or version.valid_from > at:
        return False
    return version.valid_until is None or at < version.valid_until


def _rank(offer: Offer) -> tuple[bool, datetime, str]:
    assignment = offer.assignment
    return (offer.tariff.kind is not None, assignment.valid_from, assignment.id)


def _obstacle(offer: Offer, situation: Situation, version: TariffVersion | None, at: datetime) -> StepCode | None:
    """Return why an offer does not hold by itself, or None."""
    assignment = offer.assignment
    if assignment.valid_from > at:
        return StepCode.NOT_YET
    if assignment.valid_until is not None and assignment.valid_until <= at:
        return StepCode.OVER
    if offer.tariff.kind not in (None, situation.kind):
        return StepCode.OTHER_KIND
    return StepCode.NO_VERSION if version is None else None


def _beaten_by(winner: Offer, offer: Offer) -> StepCode:
    if winner.assignment.target is not offer.assignment.target:
        return StepCode.LESS_SPECIFIC
    if winner.tariff.kind is not None and offer.tariff.kind is None:
        return StepCode.ANY_KIND
    return StepCode.EARLIER


def _step(offer: Offer, code: StepCode, version: TariffVersion | None, situation: Situation) -> Step:
    assignment = offer.assignment
    details: dict[str, str] = {}
    if code in (StepCode.NOT_YET, StepCode.EARLIER):
        details["from"] = assignment.valid_from.isoformat()
    if code is StepCode.OVER and assignment.valid_until is not None:
        details["until"] = assignment.valid_until.isoformat()
    if code is StepCode.OTHER_KIND and offer.tariff.kind is not None:
        details |= {"tariff_kind": offer.tariff.kind.value, "session_kind": situation.kind.value}
    return Step(
        code=code,
        target=assignment.target,
        target_id=assignment.target_id,
        evse=assignment.evse,
        assignment_id=assignment.id,
        tariff_id=offer.tariff.id,
        tariff=offer.tariff.name,
        version=version.number if version is not None and code is StepCode.WINS else None,
        details=details,
    )
