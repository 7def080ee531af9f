"""Money: whole smallest units as ISO 4217 counts them, and nothing that mixes or rounds unasked."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.core.errors import InvalidInput
from ingufu.core.money import Money, Rounding, decimals, minor_units, of_minor_units, rounded

# where locale data and ISO 4217 differ (IQD), ISO counts
DECIMALS = {"RWF": 0, "UGX": 0, "XOF": 0, "JPY": 0, "KES": 2, "EUR": 2, "TZS": 2, "IQD": 3, "KWD": 3, "CLF": 4}


@pytest.mark.parametrize(("currency", "expected"), DECIMALS.items())
def test_decimals_are_those_of_iso_4217(currency: str, expected: int) -> None:
    assert decimals(currency) == expected


@pytest.mark.parametrize("text", ["", "rwf", "RWX", "XAU", "XXX", "EUR ", "<b>"])
def test_what_is_no_currency_to_pay_with_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        decimals(text)


def test_halves_go_away_from_zero_or_to_even() -> None:
    assert rounded(Decimal("472.5"), "RWF") == Decimal(473)
    assert rounded(Decimal("472.5"), "RWF", Rounding.HALF_EVEN) == Decimal(472)
    assert rounded(Decimal("-0.125"), "EUR") == Decimal("-0.13")
    assert str(Money(Decimal("1.0005"), "KWD").rounded()) == "1.001 KWD"


def test_amounts_of_two_currencies_do_not_mix() -> None:
    with pytest.raises(ValueError, match="cannot be added"):
        Money(Decimal(1), "RWF") + Money(Decimal(1), "KES")


def test_no_currency_is_multiplied_by_a_hundred_that_has_no_cents() -> None:
    assert minor_units(Decimal(5000), "RWF") == 5000
    assert minor_units(Decimal("5000.00"), "KES") == 500_000
    assert minor_units(Decimal("5.125"), "KWD") == 5125
    with pytest.raises(ValueError, match="no whole number"):
        minor_units(Decimal("0.5"), "RWF")


@given(st.integers(-(10**15), 10**15), st.sampled_from(sorted(DECIMALS)))
def test_counts_of_smallest_units_survive_the_way_there_and_back(count: int, currency: str) -> None:
    money = of_minor_units(count, currency)
    assert minor_units(money.amount, currency) == count
    assert money.rounded() == money
    assert money + (-money) == Money(Decimal(0), currency)
