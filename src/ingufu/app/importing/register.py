"""What is there already, and how a row of each kind is put beside it: the services decide, here is only translation."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from ingufu.accounts.model import Role, RoleGrant, User
from ingufu.app.administration import Administration
from ingufu.app.importing.model import Effect, Kind
from ingufu.authorization.model import Driver, DriverDetails, GroupDetails, Token, TokenDetails, TokenKind
from ingufu.core.errors import InvalidInput
from ingufu.infra.storage.database import Work
from ingufu.stations.model import Approval, BootAnswer, Station
from ingufu.views.paging import MAX_LIMIT
from ingufu.views.tokens import DriverQuery, list_drivers

Values = Mapping[str, Any]

_NAMES: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {Kind.SITES: ("name",), Kind.GROUPS: ("value",), Kind.DRIVERS: ("email", "name")}
)


class Put(msgspec.Struct, frozen=True):
    """What a row does: to which thing, and how it then is."""

    effect: Effect
    id: str
    station: Station | None = None


class Register:
    """Puts rows into units of work. Reads see what is committed; what the same import makes is known by its name."""

    def __init__(self, desk: Administration) -> None:
        self._desk = desk
        self._services = desk.services
        self._drivers: dict[str, list[str]] = {}  # e-mail addresses and names, folded, to ids
        self._made: dict[Kind, dict[str, str]] = {kind: {} for kind in Kind}  # names, folded, to ids

    async def look(self) -> None:
        """Read anew who the drivers are; they are named by address or name."""
        self._drivers = {}
        cursor: str | None = None
        while True:
            page = await list_drivers(self._desk.services.database, DriverQuery(limit=MAX_LIMIT, cursor=cursor))
            for driver in page.items:
                for name in {(driver.email or driver.name).casefold(), driver.name.casefold()}:
                    self._drivers.setdefault(name, []).append(driver.id)
            cursor = page.next
            if cursor is None:
                return

    async def put(self, work: Work, kind: Kind, values: Values) -> Put:
        """Add to the unit of work what the row needs. Raises InvalidInput, Conflict, NotFound."""
        puts: Mapping[Kind, Callable[[Work, Values], Awaitable[Put]]] = {
            Kind.SITES: self._put_site,
            Kind.USERS: self._put_user,
            Kind.GROUPS: self._put_group,
            Kind.DRIVERS: self._put_driver,
            Kind.STATIONS: self._put_station,
            Kind.TOKENS: self._put_token,
        }
        return await puts[kind](work, values)

    async def settle(self, work: Work, kind: Kind, put: Put, values: Values) -> bool:
        """Add what can only follow once the thing is there: blocks. Returns whether there was anything to do."""
        if "is_blocked" not in values:
            return False
        authorization, is_blocked = self._services.authorization, values["is_blocked"]
        known: Driver | Token
        if kind is Kind.DRIVERS:
            known = await authorization.get_driver(put.id)
            if (known.blocked_at is not None) is not is_blocked:
                await (authorization.block_driver if is_blocked else authorization.unblock_driver)(work, put.id)
                return True
        else:
            known = await authorization.get_token(put.id)
            if (known.blocked_at is not None) is not is_blocked:
                if is_blocked:
                    await authorization.block_token(work, put.id, reason=values.get("block_reason") or "")
                else:
                    await authorization.unblock_token(work, put.id)
                return True
        return False

    def promise(self, kind: Kind, values: Values, put: Put) -> None:
        """Let rows after this one name what it makes."""
        for name in _NAMES.get(kind, ()):
            if values.get(name):
                self._made[kind][values[name].casefold()] = put.id

    async def _put_site(self, work: Work, values: Values) -> Put:
        before = await self._services.sites.find_by_name(values["name"])
        fields: Any = {name: _text(name, value) for name, value in values.items()}
        after = await self._services.sites.put(work, organisation_id=self._desk.organisation_id, **fields)
        return _compared(before, after)

    async def _put_user(self, work: Work, values: Values) -> Put:
        before = await self._services.accounts.find_user(values["email"])
        fields: Any = {name: values[name] for name in ("name", "language", "is_disabled") if name in values}
        if before is None and fields.get("is_disabled"):
            raise InvalidInput("a user who is not there yet cannot be disabled", field="is_disabled")
        grants = await self._grants(before, values)
        if grants is not None and (before is None or set(grants) != set(before.grants)):
            fields["grants"] = grants
        after = await self._services.accounts.put_user(
            work,
            values["email"],
            organisation_id=self._desk.organisation_id,
            password=values.get("password"),
            **fields,
        )
        return _compared(before, after)

    async def _grants(self, before: User | None, values: Values) -> tuple[RoleGrant, ...] | None:
        """Return what the user is to hold; None: it stays."""
        known = before.grants if before is not None else ()
        role = Role(values["role"]) if "role" in values else next((grant.role for grant in known), None)
        if role is None or not {"role", "sites"} & values.keys():
            return None
        if "sites" in values:
            site_ids = [await self._site_id(site, "sites") for site in values["sites"] or ()] or [None]
        else:
            site_ids = [grant.site_id for grant in known] or [None]
        return tuple(RoleGrant(role=role, site_id=site_id) for site_id in site_ids)

    async def _put_group(self, work: Work, values: Values) -> Put:
        before = await self._services.authorization.find_group(values["value"])
        details = _merged(GroupDetails(value=values["value"]), before, values)
        after = await self._services.authorization.put_group(work, details, organisation_id=self._desk.organisation_id)
        return _compared(before, after)

    async def _put_driver(self, work: Work, values: Values) -> Put:
        ids = self._drivers.get((values.get("email") or values["name"]).casefold(), [])
        before = await self._services.authorization.get_driver(ids[0]) if len(ids) == 1 else None
        details = _merged(DriverDetails(name=values["name"]), before, values)
        after = await self._services.authorization.put_driver(work, details, organisation_id=self._desk.organisation_id)
        return _compared(before, after, is_blocked=values.get("is_blocked"))

    async def _put_station(self, work: Work, values: Values) -> Put:
        stations = self._services.stations
        before = await stations.find_by_identity(values["identity"])
        fields: dict[str, Any] = {name: value for name, value in values.items() if name not in {"identity", "password"}}
        if "site" in fields:
            site = fields.pop("site")
            fields["site_id"] = None if site is None else await self._site_id(site, "site")
        for name, kind in (("approval", Approval), ("boot_answer", BootAnswer)):
            if name in fields:
                fields[name] = kind(fields[name])
        if "note" in fields:
            fields["note"] = fields["note"] or ""
        if (
            before is not None
            and before.approval is Approval.WAITING
            and fields.get("approval") is not Approval.WAITING
        ):
            await stations.approve(work, before.id)  # the password with which it called was anybody's
        password = values.get("password")
        after = await stations.put(work, values["identity"], password=password, **fields)
        return msgspec.structs.replace(_compared(before, after), station=after)

    async def _put_token(self, work: Work, values: Values) -> Put:
        kind = values.get("kind") or TokenKind.ISO14443.value
        before = await self._services.authorization.find_token(values["value"], kind)
        given = {name: value for name, value in values.items() if name not in {"group", "driver"}}
        is_awaited = False
        for name, find in (("group", self._group_id), ("driver", self._driver_id)):
            if name in values:
                found = None if values[name] is None else await find(values[name])
                given[f"{name}_id"] = found
                is_awaited |= values[name] is not None and found is None
        details = _merged(TokenDetails(value=values["value"], kind=kind), before, given)
        after = await self._services.authorization.put_token(work, details, organisation_id=self._desk.organisation_id)
        put = _compared(before, after, is_blocked=values.get("is_blocked"))
        return msgspec.structs.replace(put, effect=Effect.CHANGED) if is_awaited and before is not None else put

    async def _site_id(self, name: str, field: str) -> str | None:
        found = await self._services.sites.find_by_name(name)
        site_id = self._made[Kind.SITES].get(name.casefold()) if found is None else found.id
        if site_id is None:
            raise InvalidInput(f"there is no site called {name}", field=field)
        return site_id

    async def _group_id(self, value: str) -> str | None:
        """Return the group's id; None while this import only judges, and will make the group."""
        found = await self._services.authorization.find_group(value)
        if found is None and value.casefold() not in self._made[Kind.GROUPS]:
            raise InvalidInput(f"there is no group {value}", field="group")
        return None if found is None else found.id

    async def _driver_id(self, name: str) -> str | None:
        """Return the driver's id; None while this import only judges, and will make the driver."""
        ids = self._drivers.get(name.casefold(), [])
        if len(ids) > 1:
            raise InvalidInput(f"several drivers are called {name}; name one by e-mail address", field="driver")
        if not ids and name.casefold() not in self._made[Kind.DRIVERS]:
            raise InvalidInput(f"there is no driver {name}", field="driver")
        return ids[0] if ids else None


def _merged(default: Any, before: Any, values: Values) -> Any:  # one of the details of authorization
    """Return the details of what is there, or the usual ones, with those of the row in their place."""
    names = type(default).__struct_fields__
    known = {} if before is None else {name: getattr(before, name) for name in names}
    given = {name: _text(name, values[name]) for name in names if name in values}
    return msgspec.structs.replace(default, **(known | given))


_EMPTY: Mapping[str, Any] = MappingProxyType({"note": "", "address": "", "city": "", "country": ""})


def _text(name: str, value: Any) -> Any:
    return _EMPTY.get(name) if value is None else value


def _compared(before: Any, after: Any, *, is_blocked: bool | None = None) -> Put:
    if before is None:
        return Put(Effect.NEW, after.id)
    is_same = before == after and (is_blocked is None or is_blocked is (before.blocked_at is not None))
    return Put(Effect.SAME if is_same else Effect.CHANGED, before.id)
