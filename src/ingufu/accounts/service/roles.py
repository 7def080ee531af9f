"""Roles: those that are built in, and those that people define."""

import unicodedata
from collections.abc import Callable, Iterable
from typing import TypedDict, Unpack

import msgspec

from ingufu.accounts import decide, roles_store
from ingufu.accounts.model import ROLE_SCOPES, ROLE_WORDS, Principal, Role, RoleDefinition, Scope
from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Work

_NAME_LONGEST = 100
_DESCRIPTION_LONGEST = 1000

BUILT_IN: tuple[RoleDefinition, ...] = tuple(
    RoleDefinition(
        id=role.value,
        name=ROLE_WORDS[role][0],
        description=ROLE_WORDS[role][1],
        scopes=tuple(sorted(ROLE_SCOPES[role])),
        is_built_in=True,
    )
    for role in Role
)


class RoleFields(TypedDict, total=False):
    """What can be changed of a role."""

    name: str
    description: str
    scopes: Iterable[Scope]


class Roles:
    """A change of a role is a change of what its holders may, within seconds."""

    def __init__(self, database: Database, clock: Clock, ids: IdMaker, *, forget_logins: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._forget_logins = forget_logins

    async def roles(self) -> list[RoleDefinition]:
        """Return all roles: those that are built in, then the others by name."""
        return [*BUILT_IN, *await roles_store.all_roles(self._database)]

    async def role(self, role_id: str) -> RoleDefinition:
        """Raises NotFound."""
        found = _built_in(role_id) or await roles_store.role(self._database, role_id)
        if found is None:
            raise NotFound(f"There is no role {role_id!r}.")
        return found

    async def find_role(self, name: str) -> RoleDefinition | None:
        """Return the role of this name or id, whatever the name's case."""
        key = _key(name)
        known = next((one for one in BUILT_IN if key in {one.id, _key(one.name)}), None)
        return (
            known or await roles_store.role_by_name(self._database, key) or await roles_store.role(self._database, name)
        )

    async def role_holders(self) -> dict[str, int]:
        """Return how many users hold each role that is held."""
        return await roles_store.count_holders(self._database)

    async def create_role(
        self, work: Work, *, name: str, scopes: Iterable[Scope], description: str = "", by: Principal | None = None
    ) -> RoleDefinition:
        """Return the new role. Raises InvalidInput, Conflict if its name is taken, Forbidden for more than `by` holds.

        `by` None: whoever runs the program, who may everything.
        """
        now = self._clock.now()
        added = RoleDefinition(
            id=self._ids.new(),
            name=name.strip(),
            description=description.strip(),
            scopes=tuple(sorted(set(scopes))),
            created_at=now,
            updated_at=now,
        )
        await self._check(added, by)
        roles_store.add_role(work, added, _key(added.name))
        return added

    async def update_role(
        self, work: Work, role_id: str, *, by: Principal | None = None, **changes: Unpack[RoleFields]
    ) -> RoleDefinition:
        """Return the role as changed; its holders may what it says at once here, in other processes within seconds.

        Raises NotFound, InvalidInput, Conflict for a name that is taken or a role that is built in, and Forbidden if
        it holds more than `by`, before or after.
        """
        known = await self._own(role_id)
        _check_excess(known, by)
        values = dict(changes)
        if "scopes" in changes:
            values["scopes"] = tuple(sorted(set(changes["scopes"])))
        for name in values.keys() & {"name", "description"}:
            values[name] = str(values[name]).strip()
        changed = msgspec.structs.replace(known, updated_at=self._clock.now(), **values)
        await self._check(changed, by)
        roles_store.change_role(
            work,
            role_id,
            {
                "name": changed.name,
                "name_key": _key(changed.name),
                "description": changed.description,
                "scopes": list(changed.scopes),
                "updated_at": changed.updated_at,
            },
        )
        work.after_commit(self._forget_logins)
        return changed

    async def delete_role(
        self, work: Work, role_id: str, *, replace_with: str | None = None, by: Principal | None = None
    ) -> None:
        """Let the role be gone; those who hold it hold `replace_with` instead.

        Raises NotFound, Conflict for a role that is built in or held by somebody and not replaced, and Forbidden if
        it or the other holds more than `by`.
        """
        known = await self._own(role_id)
        _check_excess(known, by)
        holders = (await self.role_holders()).get(role_id, 0)
        if replace_with is not None:
            await self._check_replacement(known, replace_with, by)
            roles_store.replace_role(work, role_id, replace_with)
        elif holders:
            raise Conflict(f"{holders} users hold the role {known.name}: say which one they hold instead.")
        roles_store.remove_role(work, role_id)
        work.after_commit(self._forget_logins)

    async def _check_replacement(self, known: RoleDefinition, replace_with: str, by: Principal | None) -> None:
        if replace_with == known.id:
            raise InvalidInput("A role does not replace itself.", field="replace_with")
        if replace_with == Role.ADMIN:
            raise InvalidInput("Administrators are made one by one.", field="replace_with")
        try:
            other = await self.role(replace_with)
        except NotFound as error:
            raise InvalidInput(error.message, field="replace_with") from error
        _check_excess(other, by)

    async def _own(self, role_id: str) -> RoleDefinition:
        known = await self.role(role_id)
        if known.is_built_in:
            raise Conflict(f"The role {known.name} is built in. Define one of your own beside it.")
        return known

    async def _check(self, role: RoleDefinition, by: Principal | None) -> None:
        if not 0 < len(role.name) <= _NAME_LONGEST or not role.name.isprintable():
            raise InvalidInput(f"The name of a role has 1 to {_NAME_LONGEST} printable characters.", field="name")
        described = role.description.replace("\n", "").replace("\r", "")
        if len(role.description) > _DESCRIPTION_LONGEST or (described and not described.isprintable()):
            raise InvalidInput(f"A description has at most {_DESCRIPTION_LONGEST} characters.", field="description")
        if not role.scopes:
            raise InvalidInput("A role has at least one permission.", field="scopes")
        if Scope.ADMIN in role.scopes:
            raise InvalidInput("Only the role of administrators has the permission admin.", field="scopes")
        _check_excess(role, by)
        namesake = await self.find_role(role.name)
        if namesake is not None and namesake.id != role.id:
            raise Conflict(f"There is a role called {namesake.name} already.")


def _check_excess(role: RoleDefinition, by: Principal | None) -> None:
    why = None if by is None else decide.excess(by, role.scopes, by.site_ids)
    if why is not None:
        raise Forbidden(why)


def _built_in(role_id: str) -> RoleDefinition | None:
    return next((one for one in BUILT_IN if one.id == role_id), None)


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name.strip()).casefold()
