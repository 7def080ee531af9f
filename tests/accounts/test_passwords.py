"""Passwords that are guessed first are refused, others taken whatever they are made of."""

import pytest

from ingufu.accounts import passwords


@pytest.mark.parametrize(
    "password",
    [
        "a quiet morning in Kisumu",
        "Tr0ub4dor&3x!q",
        "зарядная станция",
        "8472-1936-5501",
        "wxkvbnqpmzlt",
        "充电站在这里很安静的早晨啊",
    ],
)
def test_good_password_is_taken(password):
    assert passwords.flaw(password, email="amina@example.org") is None


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "elevenchars",
        "aaaaaaaaaaaaa",
        "abababababab",
        "password1234",
        "P@ssw0rd1234",
        "!!Password!!2026",
        "administrator",
        "Welcome-2026!!",
        "ingufu2026!!",
        "123456789012",
        "210987654321",
        "qwertyuiop12",
        "qwertyuiopasdf",
        "abcdefghijkl",
        "amina@example.org",
        "Amina@Example.org!",
        "x" * 1001,
    ],
)
def test_what_is_tried_first_is_refused(password):
    assert passwords.flaw(password, email="amina@example.org")
