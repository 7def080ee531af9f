"""Amounts of money as whole numbers of one fraction of the currency, so that sums, taxes and shares stay exact."""

from collections.abc import Sequence
from decimal import Context, Decimal
from math import gcd, lcm

import msgspec

from ingufu.tariffs.counting import Count
from ingufu.tariffs.cutting import PARTS_PER_WH, US_PER_HOUR, Exact
from ingufu.tariffs.model import Dimension, Tax
from ingufu.tariffs.plan import Slot

DECIMALS = 24  # of an exact amount as it is shown: far beyond any currency, and short of no finite one in practice
_SCALE = 10**DECIMALS
ZERO = Decimal(0)
_ONCE = Decimal(1)
_PARTS_PER_KWH = 1000 * PARTS_PER_WH
_WIDE = Context(prec=80)
_UNITS = {
    Dimension.ENERGY: _PARTS_PER_KWH,
    Dimension.TIME: US_PER_HOUR,
    Dimension.PARKING_TIME: US_PER_HOUR,
    Dimension.FLAT: 1,
}


class Share(msgspec.Struct, eq=False, gc=False):
    """What one line comes to, in parts of the currency: its net amount, and each of its taxes."""

    slot: Slot
    taxed_by: tuple[Tax, ...] | None
    net: int
    taxes: tuple[int, ...]
    tax: int  # all of them


class Amounts(msgspec.Struct, eq=False, gc=False):
    """The shares of all lines; `whole` parts are one of the currency."""

    whole: int
    shares: list[Share]
    net: int
    gross: int
    seen: dict[int, Decimal] = {}

    def shown(self, amount: int) -> Decimal:
        """Return an amount as a decimal number; a line's is often the total's."""
        found = self.seen.get(amount)
        if found is None:
            found = self.seen[amount] = decimal_of(amount, self.whole)
        return found


def amounts_of(counts: Sequence[Count]) -> Amounts:
    """Return what the counts cost, and their taxes, without rounding."""
    found = [_share(count) for count in counts]
    whole = lcm(*(parts for parts, _ in found))
    return summed(whole, [share if parts == whole else _scaled(share, whole // parts) for parts, share in found])


def summed(whole: int, shares: list[Share]) -> Amounts:
    net = tax = 0
    for share in shares:
        net += share.net
        tax += share.tax
    return Amounts(whole, shares, net, net + tax)


def decimal_of(numerator: int, denominator: int) -> Decimal:
    """Return a quotient as it is shown: exactly if `DECIMALS` decimals hold it, else rounded to them."""
    if not numerator:
        return ZERO
    quotient, rest = divmod(numerator * _SCALE, denominator)
    if not rest:
        return _WIDE.divide(Decimal(numerator), Decimal(denominator))
    return Decimal(quotient + (2 * rest >= denominator)).scaleb(-DECIMALS, _WIDE)


def kwh_of(parts: Exact) -> Decimal:
    if isinstance(parts, int):
        return decimal_of(parts, _PARTS_PER_KWH)
    return decimal_of(parts.numerator, parts.denominator * _PARTS_PER_KWH)


def hours_of(us: Exact) -> Decimal:
    return (
        decimal_of(us, US_PER_HOUR) if isinstance(us, int) else decimal_of(us.numerator, us.denominator * US_PER_HOUR)
    )


def quantity_of(amount: Exact, dimension: Dimension) -> Decimal:
    """Return parts of energy as kWh, microseconds as hours, and a flat price as one."""
    if dimension is Dimension.ENERGY:
        return kwh_of(amount)
    return _ONCE if dimension is Dimension.FLAT and amount else hours_of(amount)


def _share(count: Count) -> tuple[int, Share]:
    slot = count.slot
    numerator, denominator = count.price.as_integer_ratio()
    numerator *= count.billed.numerator
    denominator *= count.billed.denominator * _UNITS[slot.component.dimension]
    common = gcd(numerator, denominator)  # small numbers from here on
    numerator, denominator = numerator // common, denominator // common
    denominator *= slot.gross if slot.is_gross else slot.whole
    taxes = tuple([numerator * part for part in slot.shares])
    return denominator, Share(slot, slot.taxes, numerator * slot.whole, taxes, sum(taxes))


def _scaled(share: Share, times: int) -> Share:
    taxes = tuple([tax * times for tax in share.taxes])
    return Share(share.slot, share.taxed_by, share.net * times, taxes, share.tax * times)
