"""Where tariffs apply: what one is assigned to, what a session's situation is, and how the choice is explained."""

from datetime import datetime
from enum import StrEnum

import msgspec

from ingufu.tariffs.model import AppliedTariff, Tariff, TariffKind, TariffVersion


class Target(StrEnum):
    """What a tariff can be assigned to, in the order in which assignments are looked at: the first that holds wins."""

    DRIVER = "driver"
    GROUP = "group"  # of id tokens
    PLAN = "plan"  # what a driver has subscribed to, by its name
    EVSE = "evse"
    STATION = "station"
    SITE = "site"
    EVERYONE = "everyone"  # the default of the network


class Where(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a tariff is assigned to."""

    target: Target
    target_id: str = ""  # of the driver, group, plan, station or site; the station's for an EVSE; empty for everyone
    evse: int | None = None  # set for an EVSE alone


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """That a tariff applies somewhere, or to somebody, for a time."""

    id: str
    tariff_id: str
    target: Target
    target_id: str = ""
    evse: int | None = None
    valid_from: datetime
    valid_until: datetime | None = None  # exclusive
    note: str = ""
    created_at: datetime
    created_by: str = ""

    @property
    def where(self) -> Where:
        return Where(target=self.target, target_id=self.target_id, evse=self.evse)


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """Who charges where: all that decides which tariff applies, but the time."""

    station_id: str | None = None
    evse: int | None = None
    site_id: str | None = None
    driver_id: str | None = None
    group_id: str | None = None
    plan: str | None = None
    kind: TariffKind = TariffKind.REGULAR  # AD_HOC_PAYMENT: nobody is known, who charges pays on the spot

    def at(self, target: Target) -> Where | None:
        """Return what an assignment to such a target must name to hold here; None if that is not known here."""
        if target is Target.EVERYONE:
            return Where(target=target)
        if target is Target.EVSE:
            if not self.station_id or self.evse is None:
                return None
            return Where(target=target, target_id=self.station_id, evse=self.evse)
        named = {
            Target.DRIVER: self.driver_id,
            Target.GROUP: self.group_id,
            Target.PLAN: self.plan,
            Target.STATION: self.station_id,
            Target.SITE: self.site_id,
        }[target]
        return Where(target=target, target_id=named) if named else None


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """An assignment with its tariff and the tariff's versions."""

    assignment: Assignment
    tariff: Tariff
    versions: tuple[TariffVersion, ...] = ()


class StepCode(StrEnum):
    """What was found at one step of choosing a tariff. Stable: translations and programs rely on it."""

    UNKNOWN_TARGET = "unknown-target"  # the situation names no driver, no group...
    NOTHING_ASSIGNED = "nothing-assigned"
    NOT_YET = "not-yet"  # assigned from later on
    OVER = "over"  # assigned until before
    OTHER_KIND = "other-kind"  # the tariff is for another kind of session
    NO_VERSION = "no-version"  # the tariff has no version in force then
    WINS = "wins"
    LESS_SPECIFIC = "less-specific"  # it would hold, but a target before it in the order has one that holds
    ANY_KIND = "any-kind"  # one for this very kind of session is preferred to one for every kind
    EARLIER = "earlier"  # of two for the same target the one that began later wins
    NOTHING_APPLIES = "nothing-applies"


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One look: what at, and why it won or lost."""

    code: StepCode
    target: Target | None = None
    target_id: str = ""
    evse: int | None = None
    assignment_id: str | None = None
    tariff_id: str | None = None
    tariff: str = ""  # its name
    version: int | None = None
    details: dict[str, str] = {}  # what a sentence about it names: instants, kinds


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which tariff applies, and all that was looked at on the way. `applied` None: none does, and nothing is priced."""

    applied: AppliedTariff | None = None
    steps: tuple[Step, ...] = ()


def kind_of_session(token_kind: str | None, *, is_known: bool) -> TariffKind:
    """Return what kind of session a token makes: ad hoc if nobody is known, or who charges pays on the spot."""
    return TariffKind.AD_HOC_PAYMENT if token_kind == "DirectPayment" or not is_known else TariffKind.REGULAR
