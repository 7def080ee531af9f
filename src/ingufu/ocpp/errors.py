"""One table of the error codes of OCPP-J: what they mean, how each version spells them, and when we send them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from ingufu.core import errors


class ErrorCode(StrEnum):
    """Why a CALL (or, in 2.1, a CALLRESULT) was not processed, named by meaning; the versions only spell it."""

    UNREADABLE_FRAME = "unreadable-frame"
    UNKNOWN_MESSAGE_TYPE = "unknown-message-type"
    UNKNOWN_ACTION = "unknown-action"
    UNSUPPORTED_ACTION = "unsupported-action"
    MALFORMED_PAYLOAD = "malformed-payload"
    WRONG_STRUCTURE = "wrong-structure"
    WRONG_OCCURRENCE = "wrong-occurrence"
    WRONG_TYPE = "wrong-type"
    WRONG_VALUE = "wrong-value"
    SECURITY = "security"
    INTERNAL = "internal"
    OTHER = "other"


MEANINGS: Mapping[ErrorCode, str] = MappingProxyType(
    {
        ErrorCode.UNREADABLE_FRAME: "The frame is not a valid RPC message.",
        ErrorCode.UNKNOWN_MESSAGE_TYPE: "This message type number is not known here.",
        ErrorCode.UNKNOWN_ACTION: "This action is not known here.",
        ErrorCode.UNSUPPORTED_ACTION: "This action is known but not supported here.",
        ErrorCode.MALFORMED_PAYLOAD: "The payload is syntactically incorrect.",
        ErrorCode.WRONG_STRUCTURE: "The payload does not have the structure of this action.",
        ErrorCode.WRONG_OCCURRENCE: "A field is missing or occurs too often.",
        ErrorCode.WRONG_TYPE: "A field has the wrong data type.",
        ErrorCode.WRONG_VALUE: "A field has an invalid value.",
        ErrorCode.SECURITY: "This is not allowed here and now.",
        ErrorCode.INTERNAL: "The message could not be processed because of an internal error.",
        ErrorCode.OTHER: "The message could not be processed.",
    }
)

# OCPP 2.0.1 part 4, table 8, and 2.1 part 4, table 9: the same twelve.
SPELLING_2: Mapping[ErrorCode, str] = MappingProxyType(
    {
        ErrorCode.UNREADABLE_FRAME: "RpcFrameworkError",
        ErrorCode.UNKNOWN_MESSAGE_TYPE: "MessageTypeNotSupported",
        ErrorCode.UNKNOWN_ACTION: "NotImplemented",
        ErrorCode.UNSUPPORTED_ACTION: "NotSupported",
        ErrorCode.MALFORMED_PAYLOAD: "FormatViolation",
        ErrorCode.WRONG_STRUCTURE: "ProtocolError",
        ErrorCode.WRONG_OCCURRENCE: "OccurrenceConstraintViolation",
        ErrorCode.WRONG_TYPE: "TypeConstraintViolation",
        ErrorCode.WRONG_VALUE: "PropertyConstraintViolation",
        ErrorCode.SECURITY: "SecurityError",
        ErrorCode.INTERNAL: "InternalError",
        ErrorCode.OTHER: "GenericError",
    }
)

# OCPP-J 1.6, table 7, has ten, two of them with a spelling of its own ("Occurence" with one r). The two that it lacks
# fall back to the nearest.
SPELLING_16: Mapping[ErrorCode, str] = MappingProxyType(
    {
        **SPELLING_2,
        ErrorCode.UNREADABLE_FRAME: "FormationViolation",
        ErrorCode.UNKNOWN_MESSAGE_TYPE: "GenericError",
        ErrorCode.MALFORMED_PAYLOAD: "FormationViolation",
        ErrorCode.WRONG_OCCURRENCE: "OccurenceConstraintViolation",
    }
)

_BY_SPELLING: Mapping[str, ErrorCode] = MappingProxyType(
    {
        **{spelling.lower(): code for code, spelling in SPELLING_2.items()},
        "formationviolation": ErrorCode.MALFORMED_PAYLOAD,
        "occurenceconstraintviolation": ErrorCode.WRONG_OCCURRENCE,
    }
)

# Keyed by the name of the kind, so that reading messages and answering for them do not depend on one another.
_BY_WIRE_KIND: Mapping[str, ErrorCode] = MappingProxyType(
    {
        "SYNTAX": ErrorCode.MALFORMED_PAYLOAD,
        "NOT_AN_OBJECT": ErrorCode.MALFORMED_PAYLOAD,
        "EXTRA": ErrorCode.MALFORMED_PAYLOAD,
        "MISSING": ErrorCode.WRONG_OCCURRENCE,
        "TOO_MANY_ITEMS": ErrorCode.WRONG_OCCURRENCE,
        "TYPE": ErrorCode.WRONG_TYPE,
        "VALUE": ErrorCode.WRONG_VALUE,
    }
)

# A refused partner or another station's silence is no fault of this message; what is missing on our side is ours.
_BY_EXCEPTION: Mapping[type[BaseException], ErrorCode] = MappingProxyType(
    {
        errors.InvalidInput: ErrorCode.WRONG_VALUE,
        errors.NotFound: ErrorCode.WRONG_VALUE,
        errors.Conflict: ErrorCode.OTHER,
        errors.TooManyRequests: ErrorCode.OTHER,
        errors.Unauthenticated: ErrorCode.SECURITY,
        errors.Forbidden: ErrorCode.SECURITY,
        errors.StationUnsupported: ErrorCode.UNSUPPORTED_ACTION,
        errors.StationNotAccepted: ErrorCode.SECURITY,
        errors.StationUnavailable: ErrorCode.OTHER,
        errors.PartnerFailed: ErrorCode.OTHER,
        BaseException: ErrorCode.INTERNAL,
    }
)


def parse(spelling: str) -> ErrorCode:
    """The meaning of a code in the spelling of any version, whoever sent it and in whatever case.

    A code that no version knows means OTHER: stations invent codes, and their answer is an error all the same.
    """
    return _BY_SPELLING.get(spelling.strip().lower(), ErrorCode.OTHER)


def of_wire_kind(kind: str) -> ErrorCode:
    """The code for a message that could not be read, by the name of the wire error's kind (`"MISSING"`).

    Raises KeyError for a kind that has no code.
    """
    return _BY_WIRE_KIND[kind]


def of_exception(error: BaseException) -> ErrorCode:
    """The code for a message whose handling failed; whatever is not of our tree is a bug of ours: INTERNAL."""
    return next(_BY_EXCEPTION[cls] for cls in type(error).__mro__ if cls in _BY_EXCEPTION)
