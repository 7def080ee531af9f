"""What a host has of a record sums up to whole smallest units, and a credit takes exactly it back."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.core.errors import InvalidInput
from ingufu.core.money import decimals, minor_units
from ingufu.ledger import sharing
from ingufu.ledger.model import Agreement, Earned, ShareBase

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def agreement(**terms: object) -> Agreement:
    given_ = {"percent": Decimal(10), "currency": "RWF"} | terms
    return Agreement(
        id="a", organisation_id="o", site_id="s", number=1, host_name="Host", valid_from=AT, created_at=AT, **given_
    )


def earned(net: str, gross: str, *, energy_net: str | None = None, sign: int = 1, **more: object) -> Earned:
    figures = {
        "energy_net": Decimal(energy_net or net) * sign,
        "net": Decimal(net) * sign,
        "gross": Decimal(gross) * sign,
        "energy_wh": Decimal(20_000) * sign,
        "currency": "RWF",
    }
    return Earned(
        organisation_id="o", record_id="r", site_id="s", at=AT, started_at=AT, sessions=sign, **(figures | more)
    )


@pytest.mark.parametrize(
    ("terms", "currency", "expected"),
    [
        ({"percent": Decimal(10)}, "RWF", "500"),
        ({"percent": Decimal("12.5"), "base": ShareBase.NET}, "RWF", "750"),
        ({"percent": Decimal(10), "base": ShareBase.GROSS}, "RWF", "708"),
        ({"percent": Decimal(0), "per_kwh": Decimal("7.33")}, "RWF", "147"),
        ({"percent": Decimal(0), "per_session": Decimal("0.125")}, "KWD", "0.125"),
        ({"percent": Decimal("0.5"), "per_kwh": Decimal("0.012")}, "EUR", "25.24"),
        ({"percent": Decimal(10), "per_session": Decimal("3.335")}, "KES", "503.34"),
    ],
)
def test_share_is_what_was_agreed(terms: dict[str, object], currency: str, expected: str) -> None:
    shared = sharing.share(
        agreement(**terms, currency=currency), earned("6000", "7080", energy_net="5000", currency=currency)
    )
    assert shared.amount == Decimal(expected)
    assert sum(shared.parts.values()) == shared.amount


def test_fees_come_off_first_where_the_host_bears_them() -> None:
    record = earned("1000", "1180", fees=Decimal(300))
    assert sharing.share(agreement(), record).amount == 100
    assert sharing.share(agreement(bears_fees=True), record).amount == 70
    assert sharing.share(agreement(bears_fees=True), earned("200", "236", fees=Decimal(300))).amount == 0


def test_remainder_goes_to_the_largest_part() -> None:
    exact = {"a": Fraction(1, 3), "b": Fraction(1, 3), "c": Fraction(4, 3)}
    assert sharing.apportioned(exact, "RWF") == {"a": Decimal(1), "b": Decimal(0), "c": Decimal(1)}
    assert sharing.apportioned({"a": Fraction("0.0004"), "b": Fraction("0.0006")}, "KWD") == {
        "a": Decimal("0.000"),
        "b": Decimal("0.001"),
    }


@given(
    parts=st.lists(st.decimals(0, 10_000, places=7), min_size=1, max_size=6),
    currency=st.sampled_from(["RWF", "KES", "EUR", "KWD"]),
)
def test_apportioned_parts_sum_up_and_are_off_by_less_than_one_unit(parts: list[Decimal], currency: str) -> None:
    exact = {str(place): Fraction(part) for place, part in enumerate(parts)}
    found = sharing.apportioned(exact, currency)
    unit = Fraction(1, 10 ** decimals(currency))
    assert abs(sum(Fraction(one) for one in found.values()) - sum(exact.values())) <= unit / 2
    for name, amount in found.items():
        minor_units(amount, currency)
        assert abs(Fraction(amount) - exact[name]) < unit


@given(
    net=st.integers(0, 10_000_000),
    percent=st.decimals(0, 100, places=6),
    per_kwh=st.decimals(0, 100, places=6),
    wh=st.decimals(0, 200_000, places=3),
    fees=st.integers(0, 5000),
)
def test_credit_has_the_negated_share_of_its_record(
    net: int, percent: Decimal, per_kwh: Decimal, wh: Decimal, fees: int
) -> None:
    terms = agreement(percent=percent, per_kwh=per_kwh, bears_fees=True)
    record = sharing.share(terms, earned(str(net), str(net), fees=Decimal(fees), energy_wh=wh))
    credit = sharing.share(terms, earned(str(net), str(net), sign=-1, fees=Decimal(-fees), energy_wh=-wh))
    assert credit.amount == -record.amount
    assert credit.parts == {name: -amount for name, amount in record.parts.items()}


@pytest.mark.parametrize(
    "terms",
    [
        {"percent": Decimal(101)},
        {"percent": Decimal(-1)},
        {"percent": Decimal("0.0000001")},
        {"per_kwh": Decimal(-1)},
        {"percent": Decimal(0)},
        {"currency": "XXX"},
        {"valid_until": AT},
    ],
)
def test_what_cannot_be_agreed_on_is_refused(terms: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        sharing.check(agreement(**terms))
