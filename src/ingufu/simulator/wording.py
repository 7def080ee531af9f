"""How a station writes ids and instants, in its vendor's style; everything is derived from the seed, nothing drawn."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from hashlib import blake2b
from uuid import UUID

from ingufu.simulator.vendors import IdStyle, TimeStyle

_EAST_2H = timezone(timedelta(hours=2))


def digest(seed: str, purpose: str, number: int = 0) -> bytes:
    """Return 16 bytes that only these three decide."""
    return blake2b(f"{seed}|{purpose}|{number}".encode(), digest_size=16).digest()


def uuid(seed: str, purpose: str, number: int) -> str:
    """Return a UUID (version 4 in form) that only these three decide."""
    return str(UUID(bytes=digest(seed, purpose, number), version=4))


def message_ids(seed: str, style: IdStyle) -> Callable[[], str]:
    """Return a maker of message ids in the vendor's style, never the same twice for a station."""
    number = 0

    def new() -> str:
        nonlocal number
        number += 1
        if style is IdStyle.COUNTER:
            return str(1_000_000 + number)
        if style is IdStyle.HEX:
            return digest(seed, "message", number).hex()
        if style is IdStyle.PREFIXED:
            return f"offline-{digest(seed, 'message', number).hex()[:20]}"
        return uuid(seed, "message", number)

    return new


def instant(at: datetime, style: TimeStyle) -> str:
    """Write an aware UTC instant as the vendor does."""
    if style is TimeStyle.MILLISECONDS:
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
    if style is TimeStyle.OFFSET:
        return at.astimezone(_EAST_2H).strftime("%Y-%m-%dT%H:%M:%S+02:00")
    text = at.strftime("%Y-%m-%dT%H:%M:%S")
    return text + "Z" if style is TimeStyle.SECONDS else text


def read_instant(text: object) -> datetime | None:
    """Read what a CSMS wrote as an instant; None if it is none. Without a zone it is taken as UTC."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
