"""Money: an exact amount with its currency, rounded to the currency's smallest unit only where that is said.

Decimals of a currency are those of ISO 4217, never those with which a locale shows it: they differ.
"""

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import cache

import msgspec
from iso4217 import Currency

from ingufu.core.errors import InvalidInput


class Rounding(StrEnum):
    """What becomes of a half of the smallest unit."""

    HALF_UP = "half-up"  # away from zero
    HALF_EVEN = "half-even"


_MODES = {Rounding.HALF_UP: ROUND_HALF_UP, Rounding.HALF_EVEN: ROUND_HALF_EVEN}


class Money(msgspec.Struct, frozen=True):
    """An amount in a currency. Sums are exact; amounts of two currencies do not mix."""

    amount: Decimal
    currency: str  # ISO 4217, three capitals

    def __add__(self, other: "Money") -> "Money":
        self._check(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._check(other)
        return Money(self.amount - other.amount, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"

    def rounded(self, rounding: Rounding = Rounding.HALF_UP) -> "Money":
        """Return the amount in whole smallest units. Raises InvalidInput for a currency that is none."""
        return Money(rounded(self.amount, self.currency, rounding), self.currency)

    def _check(self, other: "Money") -> None:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be added.")


@cache
def decimals(currency: str) -> int:
    """Return how many decimals the currency has: 0 for RWF, 2 for KES and EUR, 3 for KWD (ISO 4217).

    Raises InvalidInput for what is no currency, and for those without a smallest unit (gold, test codes).
    """
    try:
        found = Currency(currency).exponent
    except ValueError:
        found = None
    if found is None:
        raise InvalidInput(f"“{currency[:8]}” is not a currency. Give its ISO 4217 code, for instance RWF, KES or EUR.")
    return int(found)


def rounded(amount: Decimal, currency: str, rounding: Rounding = Rounding.HALF_UP) -> Decimal:
    """Return the amount in whole smallest units of the currency. Raises InvalidInput for what is no currency."""
    return amount.quantize(Decimal(1).scaleb(-decimals(currency)), _MODES[rounding])


def minor_units(amount: Decimal, currency: str) -> int:
    """Return the amount as a count of smallest units. Raises ValueError if it is no whole count of them."""
    scaled = amount.scaleb(decimals(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} is no whole number of the smallest unit of {currency}.")
    return int(scaled)


def of_minor_units(count: int, currency: str) -> Money:
    """Return so many smallest units as money. Raises InvalidInput for what is no currency."""
    return Money(Decimal(count).scaleb(-decimals(currency)), currency)
