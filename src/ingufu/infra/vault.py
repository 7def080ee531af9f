"""Encryption at rest, for secrets that must be known again, such as a password that a station is to be told."""

import hashlib
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ingufu.core.errors import Unavailable
from ingufu.core.ids import RandomBytes

KEY_FILE = "secrets.key"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_FORM = "v1:"


class Vault:
    """Seals and opens texts with a key in a file of its own, made when it is first needed.

    The database alone tells nothing of what is sealed; a backup of it needs the key beside it.
    """

    def __init__(self, path: Path, random_bytes: RandomBytes = os.urandom) -> None:
        self._path = path
        self._random_bytes = random_bytes
        self._cipher: AESGCM | None = None
        self._derived: dict[str, bytes] = {}

    def seal(self, text: str, of: str) -> str:
        """Return the text encrypted, to be opened for the same `of` only. Raises Unavailable without a key."""
        nonce = self._random_bytes(_NONCE_BYTES)
        sealed = self._opened().encrypt(nonce, text.encode(), of.encode())
        return _FORM + (nonce + sealed).hex()

    def open(self, sealed: str, of: str) -> str:
        """Return what was sealed. Raises Unavailable if it was with another key, or for something else."""
        try:
            raw = bytes.fromhex(sealed.removeprefix(_FORM))
            return self._opened().decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], of.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise Unavailable("A secret cannot be read: the key that sealed it is not the one in use.") from error

    def derive(self, of: str) -> bytes:
        """Return a key of 32 bytes for this purpose alone; another purpose has another. Raises Unavailable."""
        if of not in self._derived:
            self._derived[of] = hmac.new(self._key(), f"derived {of}".encode(), hashlib.sha256).digest()
        return self._derived[of]

    def _opened(self) -> AESGCM:
        if self._cipher is None:
            self._cipher = AESGCM(self._key())
        return self._cipher

    def _key(self) -> bytes:
        try:
            self._make()
            key = self._path.read_bytes()
        except OSError as error:
            raise Unavailable(f"The key for secrets cannot be read: {error.strerror}.") from error
        if len(key) != _KEY_BYTES:
            raise Unavailable("The file with the key for secrets holds none.")
        return key

    def _make(self) -> None:
        """Make the key if there is none; of several processes the first one's counts."""
        if self._path.exists():
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f"{self._path.name}.{self._random_bytes(8).hex()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, self._random_bytes(_KEY_BYTES))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            os.link(draft, self._path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
