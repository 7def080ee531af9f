"""Secrets: passwords of stations and people, tokens, and keeping them out of what is written down."""

import hmac
import re
from hashlib import blake2b

from ingufu.core.errors import InvalidInput
from ingufu.core.ids import RandomBytes
from ingufu.infra.redaction import redact

__all__ = [
    "hash_station_password",
    "make_station_password",
    "redact",
    "station_password_flaw",
    "station_password_matches",
]

STATION_PASSWORD_MIN = 16  # OCPP 2.x passwordString; 1.6 AuthorizationKey: 16 bytes by the security whitepaper
STATION_PASSWORD_MAX = 64  # the largest maxLimit of BasicAuthPassword
_DISTINCT_MIN = 5  # characters: what has fewer is a pattern, not a key
_HEX_KEY = re.compile(r"(?:[0-9a-fA-F]{2}){16,32}")
_TEXT, _HEX = "t", "x"


def hash_station_password(password: str, random_bytes: RandomBytes) -> str:
    """Return what is stored of a station's Basic password.

    This is a salted BLAKE2b, not argon2: after a power cut ten thousand stations present their passwords within
    seconds, and a slow hash would keep them out for minutes. That is sound only because these passwords are keys of at
    least 16 characters that machines make and keep; people's passwords are hashed otherwise (`hash_password`).
    Raises InvalidInput if the password is shorter, longer, or plainly no key.
    """
    flaw = station_password_flaw(password)
    if flaw is not None:
        raise InvalidInput(flaw, field="password")
    form = _HEX if _HEX_KEY.fullmatch(password) else _TEXT
    salt = random_bytes(16)
    key = bytes.fromhex(password) if form == _HEX else password.encode()
    return f"b2${form}${salt.hex()}${_station_digest(key, salt)}"


def station_password_flaw(password: str) -> str | None:
    """Return why this cannot be a station's password, or None."""
    if not STATION_PASSWORD_MIN <= len(password) <= STATION_PASSWORD_MAX:
        return f"A station's password has {STATION_PASSWORD_MIN} to {STATION_PASSWORD_MAX} characters."
    if not password.isprintable():
        return "A station's password has printable characters only."
    if len(set(password)) < _DISTINCT_MIN:
        return f"A station's password has at least {_DISTINCT_MIN} different characters."
    return None


def station_password_matches(stored: str | None, presented: bytes) -> bool:
    """Return, in a time that tells nothing of the password, whether the Basic password is the stored one.

    Of a 1.6 AuthorizationKey, stations send the bytes or the hex text that stands for them; both are right.
    """
    form, salt, digest = _parts(stored)
    is_same = hmac.compare_digest(_station_digest(presented, salt), digest)
    decoded = _decoded(presented) if form == _HEX else None
    if decoded is not None:
        is_same |= hmac.compare_digest(_station_digest(decoded, salt), digest)
    return is_same and stored is not None


def make_station_password(random_bytes: RandomBytes) -> str:
    """Return a fresh key of 160 bits as 40 hex digits, which every OCPP version takes."""
    return random_bytes(20).hex()


def _station_digest(key: bytes, salt: bytes) -> str:
    return blake2b(key, key=salt, digest_size=32).hexdigest()


def _parts(stored: str | None) -> tuple[str, bytes, str]:
    if stored is None:  # compare all the same, so that a station without a password takes as long as one with
        return _TEXT, bytes(16), ""
    _, form, salt, digest = stored.split("$")
    return form, bytes.fromhex(salt), digest


def _decoded(presented: bytes) -> bytes | None:
    try:
        text = presented.decode("ascii")
    except UnicodeDecodeError:
        return None
    return bytes.fromhex(text) if _HEX_KEY.fullmatch(text) else None
