"""Text from outside, made fit to be kept: bounded, and of characters every database can hold."""


def plain(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`, with NUL and lone surrogates replaced.

    PostgreSQL refuses NUL in text, and lone surrogates cannot be written as UTF-8.
    """
    if len(text) <= limit and text.isascii() and "\x00" not in text:
        return text
    return text[:limit].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def plain_or_none(text: str | None, limit: int) -> str | None:
    """Return the same for text that may be absent."""
    return None if text is None else plain(text, limit)
