"""The pages beside the menu: which there are, in which order, and who is shown which."""

from enum import StrEnum

import msgspec

from ingufu.accounts.model import Principal, Scope


class Area(StrEnum):
    """What the entries of the menu are grouped by; templates/parts/navigation.html has their words."""

    NETWORK = "network"
    PEOPLE = "people"
    MONEY = "money"
    OPERATIONS = "operations"
    SETTINGS = "settings"


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the menu."""

    key: str  # what its pages set as `section`
    area: Area
    path: str  # behind the console's
    icon: str
    scope: Scope | None = None  # what the reader must hold; None: being known is enough
    is_for_network: bool = False  # not for those who are tied to sites
    is_for_fleets: bool = False  # for fleets, who see what is theirs
    is_for_organisations: bool = False  # for hosts and fleets, who see their own people


def _section(area: Area, key: str, path: str, icon: str, scope: Scope | None, **who: bool) -> Section:
    return Section(key=key, area=area, path=path, icon=icon, scope=scope, **who)


_OWN_PEOPLE = {"is_for_network": True, "is_for_organisations": True}
SECTIONS: tuple[Section, ...] = (
    _section(Area.NETWORK, "overview", "", "layout-dashboard", Scope.STATIONS_READ),
    _section(Area.NETWORK, "stations", "/stations", "charging-pile", Scope.STATIONS_READ),
    _section(Area.NETWORK, "sessions", "/sessions", "bolt", Scope.TRANSACTIONS_READ, is_for_fleets=True),
    _section(Area.NETWORK, "reservations", "/reservations", "calendar", Scope.STATIONS_READ),
    _section(Area.NETWORK, "sites", "/sites", "map-pin", Scope.STATIONS_READ),
    _section(Area.NETWORK, "reports", "/reports", "chart-line", Scope.REPORTS_READ),
    _section(Area.PEOPLE, "drivers", "/drivers", "users", Scope.TOKENS_READ, is_for_network=True, is_for_fleets=True),
    _section(
        Area.PEOPLE, "tokens", "/tokens", "credit-card", Scope.TOKENS_READ, is_for_network=True, is_for_fleets=True
    ),
    _section(Area.PEOPLE, "decisions", "/decisions", "shield", Scope.TOKENS_READ, is_for_fleets=True),
    _section(Area.PEOPLE, "groups", "/groups", "id", Scope.TOKENS_READ, is_for_network=True, is_for_fleets=True),
    _section(Area.MONEY, "tariffs", "/tariffs", "tag", Scope.TARIFFS_READ),
    _section(Area.MONEY, "charge-records", "/charge-records", "receipt", Scope.MONEY_READ, is_for_fleets=True),
    _section(Area.MONEY, "invoices", "/invoices", "file-invoice", Scope.MONEY_READ, is_for_fleets=True),
    _section(Area.MONEY, "review", "/review-queue", "scale", Scope.MONEY_READ),
    _section(Area.MONEY, "ledger", "/ledger", "coin", Scope.MONEY_READ),
    _section(Area.OPERATIONS, "configuration", "/configuration", "adjustments-horizontal", Scope.STATIONS_READ),
    _section(Area.OPERATIONS, "attempts", "/attempts", "plug-connected-x", Scope.STATIONS_READ),
    _section(Area.OPERATIONS, "admission", "/admission", "id", Scope.STATIONS_READ, is_for_network=True),
    _section(Area.SETTINGS, "users", "/users", "user", Scope.USERS_READ, **_OWN_PEOPLE),
    _section(Area.SETTINGS, "organisations", "/organisations", "building", Scope.USERS_READ, is_for_network=True),
    _section(Area.SETTINGS, "roles", "/roles", "lock", Scope.USERS_READ, is_for_network=True),
    _section(Area.SETTINGS, "keys", "/api-keys", "key", Scope.USERS_READ, **_OWN_PEOPLE),
    _section(Area.SETTINGS, "mails", "/mails", "message", Scope.ADMIN, is_for_network=True),
    _section(Area.SETTINGS, "audit", "/audit", "history", Scope.AUDIT_READ, is_for_network=True),
)


def areas_for(principal: Principal) -> tuple[tuple[Area, tuple[Section, ...]], ...]:
    """Return the areas and their entries that the principal may open."""
    shown = [section for section in SECTIONS if _is_open(section, principal)]
    grouped = ((area, tuple(section for section in shown if section.area is area)) for area in Area)
    return tuple((area, sections) for area, sections in grouped if sections)


def first_path(principal: Principal) -> str | None:
    """Return the address, behind the console's, of the first page that the principal may open; None: there is none."""
    return next((section.path for section in SECTIONS if _is_open(section, principal)), None)


def _is_open(section: Section, principal: Principal) -> bool:
    if section.scope is not None and section.scope not in principal.scopes:
        return False
    if section.is_for_organisations and principal.people_of is not None:
        return True
    if principal.fleet_id is not None:
        return section.is_for_fleets
    return not (section.is_for_network and principal.site_ids is not None)
