"""Organisations, and the users who look after stations for them."""

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, TypedDict, Unpack

import msgspec

from ingufu.accounts import decide, passwords, roles_store, store
from ingufu.accounts.model import Organisation, OrganisationKind, Principal, Role, RoleGrant, User
from ingufu.accounts.service.rights import Rights
from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.infra.secrets import PasswordHasher
from ingufu.infra.storage.database import Database, Work

_NAME_LONGEST = 100
_LANGUAGE_LONGEST = 8


class UserFields(TypedDict, total=False):
    """What can be changed of a user, beside the password."""

    name: str
    language: str
    grants: Sequence[RoleGrant]
    is_disabled: bool


class People:
    """Users are told apart by their e-mail address, whatever its case."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        *,
        passwords: PasswordHasher,
        forget_logins: Callable[[], None],
        rights: Rights,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._passwords = passwords
        self._forget_logins = forget_logins  # what is held in memory of who may do what
        self._rights = rights

    async def ensure_operator(self, work: Work, name: str) -> Organisation:
        """Return the operator of this deployment, made at the first start; its name is changed only by people."""
        for known in await store.all_organisations(self._database):
            if known.kind is OrganisationKind.OPERATOR:
                return known
        return await self.create_organisation(work, name, OrganisationKind.OPERATOR)

    async def create_organisation(self, work: Work, name: str, kind: OrganisationKind) -> Organisation:
        """Return the new organisation. Raises InvalidInput, and Conflict for a second operator."""
        _check_name(name)
        if kind is OrganisationKind.OPERATOR:
            known = await store.all_organisations(self._database)
            if any(one.kind is OrganisationKind.OPERATOR for one in known):
                raise Conflict("There is an operator already, and there is one only.")
        added = Organisation(id=self._ids.new(), name=name, kind=kind, created_at=self._clock.now())
        store.add_organisation(work, added)
        return added

    async def organisations(self) -> list[Organisation]:
        """Return all organisations, the oldest first."""
        return await store.all_organisations(self._database)

    async def organisation(self, organisation_id: str) -> Organisation:
        """Raises NotFound."""
        found = await store.organisation(self._database, organisation_id)
        if found is None:
            raise NotFound(f"There is no organisation {organisation_id!r}.")
        return found

    async def rename_organisation(self, work: Work, organisation_id: str, name: str) -> Organisation:
        """Raises NotFound, InvalidInput."""
        _check_name(name)
        found = await self.organisation(organisation_id)
        store.change_organisation(work, organisation_id, {"name": name})
        return msgspec.structs.replace(found, name=name)

    async def delete_organisation(self, work: Work, organisation_id: str) -> None:
        """Let the organisation be gone, with its keys that are good no longer; whoever calls has seen to its drivers.

        Raises NotFound, and Conflict for the operator and for one that has users, keys or sites.
        """
        found = await self.organisation(organisation_id)
        if found.kind is OrganisationKind.OPERATOR:
            raise Conflict("The operator stays.")
        if any(user.organisation_id == organisation_id for user in await self.users()):
            raise Conflict("The organisation has users: delete them first.")
        now = self._clock.now()
        keys = [one for one in await store.all_keys(self._database) if one.organisation_id == organisation_id]
        if any(one.revoked_at is None and (one.expires_at is None or one.expires_at > now) for one in keys):
            raise Conflict("The organisation has API keys: revoke them first.")
        bounds = await self._rights.bounds(organisation_id)
        if bounds is not None and bounds.owned_site_ids:
            raise Conflict("The organisation has sites: hand them over first.")
        roles_store.remove_organisation(work, organisation_id, now)

    async def has_users(self) -> bool:
        """Return whether anyone can log in; False at the first start."""
        return await store.has_users(self._database)

    async def users(self) -> list[User]:
        """Return all users, by address."""
        return await store.all_users(self._database)

    async def user(self, user_id: str) -> User:
        """Raises NotFound."""
        found = await store.user(self._database, user_id)
        if found is None:
            raise NotFound(f"There is no user {user_id!r}.")
        return found

    async def find_user(self, email: str) -> User | None:
        """Return the user with this address."""
        return await store.user_by_email(self._database, email_key(email))

    async def create_user(
        self,
        work: Work,
        *,
        organisation_id: str,
        email: str,
        name: str,
        password: str | None = None,
        grants: Sequence[RoleGrant] = (),
        roles: Sequence[str] = (),
        language: str = "en",
        by: Principal | None = None,
    ) -> User:
        """Return the new user; without a password nobody can log in as them yet. `roles` are held everywhere.

        Raises InvalidInput, NotFound for the organisation, Conflict if the address is taken, and Forbidden for a role
        that may more than `by` (None: whoever runs the program, who may everything).
        """
        await self.organisation(organisation_id)
        if await self.find_user(email) is not None:
            raise Conflict(f"There is a user {email} already.")
        added = User(
            id=self._ids.new(),
            organisation_id=organisation_id,
            email=email.strip(),
            name=name,
            password_hash=None if password is None else await self._hash(password, email),
            language=language,
            created_at=self._clock.now(),
            grants=(*grants, *(RoleGrant(role=role) for role in roles)),
        )
        _check(added)
        await self._rights.check_grants(organisation_id, added.grants, by)
        store.add_user(work, added, email_key(email), self._grant_ids(added.grants))
        return added

    async def put_user(
        self, work: Work, email: str, *, organisation_id: str, password: str | None = None, **fields: Unpack[UserFields]
    ) -> User:
        """Return the user of this address, made or changed so that it is as given; a repetition changes nothing.

        Raises InvalidInput, NotFound for the organisation, Conflict.
        """
        known = await self.find_user(email)
        if known is not None:
            changed = await self.update_user(work, known.id, **fields)
            if password is None or await self._passwords.matches(known.password_hash, password):
                return changed
            return await self.set_user_password(work, known.id, password)
        return await self.create_user(
            work,
            organisation_id=organisation_id,
            email=email,
            name=fields.get("name", email),
            password=password,
            grants=fields.get("grants", ()),
            language=fields.get("language", "en"),
        )

    async def update_user(
        self, work: Work, user_id: str, *, by: Principal | None = None, **changes: Unpack[UserFields]
    ) -> User:
        """Return the user with the changes made; log-ins of a disabled user are good no longer.

        Raises NotFound, InvalidInput, Conflict if nobody could administer the network any more, and Forbidden if the
        user may more than `by`, before or after.
        """
        known = await self.user(user_id)
        await self._rights.check_over(known, by)
        values: dict[str, Any] = dict(changes)
        if "is_disabled" in values:
            is_disabled = values.pop("is_disabled")
            values["disabled_at"] = (known.disabled_at or self._clock.now()) if is_disabled else None
        if "grants" in values:
            values["grants"] = tuple(values["grants"])
        changed = msgspec.structs.replace(known, **values)
        _check(changed)
        if "grants" in values and set(changed.grants) != set(known.grants):
            await self._rights.check_grants(known.organisation_id, changed.grants, by)
        if _is_admin(known) and not _is_admin(changed):
            await self._keep_admin(work, user_id)
        columns = {name: value for name, value in values.items() if name != "grants" and getattr(known, name) != value}
        store.change_user(work, user_id, columns)
        if set(changed.grants) != set(known.grants):
            store.replace_grants(work, user_id, changed.grants, self._grant_ids(changed.grants))
        if changed.disabled_at is not None:
            store.revoke_logins(work, user_id, self._clock.now())
        work.after_commit(self._forget_logins)
        return changed

    async def set_user_password(
        self,
        work: Work,
        user_id: str,
        password: str,
        *,
        but_not_login_id: str | None = None,
        by: Principal | None = None,
    ) -> User:
        """Return the user with a new password; log-ins with the old one end, except the one that changes it.

        Raises NotFound, InvalidInput, and Forbidden if the user may more than `by`.
        """
        known = await self.user(user_id)
        await self._rights.check_over(known, by)
        hashed = await self._hash(password, known.email)
        store.change_user(work, user_id, {"password_hash": hashed})
        store.revoke_logins(work, user_id, self._clock.now(), but_not=but_not_login_id or "")
        work.after_commit(self._forget_logins)
        return msgspec.structs.replace(known, password_hash=hashed)

    async def change_own_password(
        self, work: Work, user_id: str, old: str, new: str, *, login_id: str | None = None
    ) -> User:
        """Return the user with a new password, who has shown that they know the old one.

        Raises InvalidInput for a wrong old or an unfit new password, NotFound.
        """
        known = await self.user(user_id)
        if not await self._passwords.matches(known.password_hash, old[: passwords.MAX_LENGTH]):
            raise InvalidInput("The present password is another one.", field="old")
        return await self.set_user_password(work, user_id, new, but_not_login_id=login_id)

    async def delete_user(self, work: Work, user_id: str, *, by: Principal | None = None) -> None:
        """Let the user and their log-ins be gone; the audit trail keeps the name.

        Raises NotFound, Conflict if nobody could administer the network any more, Forbidden if they may more than `by`.
        """
        known = await self.user(user_id)
        await self._rights.check_over(known, by)
        if _is_admin(known):
            await self._keep_admin(work, user_id)
        store.remove_user(work, user_id)
        work.after_commit(self._forget_logins)

    async def _keep_admin(self, work: Work, user_id: str) -> None:
        """Raise Conflict, now or at the commit, if there is no administrator beside this one."""
        if not await roles_store.has_other_admin(self._database, user_id):
            raise Conflict("This is the last administrator.")
        roles_store.keep_admin(work, user_id)

    async def _hash(self, password: str, email: str) -> str:
        flaw = passwords.flaw(password, email=email)
        if flaw is not None:
            raise InvalidInput(flaw, field="password")
        return await self._passwords.hash(password)

    def _grant_ids(self, grants: Sequence[RoleGrant]) -> list[str]:
        return [self._ids.new() for _ in grants]


def email_key(email: str) -> str:
    """Return the form under which two e-mail addresses are the same one."""
    return unicodedata.normalize("NFKC", email.strip()).casefold()


def _is_admin(user: User) -> bool:
    return user.disabled_at is None and any(grant.role == Role.ADMIN for grant in user.grants)


def _check(user: User) -> None:
    if not decide.is_email(user.email):
        raise InvalidInput("This is no e-mail address.", field="email")
    _check_name(user.name)
    if not 0 < len(user.language) <= _LANGUAGE_LONGEST or not user.language.replace("-", "").isalnum():
        raise InvalidInput("A language is named by its code, such as en or de.", field="language")
    flaw = decide.grants_flaw(user.grants)
    if flaw is not None:
        raise InvalidInput(flaw, field="grants")


def _check_name(name: str) -> None:
    if not 0 < len(name.strip()) <= _NAME_LONGEST or not name.isprintable():
        raise InvalidInput(f"A name has 1 to {_NAME_LONGEST} printable characters.", field="name")
