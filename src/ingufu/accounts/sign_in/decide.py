"""The rules of signing in: codes of apps, recovery codes, who needs a second factor, roles by what a provider says."""

import base64
import hmac
import re
from collections.abc import Collection, Sequence
from datetime import datetime
from hashlib import sha1, sha256
from urllib.parse import quote, urlencode, urlsplit

from ingufu.accounts.model import Role, RoleGrant
from ingufu.accounts.sign_in.model import EVERYONE, Claims, Factor, Method, Provider, Relying, RoleRule
from ingufu.core.ids import RandomBytes

STEP_S = 30  # RFC 6238 5.2
DIGITS = 6
SECRET_BYTES = 20  # RFC 4226 4: as long as the output of SHA-1
RECOVERY_CODES = 10
_RECOVERY_BYTES = 10
_SPACES = re.compile(r"[\s-]+")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?")
_DONE = {  # what a second step makes of the first
    (Method.PASSWORD, Factor.TOTP): Method.PASSWORD_TOTP,
    (Method.PASSWORD, Factor.RECOVERY_CODE): Method.PASSWORD_RECOVERY_CODE,
    (Method.PASSWORD, Factor.PASSKEY): Method.PASSWORD_PASSKEY,
    (Method.SSO, Factor.TOTP): Method.SSO_TOTP,
    (Method.SSO, Factor.RECOVERY_CODE): Method.SSO_RECOVERY_CODE,
    (Method.SSO, Factor.PASSKEY): Method.SSO_PASSKEY,
}


def totp_code(secret: bytes, step: int) -> str:
    """Return the code of this step of time (RFC 6238 4.2, RFC 4226 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), sha1)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def matching_step(secret: bytes, code: str, now: datetime, last_step: int) -> int | None:
    """Return the step of time that the code is of: the present one or a neighbour, and later than the last one used."""
    given = plain_code(code)
    present = int(now.timestamp()) // STEP_S
    found = None
    for step in (present - 1, present, present + 1):
        is_same = hmac.compare_digest(totp_code(secret, step).encode(), given.encode())
        if is_same and step > last_step:
            found = step
    return found


def plain_code(code: str) -> str:
    """Return a code as it was made, without the blanks and hyphens that people type."""
    return _SPACES.sub("", code)[:64].upper()


def is_totp(code: str) -> bool:
    """Return whether this looks like the code of an app, and not like a recovery code."""
    plain = plain_code(code)
    return len(plain) == DIGITS and plain.isascii() and plain.isdigit()


def secret_text(secret: bytes) -> str:
    """Return the secret as people type it into an app."""
    return base64.b32encode(secret).decode().rstrip("=")


def totp_address(secret: bytes, account: str, network: str) -> str:
    """Return what the QR code holds (the key URI format that apps read)."""
    label = quote(f"{network}:{account}", safe="")
    query = urlencode({"secret": secret_text(secret), "issuer": network, "digits": DIGITS, "period": STEP_S})
    return f"otpauth://totp/{label}?{query}"


def make_recovery_codes(random_bytes: RandomBytes) -> tuple[str, ...]:
    """Return fresh codes of 80 bits each, in groups that can be read aloud."""
    codes = []
    for _ in range(RECOVERY_CODES):
        text = base64.b32encode(random_bytes(_RECOVERY_BYTES)).decode()
        codes.append("-".join(text[at : at + 4] for at in range(0, len(text), 4)))
    return tuple(codes)


def recovery_hash(user_id: str, code: str) -> str:
    """Return what is stored of a recovery code; it is random, so a fast hash keeps it."""
    return sha256(f"{user_id}:{plain_code(code)}".encode("utf-8", "surrogatepass")).hexdigest()


def demands_factor(grants: Collection[RoleGrant], second_factor_for: Collection[str]) -> bool:
    """Return whether people with these roles need a second factor."""
    return EVERYONE in second_factor_for or any(grant.role in second_factor_for for grant in grants)


def is_strong(method: str) -> bool:
    """Return whether a log-in of this kind has shown a second factor, or comes from one that has asked for it."""
    return method in {Method.TRUSTED_SSO, Method.PASSKEY} or method in _DONE.values()


def method_after(first: Method, factor: Factor) -> Method:
    return _DONE[first, factor]


def relying(public_url: str, scheme: str, host: str) -> Relying | None:
    """Return the site that passkeys are bound to: as the settings name it, else as the browser asked for it.

    None for an address: passkeys need a name (WebAuthn 5.1.2, 13.4.9).
    """
    if public_url:
        parts = urlsplit(public_url)
        scheme, host = parts.scheme, parts.netloc.rpartition("@")[2]
    host = host.lower()
    if _HOST.fullmatch(host) is None:
        return None
    name, _, port = host.partition(":")
    if name.replace(".", "").isdigit():
        return None
    is_usual = port in {"", "443" if scheme == "https" else "80"}
    return Relying(rp_id=name, origin=f"{scheme}://{name if is_usual else host}")


def counter_flaw(stored: int, given: int) -> bool:
    """Return whether the counter of a passkey tells of a copy (WebAuthn 7.2 step 22); many have none."""
    return (stored > 0 or given > 0) and given <= stored


def matching_rules(provider: Provider, claims: Claims) -> tuple[RoleRule, ...]:
    """Return the rules of the first role that fits what the provider says; several, if they name other sites."""
    fitting = [rule for rule in provider.roles if not rule.value or rule.value in claims.values]
    if not fitting:
        return ()
    first = fitting[0]
    return tuple(one for one in fitting if (one.role, one.organisation) == (first.role, first.organisation))


def grants_of(rules: Sequence[RoleRule]) -> tuple[RoleGrant, ...]:
    """Return the grants that these rules of one role make."""
    sites = dict.fromkeys(site for rule in rules for site in rule.sites)
    role = rules[0].role
    if not sites or role == Role.ADMIN or any(not rule.sites for rule in rules):
        return (RoleGrant(role=role),)
    return tuple(RoleGrant(role=role, site_id=site) for site in sites)


def limit_key(user_id: str) -> str:
    """Return under which account wrong second steps of a user are counted.

    No address that somebody tries to log in with is counted under it: those are folded, and have no capitals.
    """
    return f"Second step of {user_id}"
