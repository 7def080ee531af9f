"""The rules of signing in, by themselves."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.accounts.model import RoleGrant
from ingufu.accounts.sign_in import decide
from ingufu.accounts.sign_in.model import Claims, Factors, Method, Provider, Relying, RoleRule

SECRET = b"12345678901234567890"  # RFC 6238 appendix B


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (1_234_567_890, "005924"),
     (2_000_000_000, "279037"), (20_000_000_000, "353130")],
)  # fmt: skip
def test_codes_are_those_of_the_standard(seconds, code):
    assert decide.totp_code(SECRET, seconds // 30) == code


@given(st.integers(-3, 3), st.integers(0, 10**9))
def test_code_counts_within_one_step_and_only_once(off, seconds):
    now = datetime.fromtimestamp(seconds + 10**9, UTC)
    present = int(now.timestamp()) // 30
    code = decide.totp_code(SECRET, present + off)
    found = decide.matching_step(SECRET, f"{code[:3]} {code[3:]}", now, 0)
    if abs(off) <= 1:
        assert found is not None
        assert decide.matching_step(SECRET, code, now, present + 1) is None, "not after a later one"
    elif found is not None:  # two steps may happen to have one code
        assert decide.totp_code(SECRET, found) == code


@given(st.text(max_size=80))
def test_no_text_breaks_the_check_of_codes(text):
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert decide.matching_step(SECRET, text, now, 10**9) is None
    assert len(decide.recovery_hash("u", text)) == 64
    assert isinstance(decide.is_totp(text), bool)


def test_recovery_code_is_read_however_it_is_typed():
    [code, *_] = decide.make_recovery_codes(bytes)
    assert decide.recovery_hash("u", code.lower().replace("-", " ")) == decide.recovery_hash("u", code)
    assert decide.recovery_hash("u", code) != decide.recovery_hash("v", code), "of one user alone"
    assert not decide.is_totp(code)


def test_address_for_the_app_escapes_what_people_are_called():
    address = decide.totp_address(SECRET, "a b&c=d@example.org", "Ingufu: Kigali")
    assert address.startswith("otpauth://totp/Ingufu%3A%20Kigali%3Aa%20b%26c%3Dd%40example.org?secret=GEZDGNBV")


@pytest.mark.parametrize(
    ("public", "scheme", "host", "expected"),
    [
        ("", "http", "localhost:8080", Relying(rp_id="localhost", origin="http://localhost:8080")),
        ("", "https", "CSMS.example.org:443", Relying(rp_id="csms.example.org", origin="https://csms.example.org")),
        ("https://a.example/x", "http", "evil", Relying(rp_id="a.example", origin="https://a.example")),
        ("https://a.example:8443", "http", "", Relying(rp_id="a.example", origin="https://a.example:8443")),
        ("", "http", "127.0.0.1:8080", None),
        ("", "http", "[::1]:8080", None),
        ("", "http", "a.example/evil", None),
        ("", "http", "", None),
    ],
)
def test_passkeys_are_bound_to_a_name(public, scheme, host, expected):
    assert decide.relying(public, scheme, host) == expected


@pytest.mark.parametrize(
    ("stored", "given_", "is_copy"), [(0, 0, False), (0, 1, False), (5, 6, False), (5, 5, True), (5, 0, True)]
)
def test_counter_that_does_not_rise_tells_of_a_copy(stored, given_, is_copy):
    assert decide.counter_flaw(stored, given_) is is_copy


def test_first_rule_that_fits_gives_the_role_and_all_of_its_sites():
    rules = (
        RoleRule(value="a", role="technician", sites=("s1",)),
        RoleRule(value="b", role="admin"),
        RoleRule(value="c", role="technician", sites=("s2",)),
    )
    provider = Provider(name="p", label="P", issuer="https://p", client_id="c", roles=rules)

    def fitting(*values: str):
        return decide.matching_rules(provider, Claims(issuer="i", subject="s", values=values))

    assert fitting("x") == ()
    assert decide.grants_of(fitting("c", "a")) == (
        RoleGrant(role="technician", site_id="s1"),
        RoleGrant(role="technician", site_id="s2"),
    )
    assert decide.grants_of(fitting("b", "c")) == (RoleGrant(role="admin"),)


def test_strong_log_ins_are_those_with_two_factors():
    weak = {Method.PASSWORD, Method.SSO, Method.INVITATION}
    assert {method for method in Method if not decide.is_strong(method)} == weak


def test_offered_factors_have_the_usual_one_first():
    assert Factors(has_totp=True, passkeys=2, recovery_codes=1).offered == ("totp", "passkey", "recovery_code")
    assert Factors(recovery_codes=3).is_any is False
