"""The table of error codes: spelling per version, reading from anyone, and what of ours becomes which."""

import pytest

from ingufu.core import errors as core
from ingufu.ocpp import errors
from ingufu.ocpp.errors import MEANINGS, SPELLING_2, SPELLING_16, ErrorCode

CODES_OF_16 = {  # OCPP-J 1.6, table 7
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
}
CODES_OF_2 = {  # OCPP 2.0.1 part 4, table 8; 2.1 part 4, table 9
    "FormatViolation",
    "GenericError",
    "InternalError",
    "MessageTypeNotSupported",
    "NotImplemented",
    "NotSupported",
    "OccurrenceConstraintViolation",
    "PropertyConstraintViolation",
    "ProtocolError",
    "RpcFrameworkError",
    "SecurityError",
    "TypeConstraintViolation",
}


def test_every_code_has_a_spelling_of_its_version_and_a_meaning():
    assert set(SPELLING_16) == set(SPELLING_2) == set(MEANINGS) == set(ErrorCode)
    assert set(SPELLING_16.values()) == CODES_OF_16
    assert set(SPELLING_2.values()) == CODES_OF_2
    assert all(0 < len(meaning) <= 255 for meaning in MEANINGS.values())


@pytest.mark.parametrize("code", ErrorCode)
def test_what_we_spell_for_2_is_read_back_as_the_same(code):
    assert errors.parse(SPELLING_2[code]) is code


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("FormationViolation", ErrorCode.MALFORMED_PAYLOAD),
        ("FormatViolation", ErrorCode.MALFORMED_PAYLOAD),
        ("OccurenceConstraintViolation", ErrorCode.WRONG_OCCURRENCE),
        ("OccurrenceConstraintViolation", ErrorCode.WRONG_OCCURRENCE),
        (" notsupported\n", ErrorCode.UNSUPPORTED_ACTION),
        ("VendorMoodError", ErrorCode.OTHER),
        ("", ErrorCode.OTHER),
    ],
)
def test_either_spelling_is_read_from_anyone(spelling, code):
    assert errors.parse(spelling) is code


@pytest.mark.parametrize(
    ("kind", "in_16", "in_2"),
    [
        ("SYNTAX", "FormationViolation", "FormatViolation"),
        ("NOT_AN_OBJECT", "FormationViolation", "FormatViolation"),
        ("EXTRA", "FormationViolation", "FormatViolation"),
        ("MISSING", "OccurenceConstraintViolation", "OccurrenceConstraintViolation"),
        ("TOO_MANY_ITEMS", "OccurenceConstraintViolation", "OccurrenceConstraintViolation"),
        ("TYPE", "TypeConstraintViolation", "TypeConstraintViolation"),
        ("VALUE", "PropertyConstraintViolation", "PropertyConstraintViolation"),
    ],
)
def test_a_message_that_could_not_be_read_gets_the_code_of_its_fault(kind, in_16, in_2):
    code = errors.of_wire_kind(kind)
    assert (SPELLING_16[code], SPELLING_2[code]) == (in_16, in_2)


def test_a_kind_without_a_code_is_a_bug():
    with pytest.raises(KeyError):
        errors.of_wire_kind("MOOD")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (core.InvalidInput("x", field="idTag"), ErrorCode.WRONG_VALUE),
        (core.NotFound(), ErrorCode.WRONG_VALUE),
        (core.Conflict(), ErrorCode.OTHER),
        (core.Unauthenticated(), ErrorCode.SECURITY),
        (core.Forbidden(), ErrorCode.SECURITY),
        (core.StationUnsupported(), ErrorCode.UNSUPPORTED_ACTION),
        (core.StationOffline(), ErrorCode.OTHER),
        (core.StationTimeout(), ErrorCode.OTHER),
        (core.PartnerFailed(retryable=True), ErrorCode.OTHER),
        (core.Unavailable(), ErrorCode.INTERNAL),
        (ZeroDivisionError(), ErrorCode.INTERNAL),
        (TimeoutError(), ErrorCode.INTERNAL),
    ],
)
def test_a_broken_promise_gets_the_code_of_its_meaning(error, code):
    assert errors.of_exception(error) is code
