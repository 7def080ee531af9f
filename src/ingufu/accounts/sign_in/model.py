"""What people sign in with beside a password."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

EVERYONE = "all"  # instead of a role, in the setting that demands second factors


class Factor(StrEnum):
    """What the second step takes."""

    TOTP = "totp"
    RECOVERY_CODE = "recovery_code"
    PASSKEY = "passkey"


class Method(StrEnum):
    """How a log-in came about."""

    PASSWORD = "password"
    PASSWORD_TOTP = "password+totp"
    PASSWORD_RECOVERY_CODE = "password+recovery_code"
    PASSWORD_PASSKEY = "password+passkey"
    PASSKEY = "passkey"
    SSO = "sso"
    TRUSTED_SSO = "sso-trusted"  # of a provider that asks for a second factor itself
    SSO_TOTP = "sso+totp"
    SSO_RECOVERY_CODE = "sso+recovery_code"
    SSO_PASSKEY = "sso+passkey"
    INVITATION = "invitation"


class LinkKind(StrEnum):
    """What a link in a mail is for."""

    RESET = "reset"
    INVITATION = "invitation"


class SignInRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say about signing in."""

    second_factor_for: frozenset[str] = frozenset()  # roles, or EVERYONE
    step_s: float = 600.0  # between one step of a log-in and the next
    challenge_s: float = 300.0  # for a passkey to sign
    fresh_s: float = 900.0  # so long after a log-in nobody is asked again to add a factor
    reset_s: float = 3600.0
    invitation_s: float = 7 * 86_400.0
    network: str = "Ingufu"  # as apps that make codes show it
    allows_private_providers: bool = False


class Factors(msgspec.Struct, frozen=True, kw_only=True):
    """What of second factors somebody has."""

    has_totp: bool = False
    passkeys: int = 0
    recovery_codes: int = 0  # that are left

    @property
    def is_any(self) -> bool:
        """Whether the second step can be done."""
        return self.has_totp or self.passkeys > 0

    @property
    def offered(self) -> tuple[Factor, ...]:
        """What the second step takes, the usual one first."""
        found = [Factor.TOTP] if self.has_totp else []
        if self.passkeys:
            found.append(Factor.PASSKEY)
        if self.recovery_codes:
            found.append(Factor.RECOVERY_CODE)
        return tuple(found)


class Totp(msgspec.Struct, frozen=True, kw_only=True):
    """An app that makes codes (RFC 6238)."""

    user_id: str
    secret: str  # sealed
    last_step: int
    created_at: datetime
    confirmed_at: datetime | None = None


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey (WebAuthn credential) of a user."""

    id: str
    user_id: str
    credential_id: str  # base64url
    public_key: str  # COSE, base64url
    sign_count: int
    name: str
    transports: tuple[str, ...] = ()
    is_backed_up: bool = False  # lives in more than one device
    created_at: datetime
    last_used_at: datetime | None = None


class Relying(msgspec.Struct, frozen=True, kw_only=True):
    """Where passkeys are used: the site as browsers know it."""

    rp_id: str
    origin: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser is asked to do with a passkey, and the state that comes back with what it did."""

    options: dict[str, Any]
    state: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The first step is done: who it is, and what the second one takes. `secret` comes back with it."""

    secret: str
    user_id: str
    factors: tuple[Factor, ...]
    expires_at: datetime


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody is in: the secret for the cookie."""

    secret: str
    login_id: str
    user_id: str
    method: Method


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link that was sent or handed over."""

    id: str
    token_hash: str
    user_id: str
    kind: LinkKind
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What a mail says, to be put in words."""

    kind: str  # reset, invitation, changed
    language: str
    name: str
    path: str  # behind the address of the console
    hours: int
    token: str = ""


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody as an identity provider knows them."""

    id: str
    user_id: str
    issuer: str
    subject: str
    email: str
    is_managed: bool = False  # the provider says which role they have
    created_at: datetime
    last_used_at: datetime | None = None


class RoleRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who of a provider gets which role."""

    value: str = ""  # of the claim; empty: whoever it lets in
    role: str
    sites: tuple[str, ...] = ()  # by id; none: everywhere
    organisation: str = ""  # by id; empty: the operator


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An identity provider (OpenID Connect)."""

    name: str  # in addresses
    label: str  # on the button
    issuer: str
    client_id: str
    client_secret: str = ""
    client_secret_file: str = ""
    client_secret_env: str = ""
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    claim: str = "groups"  # that `roles` look at
    roles: tuple[RoleRule, ...] = ()
    admits_unknown: bool = False  # makes users of people whom only the provider knows
    links_by_email: bool = True  # a user here with the same address, if the provider has verified it
    asks_second_factor: bool = False  # so that we need not


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider said of somebody, checked."""

    issuer: str
    subject: str
    email: str = ""
    is_email_verified: bool = False
    name: str = ""
    values: tuple[str, ...] = ()  # of the claim that roles look at
