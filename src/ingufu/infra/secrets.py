"""Secrets: passwords of stations and people, tokens, and keeping them out of what is written down."""

import asyncio
import hmac
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b, sha256
from typing import TypeVar

import argon2

from ingufu.core.errors import InvalidInput, TooManyRequests
from ingufu.core.ids import RandomBytes
from ingufu.infra.redaction import QuickTest, redact

__all__ = [
    "PasswordHasher",
    "QuickTest",
    "hash_station_password",
    "make_station_password",
    "make_token",
    "redact",
    "station_password_flaw",
    "station_password_matches",
    "token_hash",
]

STATION_PASSWORD_MIN = 16  # OCPP 2.x passwordString; 1.6 AuthorizationKey: 16 bytes by the security whitepaper
STATION_PASSWORD_MAX = 64  # the largest maxLimit of BasicAuthPassword
_DISTINCT_MIN = 5  # characters: what has fewer is a pattern, not a key
_HEX_KEY = re.compile(r"(?:[0-9a-fA-F]{2}){16,32}")
_TEXT, _HEX = "t", "x"
_TOKEN_SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NOBODY = "the password of nobody"

T = TypeVar("T")


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


def make_token(random_bytes: RandomBytes, size: int = 32) -> str:
    """Return a fresh secret of `size` random bytes in letters and digits."""
    number = int.from_bytes(random_bytes(size), "big")
    signs = []
    for _ in range(-(-size * 8 // 5)):  # a little longer than needed, so that the length tells nothing
        number, rest = divmod(number, len(_TOKEN_SIGNS))
        signs.append(_TOKEN_SIGNS[rest])
    return "".join(signs)


def token_hash(token: str) -> str:
    """Return what is stored of a secret that we made: it is long and random, so a fast hash keeps it."""
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class PasswordHasher:
    """Hashes people's passwords with argon2id, in threads of its own: few at once, since each takes 64 MB."""

    def __init__(self, hasher: argon2.PasswordHasher | None = None, *, threads: int = 2, waiting: int = 64) -> None:
        self._hasher = hasher or argon2.PasswordHasher()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._most = threads + waiting
        self._running = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Return what is stored of a person's password. Raises TooManyRequests if too many wait already."""
        return await self._in_thread(lambda: self._hasher.hash(password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Return whether it is the stored password; without one it takes as long, and the answer is no.

        Raises TooManyRequests if too many wait already.
        """
        if self._nobody is None:
            self._nobody = await self.hash(_NOBODY)
        against = self._nobody if stored is None else stored
        is_same = await self._in_thread(lambda: self._verify(against, password))
        return is_same and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Return whether the hash was made with other parameters than those of now."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    async def _in_thread(self, do: Callable[[], T]) -> T:
        if self._running >= self._most:
            raise TooManyRequests("Too many people log in at once; wait a moment.", retry_after_s=5)
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, do)
        finally:
            self._running -= 1


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
