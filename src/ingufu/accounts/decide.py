"""The rules of accounts: who may do what where, how long wrong passwords make wait, what a repeated request gets."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from ingufu.accounts.model import (
    CEILINGS,
    AccountRules,
    ActorKind,
    ApiKey,
    Begun,
    Bounds,
    Held,
    InProgress,
    Mismatch,
    New,
    OfFleet,
    OfHost,
    OrganisationKind,
    Principal,
    Replay,
    Role,
    RoleGrant,
    Scope,
    User,
)

KEY_MARK = "ingufu"
_KEY = re.compile(rf"{KEY_MARK}_[0-9a-z]{{8}}_[0-9A-Za-z]{{40,60}}")

FREE_FAILURES = 5  # wrong passwords for one account before it has to wait
FREE_FAILURES_OF_ADDRESS = 20  # many people may sit behind one address
LONGEST_WAIT = timedelta(seconds=60)  # of an account: more would let anyone lock its owner out
LONGEST_WAIT_OF_ADDRESS = timedelta(minutes=15)
_FIRST_WAIT_S = 2

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189}")


class StoredAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored under an idempotency key; `status` 0: the request is being worked on."""

    request_hash: str
    status: int
    headers: dict[str, str]
    body: str
    created_at: datetime


def grants_flaw(grants: Sequence[RoleGrant]) -> str | None:
    """Return why a user cannot have these grants, or None.

    One role, everywhere or at some sites: what a user may then never depends on a pair of grants, so that no right at
    one site is taken for one at another.
    """
    if not grants:
        return "A user has a role."
    if len({grant.role for grant in grants}) > 1:
        return "A user has one role, the same at all their sites."
    if len(grants) > 1 and any(grant.site_id is None for grant in grants):
        return "A role is held everywhere or at some sites, not both."
    if grants[0].role == Role.ADMIN and grants[0].site_id is not None:
        return "Administrators look after everything, not after some sites."
    return None


def allowed(kind: OrganisationKind, scopes: Collection[Scope]) -> frozenset[Scope]:
    """Return what of these scopes those of such an organisation can hold."""
    return frozenset(scopes) & CEILINGS[kind]


def sites_seen(bounds: Bounds, granted: Collection[str]) -> frozenset[str] | None:
    """Return the sites that are seen with these grants (none: no limit); None: every site of the network."""
    if bounds.kind is OrganisationKind.OPERATOR:
        return frozenset(granted) or None
    if bounds.kind is OrganisationKind.HOST:
        tenures = [one for one in bounds.tenures if not granted or one.site_id in granted]
        return Held((one.site_id for one in tenures if one.until is None), tenures)
    return OfFleet(bounds.organisation_id)


def sites_shown(bounds: Bounds, granted: Collection[str], scopes: Collection[Scope]) -> frozenset[str] | None:
    """Return the sites that are seen with these grants, as those see them who may this."""
    seen = sites_seen(bounds, granted)
    if isinstance(seen, Held) and Scope.DRIVERS_READ not in scopes:
        return OfHost(seen, seen.tenures)
    return seen


def excess(holder: Principal, scopes: Collection[Scope], site_ids: Collection[str] | None) -> str | None:
    """Return why the holder cannot give these rights to others, or None: nobody gives what they do not hold."""
    missing = sorted(set(scopes) - holder.scopes)
    if missing:
        return f"This holds more than you do: {', '.join(missing)}."
    if holder.site_ids is not None and (site_ids is None or not holder.site_ids.issuperset(site_ids)):
        return "This sees more sites than you do."
    return None


def principal_of_user(
    user: User, scopes: Collection[Scope], bounds: Bounds, login_id: str | None, address: str | None
) -> Principal | None:
    """Return what the user may by the scopes of their role, or None if it is nothing (any more)."""
    if user.disabled_at is not None or grants_flaw(user.grants) is not None:
        return None
    granted = frozenset(grant.site_id for grant in user.grants if grant.site_id is not None)
    return Principal(
        kind=ActorKind.USER,
        id=user.id,
        name=user.name,
        organisation_id=user.organisation_id,
        organisation_kind=bounds.kind,
        scopes=allowed(bounds.kind, scopes),
        site_ids=sites_shown(bounds, granted, scopes),
        granted_site_ids=granted,
        fleet_id=bounds.organisation_id if bounds.kind is OrganisationKind.FLEET else None,
        login_id=login_id,
        language=user.language,
        address=address,
    )


def principal_of_key(key: ApiKey, bounds: Bounds, now: datetime, address: str | None) -> Principal | None:
    """Return what the bearer of the key may, or None if it is good no longer."""
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        return None
    return Principal(
        kind=ActorKind.KEY,
        id=key.id,
        name=key.name,
        organisation_id=key.organisation_id,
        organisation_kind=bounds.kind,
        scopes=allowed(bounds.kind, key.scopes),
        site_ids=sites_shown(bounds, key.site_ids or (), key.scopes),
        granted_site_ids=frozenset(key.site_ids or ()),
        fleet_id=bounds.organisation_id if bounds.kind is OrganisationKind.FLEET else None,
        address=address,
    )


def is_key(text: str) -> bool:
    """Return whether the text has the shape of an API key."""
    return _KEY.fullmatch(text) is not None


def is_email(text: str) -> bool:
    return _EMAIL.fullmatch(text) is not None


def wait_until(failures: Collection[datetime], *, free: int, longest: timedelta) -> datetime | None:
    """Return when the next try is heard after these wrong ones; None: at once. The wait doubles with each."""
    excess = len(failures) - free
    if excess < 0:
        return None
    seconds = _FIRST_WAIT_S * 2 ** min(excess, 20)
    return max(failures) + min(timedelta(seconds=seconds), longest)


def expiry(created_at: datetime, used_at: datetime, rules: AccountRules) -> datetime:
    """Return when a log-in ends that was last used then."""
    return min(used_at + timedelta(seconds=rules.idle_s), created_at + timedelta(seconds=rules.longest_s))


def judge_repeat(stored: StoredAnswer, request_hash: str, now: datetime, rules: AccountRules) -> Begun:
    """Return what a request gets whose idempotency key is known; New if what is stored has to make way."""
    age_s = (now - stored.created_at).total_seconds()
    if age_s > rules.idempotency_kept_s:
        return New()
    if stored.request_hash != request_hash:
        return Mismatch()
    if stored.status:
        return Replay(status=stored.status, headers=stored.headers, body=stored.body)
    return New() if age_s > rules.in_progress_s else InProgress()
