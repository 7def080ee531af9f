"""Where tariffs apply, as people name it: sites, stations, groups, drivers; and the zone that a tariff is shown in."""

from collections.abc import Iterable

from babel.numbers import get_territory_currencies

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import InvalidInput, NotFound
from ingufu.tariffs.situations import Target
from ingufu.views import console_sites, driver_plans, tokens
from ingufu.views.console_sites import SitePlace
from ingufu.views.stations import station_id_of
from ingufu.views.tariffs import AssignmentRow
from ingufu.views.tokens import DriverQuery, GroupQuery
from ingufu.web.api.tariffs import NewAssignment
from ingufu.web.console import present
from ingufu.web.console.price_words import Speech, text
from ingufu.web.context import WebContext

OFFERED = 200  # names that a form suggests
_FAR = "UTC"


async def sites_of(web: WebContext, principal: Principal) -> tuple[SitePlace, ...]:
    """Return the sites that the principal may see."""
    return await console_sites.list_places(web.services.database, principal.site_ids)


def zone_of(assignments: Iterable[AssignmentRow], sites: Iterable[SitePlace]) -> str:
    """Return the zone in which a tariff is shown: of the sites that it is given to, else of all, if they share one."""
    zones = {site.id: site.time_zone for site in sites}
    named = [zones[one.target_id] for one in assignments if one.target is Target.SITE and one.target_id in zones]
    return present.common_zone(named or list(zones.values()))


def zones_of(sites: Iterable[SitePlace]) -> list[str]:
    """Return the zones to choose from: those of the sites, and UTC."""
    return list(dict.fromkeys([*sorted({site.time_zone for site in sites}), _FAR]))


async def suggestions(
    web: WebContext, principal: Principal, sites: Iterable[SitePlace], speech: Speech
) -> list[tuple[str, str]]:
    """Return names that a form suggests for what a tariff can be given to, with what each is."""
    found = [(site.name, site.city) for site in list(sites)[:OFFERED]]
    if Scope.TOKENS_READ in principal.scopes:
        groups = await tokens.list_groups(web.services.database, GroupQuery(limit=OFFERED))
        drivers = await tokens.list_drivers(web.services.database, DriverQuery(limit=OFFERED))
        found += [(row.name or row.value, row.value) for row in groups.items]
        found += [(row.name, row.email or "") for row in drivers.items]
    found += [
        (name, text(speech, "Plan")) for name in await driver_plans.names_in_use(web.services.database, most=OFFERED)
    ]
    return found


async def assignment_of(web: WebContext, principal: Principal, kind: str, name: str, speech: Speech) -> NewAssignment:
    """Return what a person means by a name. Raises InvalidInput if there is nothing, or more than one, called so."""
    if kind not in set(Target):
        raise InvalidInput(text(speech, "Choose what it is given to."), field="target")
    target = Target(kind)
    if target is Target.EVERYONE:
        return NewAssignment(target=target)
    if not name:
        raise InvalidInput(text(speech, "Which one? Type its name."), field="name")
    if target is Target.PLAN:
        return NewAssignment(target=target, target_id=name[:100])
    if target in {Target.STATION, Target.EVSE}:
        return await _station(web, principal, target, name, speech)
    found = list(dict.fromkeys(await _named(web, principal, target, name)))
    if not found:
        raise InvalidInput(text(speech, "Nothing is called so. Look at the spelling."), field="name")
    if len(found) > 1:
        raise InvalidInput(text(speech, "More than one is called so. Give its id, from its page."), field="name")
    return NewAssignment(target=target, target_id=found[0])


async def _station(web: WebContext, principal: Principal, target: Target, name: str, speech: Speech) -> NewAssignment:
    identity, sign, number = name.rpartition(":") if target is Target.EVSE else (name, "", "")
    if target is Target.EVSE and not (sign and number.isascii() and number.isdecimal() and len(number) < 10):
        raise InvalidInput(text(speech, "Name station and EVSE, as in KGL-01:2."), field="name")
    try:
        station_id = await station_id_of(web.services.database, identity.strip(), principal.site_ids)
    except NotFound as error:
        raise InvalidInput(text(speech, "There is no such station."), field="name") from error
    return NewAssignment(target=target, target_id=station_id, evse=int(number) if number else None)


async def _named(web: WebContext, principal: Principal, target: Target, name: str) -> list[str]:
    wanted, database = name.casefold(), web.services.database
    if target is Target.SITE:
        sites = await sites_of(web, principal)
        return [site.id for site in sites if wanted in {site.name.casefold(), site.id.casefold()}]
    if target is Target.GROUP:
        groups = await tokens.list_groups(database, GroupQuery(q=name, limit=OFFERED))
        by_value = [row.id for row in groups.items if row.value.casefold() == wanted]
        return by_value or [row.id for row in groups.items if row.name.casefold() == wanted] or await _group(web, name)
    drivers = await tokens.list_drivers(database, DriverQuery(q=name, limit=OFFERED))
    return [row.id for row in drivers.items if row.name.casefold() == wanted] or await _driver(web, name)


async def _group(web: WebContext, group_id: str) -> list[str]:
    try:
        return [(await web.services.authorization.get_group(group_id)).id]
    except NotFound:
        return []


async def _driver(web: WebContext, driver_id: str) -> list[str]:
    try:
        return [(await web.services.authorization.get_driver(driver_id)).id]
    except NotFound:
        return []


async def usual_currency(web: WebContext, sites: Iterable[SitePlace]) -> str:
    """Return the currency that a new tariff most likely has: as other tariffs, else as the sites' country."""
    for tariff in await web.services.tariffs.all():
        versions = await web.services.tariffs.versions(tariff.id)
        if versions:
            return versions[-1].terms.currency
    for site in sites:
        known = get_territory_currencies(site.country.upper()) if len(site.country) == 2 else []
        if known:
            return str(known[-1])
    return ""
