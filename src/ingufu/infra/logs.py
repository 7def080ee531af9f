"""Structured logs on standard error, as text for people or JSON for machines, without secrets."""

import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

import msgspec
import structlog

from ingufu.infra.redaction import HIDDEN, redact

MAX_TEXT = 4000  # characters of one value; a frame of a station may be far longer
_MAX_DEPTH = 6
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_SECRET_NAME = re.compile(
    r"passw|secret|credential|authorization_?(?:key|header)|^authorization$|api_?key|private_?key|cookie|csrf"
    r"|id_?token|(?:access|refresh|bearer)_?token|token_value|^token$|^tokens$|^pin$|key_?code",
    re.IGNORECASE,
)
_LINES = frozenset({"exception", "stack"})  # whose line breaks are meant

Event = MutableMapping[str, Any]
Processor = Callable[[Any, str, Event], Any]


class _Lenient:
    """Writes to a stream as long as that works: a full disk of logs must keep no station from its answer."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()


def configure_logs(level: str, format: str, stream: TextIO | None = None) -> None:  # noqa: A002 - the setting's name
    """Write logs of `level` and above, ours and those of libraries (of these only warnings and worse).

    For the start of a process. `format`: text, json, or auto (text on a terminal).
    """
    out = _Lenient(sys.stderr if stream is None else stream)
    is_terminal = out.isatty()
    as_text = format == "text" or (format == "auto" and is_terminal)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(
            colors=is_terminal, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
        )
        if as_text
        else structlog.processors.JSONRenderer(serializer=_json)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", out)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[1:4], _name_logger],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                hide_secrets,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(_LEVELS[level], logging.WARNING))


def hide_secrets(logger: Any, method: str, event: Event) -> Event:  # structlog's own signature
    """Take out of a line what is secret by its name, by the field of a record, or by its form."""
    del logger, method
    for name, value in event.items():
        event[name] = _shown(name, value, 0) if name != "event" else _line(str(value))
    return event


def _shown(name: str, value: Any, depth: int) -> Any:  # anything that can be logged
    if value is None or isinstance(value, bool | int | float):
        return value
    if _SECRET_NAME.search(name):
        return HIDDEN
    if isinstance(value, str):
        return redact(value) if name in _LINES else _line(value)
    if depth >= _MAX_DEPTH:
        return "..."
    if isinstance(value, msgspec.Struct):
        value = {field: getattr(value, field) for field in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {str(key): _shown(str(key), item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown("", item, depth + 1) for item in value]
    return _line(str(value))


def _line(text: str) -> str:
    """Return the text on one line, without secrets and without what a terminal would obey."""
    text = redact(text[:MAX_TEXT])
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _json(event: Mapping[str, Any], **options: Any) -> str:  # structlog's own signature
    del options
    return msgspec.json.encode(event, enc_hook=str).decode()


def _name_logger(logger: logging.Logger, method: str, event: Event) -> Event:
    del method
    event["logger"] = logger.name if logger is not None else event["_record"].name
    return event
