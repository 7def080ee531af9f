"""Amounts of money as whole numbers of one fraction of the currency, so that sums, taxes and shares stay exact."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from math import lcm

import msgspec

from ingufu.tariffs.counting import Count
from ingufu.tariffs.cutting import PARTS_PER_WH, US_PER_HOUR, Exact
from ingufu.tariffs.model import Dimension, Tax
from ingufu.tariffs.plan import Slot

DECIMALS = 24  # of an exact amount as it is shown: far beyond any currency, and short of no finite one in practice
_PLACES = Decimal(1).scaleb(-DECIMALS)
_SCALE = 10**DECIMALS
ZERO = Decimal(0)
_WIDE = Context(prec=80, rounding=ROUND_HALF_EVEN)
_UNITS = {
    Dimension.ENERGY: 1000 * PARTS_PER_WH,
    Dimension.TIME: US_PER_HOUR,
    Dimension.PARKING_TIME: US_PER_HOUR,
    Dimension.FLAT: 1,
}


class Share(msgspec.Struct, eq=False):
    """What one line comes to, in parts of the currency: its net amount, and each of its taxes."""

    slot: Slot
    taxed_by: tuple[Tax, ...] | None
    net: int
    taxes: tuple[int, ...]

    @property
    def tax(self) -> int:
        return sum(self.taxes)


class Amounts(msgspec.Struct, eq=False):
    """The shares of all lines; `whole` parts are one of the currency."""

    whole: int
    shares: list[Share]

    @property
    def net(self) -> int:
        return sum(share.net for share in self.shares)

    @property
    def gross(self) -> int:
        return sum(share.net + share.tax for share in self.shares)

    def shown(self, amount: int) -> Decimal:
        return decimal_of(amount, self.whole)


def amounts_of(counts: Sequence[Count]) -> Amounts:
    """Return what the counts cost, and their taxes, without rounding."""
    found = [_share(count) for count in counts]
    whole = lcm(*(parts for parts, _ in found)) if found else 1
    return Amounts(
        whole=whole,
        shares=[share if parts == whole else _scaled(share, whole // parts) for parts, share in found],
    )


def decimal_of(numerator: int, denominator: int) -> Decimal:
    """Return a quotient as it is shown: exactly if `DECIMALS` decimals hold it, else rounded to them."""
    if not numerator:
        return ZERO
    value = _WIDE.divide(Decimal(numerator), Decimal(denominator))
    return _WIDE.quantize(value, _PLACES) if numerator * _SCALE % denominator else value


def quantity_of(amount: Exact, dimension: Dimension) -> Decimal:
    """Return parts of energy as kWh, and microseconds as hours."""
    return decimal_of(amount.numerator, amount.denominator * _UNITS[dimension])


def _share(count: Count) -> tuple[int, Share]:
    slot = count.slot
    numerator, denominator = count.price.as_integer_ratio()
    numerator *= count.billed.numerator
    denominator *= count.billed.denominator * _UNITS[slot.component.dimension]
    denominator *= slot.whole + sum(slot.shares) if slot.is_gross else slot.whole
    return denominator, Share(slot, slot.taxes, numerator * slot.whole, tuple(numerator * part for part in slot.shares))


def _scaled(share: Share, times: int) -> Share:
    return Share(share.slot, share.taxed_by, share.net * times, tuple(tax * times for tax in share.taxes))
