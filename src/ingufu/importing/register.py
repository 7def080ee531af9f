"""What is there already, and how a row of each kind is put beside it: the services decide, here is only translation."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from ingufu.accounts.model import Role, RoleGrant, User
from ingufu.authorization.decide import is_hidden, is_secret, shown
from ingufu.authorization.model import (
    Driver,
    DriverDetails,
    GroupDetails,
    Token,
    TokenDetails,
    TokenGroup,
    TokenKind,
    token_key,
)
from ingufu.authorization.registration import check_token, proper_kind
from ingufu.core.errors import InvalidInput
from ingufu.importing.model import Effect, Kind, Row
from ingufu.importing.ports import Desk
from ingufu.infra.storage.database import Work
from ingufu.stations.model import Approval, BootAnswer, Station

Values = Mapping[str, Any]

_NAMES: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {Kind.SITES: ("name",), Kind.GROUPS: ("value",), Kind.DRIVERS: ("email", "name")}
)


class Put(msgspec.Struct, frozen=True):
    """What a row does: to which thing, and how it then is."""

    effect: Effect
    id: str
    station: Station | None = None
    before: msgspec.Struct | None = None  # for the audit trail, without secrets
    after: msgspec.Struct | None = None
    block: msgspec.Struct | None = None  # how it is once it was blocked, or its block lifted
    is_blocked: bool = False


class Register:
    """Puts rows into units of work. Reads see what is committed; what the same import makes is known by its name.

    With `makes_missing`, groups and drivers that tokens name and that are not there are made.
    """

    def __init__(self, desk: Desk, *, makes_missing: bool = False) -> None:
        self._desk = desk
        self._services = desk.services
        self._makes_missing = makes_missing
        self._drivers: dict[str, list[Driver]] = {}  # by address and by name, folded
        self._groups: dict[str, TokenGroup] = {}  # by value, folded
        self._tokens: dict[tuple[str, str], Token] = {}  # by key and kind
        self._hidden: dict[str, Token] = {}  # by id: those whose value the rows do not tell
        self._made: dict[Kind, dict[str, str]] = {kind: {} for kind in Kind}  # names, folded, to ids

    async def look(self, rows: Iterable[Row]) -> None:
        """Read anew which drivers, groups and tokens there are of those that the rows name."""
        named: dict[Kind, set[str]] = {Kind.GROUPS: set(), Kind.DRIVERS: set()}
        tokens: set[tuple[str, str]] = set()
        hidden: set[str] = set()
        for row in rows:
            values = row.values
            if row.kind is Kind.TOKENS:
                if is_hidden(values["value"]):
                    hidden.add(values.get("id") or "")
                else:
                    tokens.add((values["value"].strip(), _kind(values)))
                named[Kind.GROUPS] |= {values.get("group") or ""}
                named[Kind.DRIVERS] |= {values.get("driver") or ""}
            elif row.kind is Kind.GROUPS:
                named[Kind.GROUPS].add(values["value"])
            elif row.kind is Kind.DRIVERS:
                named[Kind.DRIVERS] |= {values["name"], values.get("email") or ""}
        authorization = self._services.authorization
        self._tokens = await authorization.find_tokens(tokens)
        self._hidden = await authorization.find_tokens_by_ids(hidden - {""})
        self._groups = await authorization.find_groups(named[Kind.GROUPS] - {""})
        self._drivers = await authorization.find_drivers(named[Kind.DRIVERS] - {""})

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

    def promise(self, kind: Kind, values: Values, put: Put) -> None:
        """Let rows after this one name what it makes."""
        for name in _NAMES.get(kind, ()):
            if values.get(name):
                self._made[kind][_fold(values[name])] = put.id

    def made(self) -> Mapping[Kind, Mapping[str, str]]:
        """Return what this import makes, by name, for the registers of what comes after."""
        return self._made

    def remember(self, made: Mapping[Kind, Mapping[str, str]]) -> None:
        """Know what was made before."""
        for kind, names in made.items():
            self._made[kind].update(names)

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
        before = self._groups.get(_fold(values["value"]))
        details = _merged(GroupDetails(value=values["value"]), before, values)
        was_master = before is not None and before.is_master_pass
        if self._desk.owner_id is not None and details.is_master_pass is not was_master:
            raise InvalidInput("Only the operator makes master cards.", field="is_master_pass")
        after = self._services.authorization.enrol_group(work, details, before, **self._owners)
        return _compared(before, after)

    async def _put_driver(self, work: Work, values: Values) -> Put:
        before = self._driver_meant(values)
        details = _merged(DriverDetails(name=values["name"], plan=None), before, values)
        self._check_plan(before, details)
        authorization = self._services.authorization
        after = authorization.enrol_driver(work, details, before, **self._owners)
        put = _compared(before, after)
        if "is_blocked" not in values:
            return put
        return _settled(put, after, authorization.set_driver_block(work, after, **_block(values)))

    def _check_plan(self, before: Driver | None, details: DriverDetails) -> None:
        """Raise InvalidInput if a fleet gives a driver of its own a plan, and so another price."""
        owner_id, had = self._desk.owner_id, None if before is None else before.plan
        is_own = before is None or before.organisation_id == owner_id
        if owner_id is not None and is_own and ((details.plan or "").strip() or None) != had:
            raise InvalidInput("Only the operator sets the plan.", field="plan")

    def _driver_meant(self, values: Values) -> Driver | None:
        """Return the driver of the row's address or, without one, of its name. Raises InvalidInput for several."""
        email = values.get("email")
        if email:
            return next((one for one in self._drivers.get(_fold(email), ()) if _fold(one.email) == _fold(email)), None)
        name, owner_id = _fold(values["name"]), self._desk.owner_id
        of_name = [one for one in self._drivers.get(name, ()) if _fold(one.name) == name]
        namesakes = [one for one in of_name if owner_id in (None, one.organisation_id)]
        if len(namesakes) > 1:
            raise InvalidInput("Several drivers have this name: give an e-mail address.", field="name")
        return namesakes[0] if namesakes else None

    @property
    def _owners(self) -> dict[str, Any]:
        return {"organisation_id": self._desk.organisation_id, "owner_id": self._desk.owner_id}

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
        before, values = self._token_meant(values)
        given = {name: value for name, value in values.items() if name not in {"group", "driver"}}
        check_token(_merged(TokenDetails(value=values["value"]), before, given))  # before anything is made for it
        for name, find in (("group", self._group_id), ("driver", self._driver_id)):
            if name in values:
                called = values[name]
                given[f"{name}_id"] = None if called is None else self._kept(before, called, name) or find(work, called)
        details = _merged(TokenDetails(value=values["value"]), before, given)
        authorization = self._services.authorization
        after = authorization.enrol_token(work, details, before, **self._owners)
        put = _compared(before, after)
        if "is_blocked" not in values:
            return put
        return _settled(put, after, authorization.set_token_block(work, after, **_block(values)))

    def _token_meant(self, values: Values) -> tuple[Token | None, Values]:
        """Return the token of the row, if there is one, and the row with its value and kind. Raises InvalidInput."""
        if not is_hidden(values["value"]):
            kind = _kind(values)
            return self._tokens.get((token_key(values["value"].strip(), kind), kind)), {**values, "kind": kind}
        known = self._hidden.get(values.get("id") or "")
        is_own = known is not None and self._desk.owner_id in (None, known.organisation_id)
        if (
            known is None
            or not is_own
            or not is_secret(known.kind)
            or _kind({"kind": known.kind, **values}) != known.kind
        ):
            raise InvalidInput(
                "The value is hidden: give it, or the id with which the card was exported.", field="value"
            )
        return known, {**values, "value": known.value, "kind": known.kind}

    def _kept(self, before: Token | None, called: str, name: str) -> str | None:
        """Return the id of the token's group or driver if the row calls it so: it stays, though others be called so."""
        if before is None:
            return None
        if name == "driver":
            return next((one.id for one in self._drivers.get(_fold(called), ()) if one.id == before.driver_id), None)
        group = self._groups.get(_fold(called))
        return before.group_id if group is not None and group.id == before.group_id else None

    async def _site_id(self, name: str, field: str) -> str | None:
        found = await self._services.sites.find_by_name(name)
        site_id = self._made[Kind.SITES].get(name.casefold()) if found is None else found.id
        if site_id is None:
            raise InvalidInput(f"there is no site called {name}", field=field)
        return site_id

    def _group_id(self, work: Work, value: str) -> str:
        """Return the id of the group that is there, or that this import makes. Raises InvalidInput."""
        found, made = self._groups.get(_fold(value)), self._made[Kind.GROUPS]
        if found is not None and self._desk.owner_id in (None, found.organisation_id):
            return found.id
        if _fold(value) not in made:
            if not self._makes_missing:
                raise InvalidInput(f"there is no group {value}", field="group")
            details = GroupDetails(value=value)
            made[_fold(value)] = self._services.authorization.enrol_group(work, details, found, **self._owners).id
        return made[_fold(value)]

    def _driver_id(self, work: Work, name: str) -> str:
        """Return the id of the driver who is there, or whom this import makes. Raises InvalidInput."""
        owner_id, made = self._desk.owner_id, self._made[Kind.DRIVERS]
        found = [one for one in self._drivers.get(_fold(name), ()) if owner_id in (None, one.organisation_id)]
        if len(found) > 1:
            raise InvalidInput(f"several drivers are called {name}; name one by e-mail address", field="driver")
        if found:
            return found[0].id
        if _fold(name) not in made:
            if not self._makes_missing:
                raise InvalidInput(f"there is no driver {name}", field="driver")
            details = DriverDetails(name=name.strip(), email=name if "@" in name else None)
            known = next(iter(self._drivers.get(_fold(name), ())), None)
            known = known if known is not None and _fold(known.email) == _fold(name) else None
            made[_fold(name)] = self._services.authorization.enrol_driver(work, details, known, **self._owners).id
        return made[_fold(name)]


def _merged(default: Any, before: Any, values: Values) -> Any:  # one of the details of authorization
    """Return the details of what is there, or the usual ones, with those of the row in their place."""
    names = type(default).__struct_fields__
    known = {} if before is None else {name: getattr(before, name) for name in names}
    given = {name: _text(name, values[name]) for name in names if name in values}
    return msgspec.structs.replace(default, **(known | given))


_EMPTY: Mapping[str, Any] = MappingProxyType({"note": "", "address": "", "city": "", "country": ""})


def _text(name: str, value: Any) -> Any:
    return _EMPTY.get(name) if value is None else value


def _kind(values: Values) -> str:
    return proper_kind(values.get("kind") or TokenKind.ISO14443)


def _fold(value: str | None) -> str:
    return (value or "").strip().casefold()


def _block(values: Values) -> dict[str, Any]:
    return {"is_blocked": values["is_blocked"], "reason": values.get("block_reason") or ""}


def _compared(before: Any, after: Any) -> Put:
    effect = Effect.NEW if before is None else Effect.SAME if before == after else Effect.CHANGED
    return Put(effect, after.id, before=_open(before), after=_open(after))


def _settled(put: Put, after: Driver | Token, then: Driver | Token) -> Put:
    """Return the put with the block that was set or lifted by the same row."""
    if then == after:
        return put
    effect = Effect.CHANGED if put.effect is Effect.SAME else put.effect
    return msgspec.structs.replace(put, effect=effect, block=_open(then), is_blocked=then.blocked_at is not None)


def _open(thing: Any) -> Any:
    """Return a thing as everybody may read it."""
    if isinstance(thing, Station):
        return None  # what an import sets of it is told by its timeline
    return shown(thing) if isinstance(thing, Token) else thing
