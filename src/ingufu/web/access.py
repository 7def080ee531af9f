"""What every writing route does: find the station one may touch, write the audit trail, tell who holds the socket."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import structlog
from msgspec import UNSET

from ingufu.accounts.model import ApiKey, OrganisationKind, Principal, User
from ingufu.core.errors import Forbidden, InvalidInput, NotFound, StationUnavailable, Unavailable
from ingufu.infra.storage.database import Work
from ingufu.stations.model import Station
from ingufu.views import stations as station_views
from ingufu.web.context import WebContext

DetailsT = TypeVar("DetailsT", bound=msgspec.Struct)

log = structlog.get_logger(__name__)


async def station_of(web: WebContext, principal: Principal, station: str) -> Station:
    """Return the station of this id or identity. Raises NotFound, also if it is not the principal's to see."""
    database = web.services.database
    return await web.services.stations.get(await station_views.station_id_of(database, station, principal.site_ids))


def check_site(principal: Principal, site_id: str | None) -> None:
    """Raise Forbidden if the principal may not place anything at this site."""
    if principal.site_ids is not None and site_id not in principal.site_ids:
        raise Forbidden("You may place stations only at the sites that are yours.")


def note(  # one line of the audit trail
    web: WebContext,
    work: Work,
    principal: Principal,
    action: str,
    object_id: str,
    details: Mapping[str, Any] | None = None,
    *,
    before: msgspec.Struct | Mapping[str, Any] | None = None,
    after: msgspec.Struct | Mapping[str, Any] | None = None,
) -> None:
    """Keep in the audit trail, with the unit of work, that the principal did this. `action` is "station.approve".

    `before` and `after`: the thing, or those of its fields that may change. Only what differs is kept; without
    `before` it was made, without `after` it is gone.
    """
    web.services.accounts.audit(
        work,
        principal,
        action,
        object_kind=action.partition(".")[0],
        object_id=object_id,
        details=details,
        before=before,
        after=after,
    )


async def note_export(web: WebContext, principal: Principal, name: str, form: str, query: msgspec.Struct) -> None:
    """Keep in the audit trail that the principal took a list away as a file, and which part of it."""
    asked = {
        field.name: value
        for field in msgspec.structs.fields(query)
        if (value := getattr(query, field.name)) not in (None, field.default) and field.name not in ("cursor", "limit")
    }
    async with web.services.database.work() as work:
        details = {"form": str(form), "query": msgspec.to_builtins(asked)}
        note(web, work, principal, f"{name}.export", name, details)


def given_fields(change: msgspec.Struct) -> dict[str, Any]:
    """Return the fields that a change names."""
    return {name: value for name, value in msgspec.structs.asdict(change).items() if value is not UNSET}


async def reload(web: WebContext, station_id: str) -> None:
    """Let the process that holds the station's socket read its settings anew; if it is away, it will when it comes."""
    try:
        await web.link.reload(station_id)
    except (Unavailable, StationUnavailable) as error:
        log.warning("station.not_reloaded", station=station_id, error=error.message)


async def disconnect(web: WebContext, station_id: str, reason: str) -> bool:
    """Close the station's connection; False if there was none, or nobody to ask."""
    try:
        return await web.link.disconnect(station_id, reason)
    except (Unavailable, StationUnavailable) as error:
        log.warning("station.not_disconnected", station=station_id, error=error.message)
        return False


async def check_site_exists(web: WebContext, site_id: str) -> None:
    """Raise InvalidInput if there is no such site."""
    try:
        await web.services.sites.get(site_id)
    except NotFound as error:
        raise InvalidInput("There is no such site.", field="site_id") from error


async def organisation_of(web: WebContext, principal: Principal) -> str:
    """Return the organisation in whose name the principal enters things."""
    return principal.organisation_id or await operator_of(web)


async def operator_of(web: WebContext) -> str:
    """Return the operator. Raises NotFound before there is one."""
    for one in await web.services.accounts.organisations():
        if one.kind is OrganisationKind.OPERATOR:
            return one.id
    raise NotFound("There is no operator yet.")


async def owner_of(web: WebContext, principal: Principal, organisation_id: str | None) -> str:
    """Return whose a driver, card or group is that the principal enters: their own organisation's, or the named one's.

    Raises InvalidInput for an organisation that is none to them, or that has no drivers.
    """
    own = await organisation_of(web, principal)
    if organisation_id in (None, own):
        return own
    known = {one.id: one.kind for one in await web.services.accounts.organisations()}
    kind = known.get(organisation_id or "") if principal.fleet_id is None else None
    if kind is None or kind is OrganisationKind.HOST:
        raise InvalidInput("There is no such fleet.", field="organisation_id")
    return organisation_id or own


async def user_of(web: WebContext, principal: Principal, user_id: str) -> User:
    """Return the user. Raises NotFound, also if they are not of the organisation whose people the principal sees."""
    user = await web.services.accounts.user(user_id)
    if principal.people_of not in (None, user.organisation_id):
        raise NotFound(f"There is no user {user_id!r}.")
    return user


async def key_of(web: WebContext, principal: Principal, key_id: str) -> ApiKey:
    """Return the API key. Raises NotFound, also if it is not of the organisation whose keys the principal sees."""
    key = await web.services.accounts.key(key_id)
    if principal.people_of not in (None, key.organisation_id):
        raise NotFound(f"There is no API key {key_id!r}.")
    return key


async def employer_of(web: WebContext, principal: Principal, organisation_id: str | None) -> str:
    """Return whose a user or key is that the principal enters: of the named organisation, else their own's.

    Raises InvalidInput for an organisation that is none to them.
    """
    if principal.people_of is None:
        return organisation_id or await operator_of(web)
    if organisation_id not in (None, principal.people_of):
        raise InvalidInput("There is no such organisation.", field="organisation_id")
    return principal.people_of


def merged(kind: type[DetailsT], known: msgspec.Struct, fields: Mapping[str, Any]) -> DetailsT:
    """Return what is entered about a thing: as it is known, with the fields that change."""
    before = msgspec.structs.asdict(known)
    return kind(**{name: before[name] for name in kind.__struct_fields__} | dict(fields))
