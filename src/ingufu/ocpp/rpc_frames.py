"""Frames of the OCPP RPC framework: how bytes become an envelope, with its payload left unread, and back.

What a station sends is read as tolerantly as its meaning is certain; every tolerance shown is noted.
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import msgspec

from ingufu.ocpp.errors import SPELLING_2, SPELLING_16, ErrorCode

CALL, RESULT, ERROR, RESULT_ERROR, SEND = b"2", b"3", b"4", b"5", b"6"

MAX_OWN_ID = 36  # characters, by the standard
MAX_ID_SIZE = 1024  # bytes of a foreign id; some prefix theirs with "offline-" and more, none seen is near this
MAX_ACTION_SIZE = 256  # bytes; the longest known action has 33 characters
MAX_DESCRIPTION = 255  # characters, 2.x part 4 table 7
MAX_REPAIR_SIZE = 64 * 1024  # bytes; repairing is slow, and a real transaction message is far smaller

UNREADABLE_ID = b'"-1"'  # 2.x part 4, 4.2.3: the id of an error about a message whose id cannot be read
EMPTY_OBJECT = msgspec.Raw(b"{}")

_ABSENT = msgspec.Raw(b"")
_OPENING_BRACE = ord("{")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_JSON_STRING = rb'"(?:[^"\\\x00-\x1f]|\\.)*"'
_HEAD = re.compile(  # as much of an envelope as a broken frame still shows
    rb"\s*\[\s*(?P<kind>-?\d+)(?=[\s,\]])\s*"
    rb"(?:,\s*(?P<message_id>" + _JSON_STRING + rb"|-?\d[\d.eE+-]*(?=[\s,\]]))\s*"
    rb"(?:,\s*(?P<action>" + _JSON_STRING + rb")\s*,)?)?"
)
_HEAD_SIZE = 2 * MAX_ID_SIZE  # bytes; a head that is longer shows nothing that could be answered
_UNICODE_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


class Note(StrEnum):
    """A departure from the standard that was understood all the same."""

    LONG_ID = "long-id"
    EMPTY_ID = "empty-id"
    NUMBER_AS_ID = "number-as-id"
    BYTE_ORDER_MARK = "byte-order-mark"
    TRAILING_NUL = "trailing-nul"
    REPAIRED_JSON = "repaired-json"
    NULL_PAYLOAD = "null-payload"
    MISSING_PAYLOAD = "missing-payload"
    EXTRA_ELEMENTS = "extra-elements"
    SHORT_ERROR = "short-error"
    ODD_ERROR_FIELD = "odd-error-field"


class Cause(StrEnum):
    """Why a frame could not be taken as a message."""

    NOT_UTF8 = "not-utf8"
    NOT_JSON = "not-json"
    TOO_DEEP = "too-deep"
    NOT_AN_ARRAY = "not-an-array"
    NO_MESSAGE_TYPE = "no-message-type"
    UNKNOWN_MESSAGE_TYPE = "unknown-message-type"
    UNREADABLE_ID = "unreadable-id"
    UNREADABLE_ACTION = "unreadable-action"
    PAYLOAD_MISSING = "payload-missing"
    PAYLOAD_NOT_AN_OBJECT = "payload-not-an-object"
    QUEUE_OVERRUN = "queue-overrun"


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """What the RPC framework of one OCPP version knows, and how it answers what it does not."""

    version: str
    subprotocol: str
    message_types: frozenset[bytes]
    spelling: Mapping[ErrorCode, str]
    answers_unreadable: bool  # 2.x: with the id "-1"; 1.6 has no way to say it
    answers_unknown_type: bool  # 2.x: MessageTypeNotSupported; 1.6: ignored (OCPP-J 1.6, 4.1.3)


_BASIC_TYPES = frozenset({CALL, RESULT, ERROR})

V16 = Dialect(
    version="1.6",
    subprotocol="ocpp1.6",
    message_types=_BASIC_TYPES,
    spelling=SPELLING_16,
    answers_unreadable=False,
    answers_unknown_type=False,
)
V201 = Dialect(
    version="2.0.1",
    subprotocol="ocpp2.0.1",
    message_types=_BASIC_TYPES,
    spelling=SPELLING_2,
    answers_unreadable=True,
    answers_unknown_type=True,
)
V21 = Dialect(
    version="2.1",
    subprotocol="ocpp2.1",
    message_types=_BASIC_TYPES | {RESULT_ERROR, SEND},
    spelling=SPELLING_2,
    answers_unreadable=True,
    answers_unknown_type=True,
)
DIALECTS: Mapping[str, Dialect] = MappingProxyType({dialect.subprotocol: dialect for dialect in (V16, V201, V21)})


class Envelope(msgspec.Struct, array_like=True, frozen=True):
    """The elements of a frame as they came, at most six of them: more are never looked at nor kept."""

    kind: msgspec.Raw = _ABSENT
    message_id: msgspec.Raw = _ABSENT
    third: msgspec.Raw = _ABSENT
    fourth: msgspec.Raw = _ABSENT
    fifth: msgspec.Raw = _ABSENT
    sixth: msgspec.Raw = _ABSENT


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a frame that is not JSON: the elements that could still be read, empty where they could not."""

    cause: Cause
    kind: bytes = b""
    id_token: bytes = b""
    has_action: bool = False


_ENVELOPE = msgspec.json.Decoder(Envelope)
_TEXT = msgspec.json.Decoder(str)
_ANY = msgspec.json.Decoder(msgspec.Raw)


def read(data: bytes) -> tuple[Envelope, tuple[Note, ...]] | Broken:
    """The envelope of a frame, or what is left of it. Never raises, whatever the bytes are."""
    if not data.isascii() and not _is_utf8(data):
        return _salvage(data, Cause.NOT_UTF8)
    try:
        return _ENVELOPE.decode(data), ()
    except msgspec.ValidationError:
        return Broken(cause=Cause.NOT_AN_ARRAY)
    except RecursionError:
        return _salvage(data, Cause.TOO_DEEP)
    except msgspec.DecodeError:
        return _mend(data)


def read_id(token: bytes) -> tuple[str, tuple[Note, ...]] | None:
    """The text of a message id, and what is odd about it; None when there is none that an answer could repeat.

    A number is taken: some stations count, and match the answer if it carries the very same JSON value.
    """
    if len(token) > MAX_ID_SIZE:
        return None
    if token[:1] == b'"':
        text = token[1:-1].decode() if b"\\" not in token else _text(token)
        if text is None:
            return None
        return text, () if 0 < len(text) <= MAX_OWN_ID else ((Note.LONG_ID,) if text else (Note.EMPTY_ID,))
    if token[:1].isdigit() or token[:1] == b"-":
        return token.decode(), (Note.NUMBER_AS_ID,)
    return None


def read_action(token: bytes) -> str | None:
    """The name of the action, or None when the element is not one."""
    return _text(token) or None if len(token) <= MAX_ACTION_SIZE else None


def is_object(element: msgspec.Raw) -> bool:
    """Whether an element of an envelope is a JSON object."""
    view = memoryview(element)
    return len(view) > 0 and view[0] == _OPENING_BRACE


def is_json(text: bytes) -> bool:
    """Whether the text is one well-formed JSON value, so that it cannot break the frame that it is put into."""
    try:
        _ANY.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return text.isascii() or _is_utf8(text)


def read_error(envelope: Envelope) -> tuple[str, str, msgspec.Raw, tuple[Note, ...]]:
    """Code as spelt, description and details of a CALLERROR or CALLRESULTERROR, however short or odd it is.

    Seen in the field: four elements, the details in the place of the description, null for either.
    """
    description, details = envelope.fourth, envelope.fifth
    notes: tuple[Note, ...] = (Note.EXTRA_ELEMENTS,) if bytes(envelope.sixth) else ()
    if not bytes(details):
        notes += (Note.SHORT_ERROR,)
        description, details = (_ABSENT, description) if is_object(description) else (description, EMPTY_OBJECT)
    code, text = _text(bytes(envelope.third)), _text(bytes(description))
    if code is None or not is_object(details) or (text is None and bytes(description)):
        notes += (Note.ODD_ERROR_FIELD,)
    kept = details if is_object(details) else EMPTY_OBJECT
    return (code or "")[:MAX_DESCRIPTION], (text or "")[:MAX_DESCRIPTION], kept, notes


def write_call(kind: bytes, message_id: str, action: str, payload: bytes) -> bytes:
    """A CALL or SEND frame; the payload goes out exactly as given."""
    return b"".join((b"[", kind, b",", quote(message_id), b",", quote(action), b",", payload, b"]"))


def write_result(id_token: bytes, payload: bytes) -> bytes:
    """A CALLRESULT frame that repeats the id as the station wrote it."""
    return b"".join((b"[3,", id_token, b",", payload, b"]"))


def write_error(kind: bytes, id_token: bytes, code: str, description: str, details: bytes) -> bytes:
    """A CALLERROR or CALLRESULTERROR frame; the description is cut to what the standard allows."""
    fields = (id_token, quote(code), quote(description[:MAX_DESCRIPTION]), details)
    return b"".join((b"[", kind, b",", b",".join(fields), b"]"))


def quote(text: str) -> bytes:
    """The text as a JSON token."""
    # A lone surrogate cannot be encoded; it becomes a question mark rather than the end of the connection.
    return msgspec.json.encode(text if text.isascii() else text.encode("utf-8", "replace").decode())


def _text(token: bytes) -> str | None:
    try:
        return _TEXT.decode(token)
    except msgspec.DecodeError:
        return None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _mend(data: bytes) -> tuple[Envelope, tuple[Note, ...]] | Broken:
    """Read a frame whose fault leaves no doubt about its meaning; a transaction must not be lost for a control byte."""
    notes: tuple[Note, ...] = ()
    if data.startswith(_BYTE_ORDER_MARK):
        data, notes = data.removeprefix(_BYTE_ORDER_MARK), (Note.BYTE_ORDER_MARK,)
    if data.endswith(b"\0"):  # the buffer of a C program, sent with its end mark
        data, notes = data.rstrip(b"\0"), (*notes, Note.TRAILING_NUL)
    if not notes or not is_json(data):
        data, notes = _rewrite(data) or data, (*notes, Note.REPAIRED_JSON)
    try:
        return _ENVELOPE.decode(data), notes
    except msgspec.ValidationError:
        return Broken(cause=Cause.NOT_AN_ARRAY)
    except (msgspec.DecodeError, RecursionError):
        return _salvage(data, Cause.NOT_JSON)


def _rewrite(data: bytes) -> bytes:
    """The same JSON without bare control characters, NaN and halves of surrogate pairs; empty if that is not enough.

    Numbers keep their digits.
    """
    if len(data) > MAX_REPAIR_SIZE:
        return b""
    whole = _UNICODE_ESCAPES.sub(lambda escape: rb"\ufffd" if escape["half"] else escape[0], data)
    try:
        value: Any = json.loads(  # Any: foreign JSON of unknown shape, written out again at once
            whole.decode(), strict=False, parse_float=_verbatim, parse_int=_verbatim, parse_constant=_nothing
        )
        return msgspec.json.encode(value)
    except (ValueError, RecursionError):
        return b""


def _verbatim(digits: str) -> msgspec.Raw:
    return msgspec.Raw(digits.encode())


def _nothing(_constant: str) -> None:
    return None


def _salvage(data: bytes, cause: Cause) -> Broken:
    head = _HEAD.match(data[:_HEAD_SIZE])
    if head is None:
        return Broken(cause=cause)
    id_token = head["message_id"] or b""
    if not is_json(id_token):
        return Broken(cause=cause, kind=head["kind"])
    return Broken(cause=cause, kind=head["kind"], id_token=id_token, has_action=head["action"] is not None)
