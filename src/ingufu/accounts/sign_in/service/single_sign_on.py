"""Single sign-on: people whom an identity provider knows, linked by its name for them and never by what they say."""

import hmac
from collections.abc import Mapping, Sequence

import msgspec
import structlog

from ingufu.accounts.model import OrganisationKind, RoleGrant, User
from ingufu.accounts.service import Accounts
from ingufu.accounts.sign_in import decide, store
from ingufu.accounts.sign_in.model import Claims, Entry, Linked, Method, Provider, RoleRule, SignInRules, Step
from ingufu.accounts.sign_in.service.entering import Entering
from ingufu.accounts.sign_in.service.identity_provider import IdentityProvider
from ingufu.accounts.sign_in.service.steps import Steps
from ingufu.core.clock import Clock
from ingufu.core.errors import IngufuError, NotFound, Unauthenticated
from ingufu.core.ids import IdMaker, RandomBytes
from ingufu.infra import secrets
from ingufu.infra.http import FetchRules
from ingufu.infra.storage.database import Database, Work

_STATE = "single sign-on"
_UNKNOWN = "You are not known here. Ask an administrator to invite you."

log = structlog.get_logger(__name__)


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send the browser, and what it keeps until it comes back."""

    address: str
    kept: str


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """Who came back, and where they wanted to go."""

    entered: Entry | Step
    after: str
    is_new: bool = False


class SingleSignOn:
    """One log-in at a time: state binds the answer to this browser, nonce and verifier bind it to this log-in."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        accounts: Accounts,
        steps: Steps,
        entering: Entering,
        rules: SignInRules,
        providers: Sequence[Provider],
        *,
        random_bytes: RandomBytes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._accounts = accounts
        self._steps = steps
        self._entering = entering
        self._rules = rules
        self._random_bytes = random_bytes
        asking = FetchRules(timeout_s=10, max_bytes=200_000, allows_private=rules.allows_private_providers)
        self._providers: Mapping[str, IdentityProvider] = {
            one.name: IdentityProvider(one, clock, asking) for one in providers
        }

    @property
    def providers(self) -> tuple[Provider, ...]:
        """The providers there are, in the order of the settings."""
        return tuple(one.provider for one in self._providers.values())

    async def depart(self, name: str, *, redirect_uri: str, after: str) -> Departure:
        """Return where to send the browser. Raises NotFound, PartnerFailed."""
        provider = self._provider(name)
        state, nonce, verifier = (secrets.make_token(self._random_bytes) for _ in range(3))
        address = await provider.address(redirect_uri=redirect_uri, state=state, nonce=nonce, verifier=verifier)
        details = {"provider": name, "state": state, "nonce": nonce, "verifier": verifier, "after": after[:1000]}
        return Departure(address=address, kept=self._steps.make(_STATE, details, self._rules.step_s))

    async def arrive(
        self, name: str, kept: str, given: Mapping[str, str], *, redirect_uri: str, address: str, user_agent: str
    ) -> Arrival:
        """Return who it is by what the provider had the browser bring: `state`, `code`, `iss` or `error`.

        Raises Unauthenticated, TooManyRequests, NotFound, PartnerFailed.
        """
        provider = self._provider(name)
        async with self._accounts.guessing("", address):
            details = await self._steps.use(_STATE, kept)
            is_same = hmac.compare_digest(given.get("state", "").encode(), details["state"].encode())
            if not is_same or details["provider"] != name:
                raise Unauthenticated("This answer belongs to another log-in. Begin anew.")
            if not given.get("code"):
                raise Unauthenticated("The identity provider did not log you in.")
            claims = await provider.claims(
                code=given["code"],
                redirect_uri=redirect_uri,
                nonce=details["nonce"],
                verifier=details["verifier"],
                issuer=given.get("iss", ""),
            )
        user, is_new = await self._user(provider.provider, claims)
        method = Method.TRUSTED_SSO if provider.provider.asks_second_factor else Method.SSO
        entered = await self._entering.after_first(user, method, address=address, user_agent=user_agent)
        return Arrival(entered=entered, after=details["after"], is_new=is_new)

    async def linked_of(self, user_id: str) -> list[Linked]:
        """Return by which providers the user is known."""
        return await store.linked_of(self._database, user_id)

    def _provider(self, name: str) -> IdentityProvider:
        found = self._providers.get(name)
        if found is None:
            raise NotFound("There is no such identity provider.")
        return found

    async def _user(self, provider: Provider, claims: Claims) -> tuple[User, bool]:
        rules = decide.matching_rules(provider, claims)
        known = await store.linked(self._database, claims.issuer, claims.subject)
        if known is not None:
            return await self._known(known, rules), False
        same = await self._accounts.find_user(claims.email) if claims.email else None
        if same is not None:
            if not (provider.links_by_email and claims.is_email_verified):
                raise Unauthenticated("There is an account with this address, and the provider has not verified it.")
            if not await self._speaks_for(provider, same):
                raise Unauthenticated(_UNKNOWN)
            async with self._database.work() as work:
                self._link(work, same.id, claims, is_managed=False)
            return same, False
        return await self._new(provider, claims, rules), True

    async def _speaks_for(self, provider: Provider, user: User) -> bool:
        """Return whether the provider may say that it is this user: a host's own only of the host's people."""
        named = {rule.organisation or await self._operator_id() for rule in provider.roles}
        return not named or user.organisation_id in named or await self._operator_id() in named

    async def _known(self, known: Linked, rules: Sequence[RoleRule]) -> User:
        user = await self._accounts.user(known.user_id)
        async with self._database.work() as work:
            store.mark_linked_used(work, known.id, self._clock.now())
            if not known.is_managed:
                return user
            if not rules:
                raise Unauthenticated("The identity provider gives you no role here (any more).")
            grants = await self._grants(rules, user.organisation_id)
            if set(grants) != set(user.grants):
                user = await self._accounts.update_user(work, user.id, grants=grants)
        return user

    async def _new(self, provider: Provider, claims: Claims, rules: Sequence[RoleRule]) -> User:
        if not provider.admits_unknown or not rules or not claims.email or not claims.is_email_verified:
            raise Unauthenticated(_UNKNOWN)
        organisation_id = rules[0].organisation or await self._operator_id()
        try:
            async with self._database.work() as work:
                user = await self._accounts.create_user(
                    work,
                    organisation_id=organisation_id,
                    email=claims.email,
                    name=(claims.name or claims.email)[:100],
                    grants=await self._grants(rules, organisation_id),
                )
                self._link(work, user.id, claims, is_managed=True)
        except IngufuError as error:  # two at once, or settings that name what is not there
            log.warning("sign_in.not_admitted", provider=provider.name, error=error.message)
            raise Unauthenticated(_UNKNOWN) from error
        return user

    @staticmethod
    async def _grants(rules: Sequence[RoleRule], organisation_id: str) -> tuple[RoleGrant, ...]:
        if rules[0].organisation not in {"", organisation_id}:
            raise Unauthenticated("The identity provider says that you belong to another organisation now.")
        return decide.grants_of(rules)

    async def _operator_id(self) -> str:
        organisations = await self._accounts.organisations()
        return next(one.id for one in organisations if one.kind is OrganisationKind.OPERATOR)

    def _link(self, work: Work, user_id: str, claims: Claims, *, is_managed: bool) -> None:
        added = Linked(
            id=self._ids.new(),
            user_id=user_id,
            issuer=claims.issuer,
            subject=claims.subject,
            email=claims.email,
            is_managed=is_managed,
            created_at=self._clock.now(),
            last_used_at=self._clock.now(),
        )
        store.add_linked(work, added)
