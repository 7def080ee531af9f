"""What users and keys may: by their role, within what those of their organisation can see at most."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeAlias

from ingufu.accounts import decide, roles_store, store
from ingufu.accounts.model import (
    CEILINGS,
    ROLE_SCOPES,
    ApiKey,
    Bounds,
    OrganisationKind,
    Principal,
    Role,
    RoleGrant,
    Scope,
    User,
)
from ingufu.core.clock import Clock
from ingufu.core.errors import Forbidden, InvalidInput, NotFound
from ingufu.core.tenures import Tenure
from ingufu.infra.storage.database import Database

SitesOf: TypeAlias = Callable[[str], Awaitable[tuple[Tenure, ...]]]
"""In which time which sites are and were an organisation's."""


async def no_sites(_organisation_id: str) -> tuple[Tenure, ...]:
    """Return the sites of organisations where there are none."""
    return ()


class Rights:
    """Read anew each time; who asks often keeps the answer for some seconds."""

    def __init__(self, database: Database, clock: Clock, sites_of: SitesOf) -> None:
        self._database = database
        self._clock = clock
        self._sites_of = sites_of

    async def principal_of_user(self, user: User, login_id: str | None, address: str | None) -> Principal | None:
        """Return what the user may, or None if it is nothing (any more)."""
        bounds = await self.bounds(user.organisation_id)
        scopes = await self.scopes_of(user.grants[0].role) if user.grants else None
        if bounds is None or scopes is None:
            return None
        return decide.principal_of_user(user, scopes, bounds, login_id, address)

    async def principal_of_key(self, key: ApiKey, address: str | None) -> Principal | None:
        """Return what the bearer of the key may, or None if it is good no longer."""
        bounds = await self.bounds(key.organisation_id)
        return None if bounds is None else decide.principal_of_key(key, bounds, self._clock.now(), address)

    async def bounds(self, organisation_id: str) -> Bounds | None:
        """Return what those of the organisation can see at most; None: there is no such organisation."""
        found = await store.organisation(self._database, organisation_id)
        if found is None:
            return None
        tenures = await self._sites_of(found.id) if found.kind is OrganisationKind.HOST else ()
        return Bounds(organisation_id=found.id, kind=found.kind, tenures=tenures)

    async def scopes_of(self, role: str) -> frozenset[Scope] | None:
        """Return what holders of the role may; None: there is no such role."""
        if role in ROLE_SCOPES:
            return ROLE_SCOPES[Role(role)]
        found = await roles_store.role(self._database, role)
        return None if found is None else frozenset(found.scopes)

    async def check_grants(self, organisation_id: str, grants: Sequence[RoleGrant], by: Principal | None) -> None:
        """Raise InvalidInput for grants that nobody of the organisation can hold, Forbidden for more than `by` holds.

        `by` None: whoever runs the program, who may everything.
        """
        bounds = await self._bounds_of(organisation_id)
        for grant in grants:
            scopes = await self.scopes_of(grant.role)
            if scopes is None:
                raise InvalidInput(f"There is no role {grant.role!r}.", field="grants")
            if Scope.ADMIN in scopes and Scope.ADMIN not in CEILINGS[bounds.kind]:
                raise InvalidInput("Administrators belong to the operator.", field="grants")
            self._check_sites(bounds, [grant.site_id] if grant.site_id is not None else [], field="grants")
            site_ids = decide.sites_seen(bounds, [grant.site_id] if grant.site_id is not None else [])
            _check_excess(by, decide.allowed(bounds.kind, scopes), site_ids)

    async def check_key(
        self, organisation_id: str, scopes: Collection[Scope], site_ids: Collection[str] | None, by: Principal | None
    ) -> None:
        """Raise InvalidInput for a key that nobody of the organisation can hold, Forbidden for more than `by` holds."""
        bounds = await self._bounds_of(organisation_id)
        beyond = sorted(set(scopes) - CEILINGS[bounds.kind])
        if beyond:
            raise InvalidInput(f"A {bounds.kind.value}'s key cannot have {', '.join(beyond)}.", field="scopes")
        if site_ids is not None and Scope.ADMIN in scopes:
            raise InvalidInput("Administrators look after everything, not after some sites.", field="site_ids")
        self._check_sites(bounds, site_ids or (), field="site_ids")
        _check_excess(by, scopes, decide.sites_seen(bounds, site_ids or ()))

    async def check_over(self, user: User, by: Principal | None) -> None:
        """Raise Forbidden if the user holds more than `by`, who could take their place by changing them."""
        if by is None or by.id == user.id:
            return
        bounds = await self._bounds_of(user.organisation_id)
        for grant in user.grants:
            scopes = await self.scopes_of(grant.role) or frozenset[Scope]()
            site_ids = decide.sites_seen(bounds, [grant.site_id] if grant.site_id is not None else [])
            _check_excess(by, decide.allowed(bounds.kind, scopes), site_ids)

    async def _bounds_of(self, organisation_id: str) -> Bounds:
        bounds = await self.bounds(organisation_id)
        if bounds is None:
            raise NotFound(f"There is no organisation {organisation_id!r}.")
        return bounds

    @staticmethod
    def _check_sites(bounds: Bounds, site_ids: Collection[str], *, field: str) -> None:
        if not site_ids or bounds.kind is OrganisationKind.OPERATOR:
            return
        if bounds.kind is OrganisationKind.FLEET:
            raise InvalidInput("A fleet has no sites: its people see its drivers.", field=field)
        if not bounds.owned_site_ids.issuperset(site_ids):
            raise InvalidInput("A host's people see only sites of the host.", field=field)


def _check_excess(by: Principal | None, scopes: Collection[Scope], site_ids: Collection[str] | None) -> None:
    if by is None:
        return
    why = decide.excess(by, scopes, site_ids)
    if why is not None:
        raise Forbidden(why)
