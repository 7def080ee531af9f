"""What a site's host has of a charge record: pure, exact until the last step, then in whole smallest units."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from ingufu.core.errors import InvalidInput
from ingufu.core.money import decimals, of_minor_units
from ingufu.ledger.model import AccountKind, Agreement, Earned, Posting, ShareBase

MAX_PERCENT = Decimal(100)
MAX_PRICE = Decimal(1_000_000)
_EXACT = Decimal("0.000001")
OF_HOST = ":"  # stands between a site and its host
BY_NAME = ":="  # and between a site and the name of a host of which nothing else is known


class Shared(NamedTuple):
    """A share: the amount, in whole smallest units, and its parts, which sum up to it."""

    amount: Decimal
    based_on: Decimal
    parts: dict[str, Decimal]


def check(agreement: Agreement) -> None:
    """Raise InvalidInput for what cannot be agreed on."""
    decimals(agreement.currency)
    if not all(value.is_finite() for value in (agreement.percent, agreement.per_kwh, agreement.per_session)):
        raise InvalidInput("A percentage and a price are numbers.", field="percent")
    if not 0 <= agreement.percent <= MAX_PERCENT or agreement.percent != agreement.percent.quantize(_EXACT):
        raise InvalidInput("A percentage lies between 0 and 100, with at most six decimals.", field="percent")
    for name, price in (("per_kwh", agreement.per_kwh), ("per_session", agreement.per_session)):
        if not 0 <= price <= MAX_PRICE or price != price.quantize(_EXACT):
            raise InvalidInput(f"A price lies between 0 and {MAX_PRICE:,}, with at most six decimals.", field=name)
    if not (agreement.percent or agreement.per_kwh or agreement.per_session):
        raise InvalidInput("An agreement gives the host something.", field="percent")
    if agreement.valid_until is not None and agreement.valid_until <= agreement.valid_from:
        raise InvalidInput("An agreement ends after it begins.", field="valid_until")
    if not agreement.host_name.strip():
        raise InvalidInput("Say who the host is.", field="host_name")
    if not agreement.host_name.isprintable():
        raise InvalidInput("The name of a host is of printable characters.", field="host_name")


def share(agreement: Agreement, earned: Earned) -> Shared:
    """Return what the host has of it: never more than a percentage of nothing where fees exceed what was earned.

    A credit, with every figure negated, has the same share negated.
    """
    sign = -1 if earned.sessions < 0 else 1
    based_on = sign * _base(agreement, earned)
    if agreement.bears_fees:
        based_on -= sign * earned.fees
    based_on = max(based_on, Decimal(0))
    exact = {
        "percent": Fraction(based_on) * Fraction(agreement.percent) / 100,
        "kwh": Fraction(sign * earned.energy_wh) / 1000 * Fraction(agreement.per_kwh),
        "session": Fraction(agreement.per_session) * abs(earned.sessions),
    }
    parts = apportioned(exact, agreement.currency)
    signed = {name: sign * amount for name, amount in parts.items() if amount}
    return Shared(sum(signed.values(), Decimal(0)), sign * based_on, signed)


def payable_of(site_id: str, host_id: str | None, host_name: str) -> str:
    """Return whose account what is due stands on: of a host at a site, which its name tells apart if nothing else."""
    return f"{site_id}{BY_NAME}{host_name}" if host_id is None else f"{site_id}{OF_HOST}{host_id}"


def postings(earned: Earned, amount: Decimal, payable: str) -> tuple[Posting, ...]:
    """Return the postings that book a share: a cost of ours, due to the host with whom it was agreed."""
    return (
        Posting(account=AccountKind.HOST_SHARE, owner=earned.site_id, amount=amount, currency=earned.currency),
        Posting(account=AccountKind.PAYABLE, owner=payable, amount=-amount, currency=earned.currency),
    )


def apportioned(exact: Mapping[str, Fraction], currency: str) -> dict[str, Decimal]:
    """Return each part in whole smallest units, so that they sum up to the rounded total (half up).

    What is left after rounding each part down goes to those with the largest remainders, the first of equals first.
    """
    scale = 10 ** decimals(currency)
    scaled = {name: value * scale for name, value in exact.items()}
    total = _half_up(sum(scaled.values(), Fraction(0)))
    whole = {name: value.numerator // value.denominator for name, value in scaled.items()}
    names: Sequence[str] = sorted(scaled, key=lambda name: whole[name] - scaled[name])  # the largest remainder first
    for name in names[: total - sum(whole.values())]:
        whole[name] += 1
    return {name: of_minor_units(count, currency).amount for name, count in whole.items()}


def _half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def _base(agreement: Agreement, earned: Earned) -> Decimal:
    if agreement.base is ShareBase.ENERGY_NET:
        return earned.energy_net
    return earned.net if agreement.base is ShareBase.NET else earned.gross
