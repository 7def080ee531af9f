"""Exact amounts brought to the smallest unit of the currency: once per line, tax group or total, and summing up."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeAlias

import msgspec

from ingufu.core.money import Rounding, decimals
from ingufu.tariffs.amounts import Amounts, Share
from ingufu.tariffs.model import Tax
from ingufu.tariffs.priced import Billed, RoundingPolicy, RoundingRule, TaxAmount

_Round: TypeAlias = Callable[[int, int], int]
Bounds: TypeAlias = tuple[tuple[Decimal | None, Decimal | None], tuple[Decimal | None, Decimal | None]]
"""Of the net and of the gross total: the least and the most."""


class _Group(msgspec.Struct, eq=False, gc=False):
    """Lines that bear the same taxes, or one line: exact amounts, then those in smallest units."""

    places: list[int]
    shares: list[Share]
    net: int  # exact, in parts of the currency
    taxes: list[int]
    units: int = 0  # net, in smallest units
    tax_units: list[int] = []


def bill(
    amounts: Amounts, currency: str, rule: RoundingRule, bounds: Bounds | None = None, *, is_held: bool = False
) -> Billed:
    """Return what is owed: net and tax make gross, the lines make the totals, all in whole smallest units.

    Prices without taxes are rounded net first and taxed then; prices that hold them are rounded gross first, and the
    tax is taken out of that. What is over of a sum goes to the lines with the largest remainders. Rounding
    never brings a total beyond the bounds of the tariff. Where a bound acts (`is_held`), tax is no share of net any
    more: the totals are rounded, each by itself, and shared out.
    """
    exponent = decimals(currency)
    rounding = _half_up if rule.rounding is Rounding.HALF_UP else _half_even
    ledger = _Rounded(amounts, 10**exponent, rounding, is_by_line=rule.policy is RoundingPolicy.LINE)
    if is_held:
        ledger.round_each_total()
    elif rule.policy is RoundingPolicy.TOTAL:
        ledger.round_totals()
    else:
        ledger.round_groups()
    if bounds is not None:
        ledger.hold(bounds)
    return _billed(ledger.groups, len(amounts.shares), exponent, rule)


def shared_out(total: int, weights: Sequence[int]) -> list[int]:
    """Return whole numbers in the proportions of the weights that sum up to the total, the largest remainders first."""
    if len(weights) == 1:
        return [total]
    together = sum(weights)
    if not together:
        return [total, *(0 for _ in weights[1:])] if weights else []
    quotients = [divmod(total * weight, together) for weight in weights]
    found = [quotient for quotient, _ in quotients]
    rest = total - sum(found)
    if not rest:
        return found
    sign = 1 if together > 0 else -1
    places = range(len(weights))
    if rest == 1:
        found[max(places, key=lambda place: (quotients[place][1] * sign, abs(weights[place]), -place))] += 1
        return found
    in_order = sorted(places, key=lambda place: (-quotients[place][1] * sign, -abs(weights[place]), place))
    for place in in_order[:rest]:
        found[place] += 1
    return found


def _groups(shares: list[Share], *, is_by_line: bool) -> list[_Group]:
    if len(shares) == 1 or is_by_line:
        return [_Group([place], [share], share.net, list(share.taxes)) for place, share in enumerate(shares)]
    groups: list[_Group] = []
    for place, share in enumerate(shares):
        group = next((one for one in groups if _is_taxed_alike(one.shares[0], share)), None)
        if group is None:
            groups.append(_Group([place], [share], share.net, list(share.taxes)))
        else:
            group.places.append(place)
            group.shares.append(share)
            group.net += share.net
            group.taxes = [one + more for one, more in zip(group.taxes, share.taxes, strict=True)]
    return groups


def _is_taxed_alike(one: Share, other: Share) -> bool:
    return one.slot.is_gross is other.slot.is_gross and (
        one.taxed_by is other.taxed_by or one.taxed_by == other.taxed_by
    )


class _Rounded:
    """Groups of lines, on their way to whole smallest units."""

    def __init__(self, amounts: Amounts, scale: int, rounding: _Round, *, is_by_line: bool) -> None:
        self.groups = _groups(amounts.shares, is_by_line=is_by_line)
        self._amounts = amounts
        self._scale = scale
        self._rounding = rounding

    def round_groups(self) -> None:
        """Round what the price says first, net or gross; tax is counted of the rounded amount."""
        rounding = self._rounding
        for group in self.groups:
            net, tax = group.net, sum(group.taxes)
            if not group.shares[0].slot.is_gross:
                group.units = self._units(net)
                group.tax_units = [rounding(group.units * one, net) if net else self._units(one) for one in group.taxes]
                continue
            gross_units = self._units(net + tax)
            tax_units = rounding(gross_units * tax, net + tax) if net + tax else 0
            group.units = gross_units - tax_units
            group.tax_units = shared_out(tax_units, group.taxes) if group.taxes else []

    def round_totals(self) -> None:
        net, gross = self._amounts.net, self._amounts.gross
        gross_units, units = self._units(gross), self._units(net)
        if self._amounts.shares and self._amounts.shares[0].slot.is_gross and gross:
            units = gross_units - self._rounding(gross_units * (gross - net), gross)
        self._share_out(units, gross_units)

    def round_each_total(self) -> None:
        self._share_out(self._units(self._amounts.net), self._units(self._amounts.gross))

    def hold(self, bounds: Bounds) -> None:
        """Bring the totals within their bounds."""
        units = sum(group.units for group in self.groups)
        gross_units = units + sum(sum(group.tax_units) for group in self.groups)
        held, held_gross = self._held(units, bounds[0]), self._held(gross_units, bounds[1])
        if (held, held_gross) != (units, gross_units):
            self._share_out(min(held, held_gross), held_gross)

    def _held(self, units: int, bounds: tuple[Decimal | None, Decimal | None]) -> int:
        for bound, closer in zip(bounds, (max, min), strict=True):
            if bound is not None:
                numerator, denominator = bound.as_integer_ratio()
                units = closer(units, self._rounding(numerator * self._scale, denominator))
        return units

    def _share_out(self, units: int, gross_units: int) -> None:
        groups = self.groups
        for group, group_units in zip(groups, shared_out(units, [group.net for group in groups]), strict=True):
            group.units, group.tax_units = group_units, []
        taxes = [(group, one) for group in groups for one in group.taxes]
        shares = shared_out(gross_units - units, [one for _, one in taxes])
        for (group, _), tax_units in zip(taxes, shares, strict=True):
            group.tax_units.append(tax_units)

    def _units(self, amount: int) -> int:
        return self._rounding(amount * self._scale, self._amounts.whole)


def _billed(groups: list[_Group], lines: int, exponent: int, rule: RoundingRule) -> Billed:
    nets, grosses = [0] * lines, [0] * lines
    taxes: dict[tuple[str, Decimal], list[int]] = {}
    for group in groups:
        if len(group.places) == 1:
            nets[group.places[0]], grosses[group.places[0]] = group.units, group.units + sum(group.tax_units)
            continue
        line_nets = shared_out(group.units, [share.net for share in group.shares])
        line_taxes = shared_out(sum(group.tax_units), [share.tax for share in group.shares])
        for place, net, more in zip(group.places, line_nets, line_taxes, strict=True):
            nets[place], grosses[place] = net, net + more
    for group in groups:
        base = group.units
        for tax, units in zip(_taxes(group), group.tax_units, strict=True):
            found = taxes.setdefault((tax.name, tax.percent), [0, 0])
            found[0] += base if tax.is_compound else group.units
            found[1] += units
            base += units

    seen: dict[int, Decimal] = {}

    def money(units: int) -> Decimal:
        found = seen.get(units)
        if found is None:
            found = seen[units] = Decimal(units).scaleb(-exponent)
        return found

    net_units, gross_units = sum(nets), sum(grosses)
    return Billed(
        net=money(net_units),
        tax=money(gross_units - net_units),
        gross=money(gross_units),
        taxes=tuple(
            TaxAmount(name=name, percent=percent, base=money(base), amount=money(amount))
            for (name, percent), (base, amount) in taxes.items()
        ),
        line_net=tuple(map(money, nets)),
        line_gross=tuple(map(money, grosses)),
        rounding=rule.rounding,
        policy=rule.policy,
    )


def _taxes(group: _Group) -> tuple[Tax, ...]:
    return group.shares[0].taxed_by or ()


def _half_up(numerator: int, denominator: int) -> int:
    """Return the quotient as a whole number, a half away from zero."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    if numerator < 0:
        return -((-2 * numerator + denominator) // (2 * denominator))
    return (2 * numerator + denominator) // (2 * denominator)


def _half_even(numerator: int, denominator: int) -> int:
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    quotient, rest = divmod(numerator, denominator)
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient % 2))
