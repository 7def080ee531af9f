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


class _Group(msgspec.Struct, eq=False):
    """Lines that bear the same taxes, or one line: exact amounts, then those in smallest units."""

    places: list[int]
    shares: list[Share]
    net: int  # exact, in parts of the currency
    taxes: list[int]
    units: int = 0  # net, in smallest units
    tax_units: list[int] = []


def bill(amounts: Amounts, currency: str, rule: RoundingRule, *, is_total_fixed: bool) -> Billed:
    """Return what is owed: net and tax make gross, the lines make the totals, all in whole smallest units.

    Prices without taxes are rounded net first and taxed then; prices that hold them are rounded gross first, and the
    tax is taken out of that. What is over of a sum goes to the lines with the largest remainders. Where a bound of
    the tariff fixed the total, the totals are rounded first whatever the policy, so that the bound is not passed.
    """
    exponent = decimals(currency)
    scale = 10**exponent
    rounding = _half_up if rule.rounding is Rounding.HALF_UP else _half_even
    groups = _groups(amounts.shares, is_by_line=rule.policy is RoundingPolicy.LINE)

    def in_units(amount: int) -> int:
        return rounding(amount * scale, amounts.whole)

    if is_total_fixed or rule.policy is RoundingPolicy.TOTAL:
        _round_totals(groups, amounts, in_units, rounding, is_total_fixed=is_total_fixed)
    else:
        for group in groups:
            _round_group(group, in_units, rounding)
    return _billed(groups, len(amounts.shares), exponent, rule)


def shared_out(total: int, weights: Sequence[int]) -> list[int]:
    """Return whole numbers in the proportions of the weights that sum up to the total, the largest remainders first."""
    if len(weights) == 1:
        return [total]
    together = sum(weights)
    if not together:
        return [total, *(0 for _ in weights[1:])] if weights else []
    quotients = [divmod(total * weight, together) for weight in weights]
    found = [quotient for quotient, _ in quotients]
    sign = 1 if together > 0 else -1
    in_order = sorted(range(len(weights)), key=lambda place: (-quotients[place][1] * sign, -abs(weights[place]), place))
    for place in in_order[: total - sum(found)]:
        found[place] += 1
    return found


def _groups(shares: list[Share], *, is_by_line: bool) -> list[_Group]:
    if len(shares) == 1 or is_by_line:
        return [_Group([place], [share], share.net, list(share.taxes)) for place, share in enumerate(shares)]
    found: dict[object, _Group] = {}
    for place, share in enumerate(shares):
        key = (share.taxed_by, share.slot.is_gross)
        group = found.get(key)
        if group is None:
            found[key] = _Group([place], [share], share.net, list(share.taxes))
        else:
            group.places.append(place)
            group.shares.append(share)
            group.net += share.net
            group.taxes = [one + more for one, more in zip(group.taxes, share.taxes, strict=True)]
    return list(found.values())


def _round_group(group: _Group, in_units: Callable[[int], int], rounding: _Round) -> None:
    """Round what the price says first, net or gross; tax is counted of the rounded amount."""
    tax = sum(group.taxes)
    if not group.shares[0].slot.is_gross:
        group.units = in_units(group.net)
        group.tax_units = [
            rounding(group.units * one, group.net) if group.net else in_units(one) for one in group.taxes
        ]
        return
    gross = group.net + tax
    gross_units = in_units(gross)
    tax_units = rounding(gross_units * tax, gross) if gross else 0
    group.units = gross_units - tax_units
    group.tax_units = shared_out(tax_units, group.taxes) if group.taxes else []


def _round_totals(
    groups: list[_Group],
    amounts: Amounts,
    in_units: Callable[[int], int],
    rounding: _Round,
    *,
    is_total_fixed: bool,
) -> None:
    net, gross = amounts.net, amounts.gross
    gross_units, units = in_units(gross), in_units(net)
    if amounts.shares and amounts.shares[0].slot.is_gross and gross and not is_total_fixed:
        units = gross_units - rounding(gross_units * (gross - net), gross)
    for group, group_units in zip(groups, shared_out(units, [group.net for group in groups]), strict=True):
        group.units = group_units
    taxes = [(group, one) for group in groups for one in group.taxes]
    for (group, _), tax_units in zip(taxes, shared_out(gross_units - units, [one for _, one in taxes]), strict=True):
        group.tax_units = [*group.tax_units, tax_units]


def _billed(groups: list[_Group], lines: int, exponent: int, rule: RoundingRule) -> Billed:
    nets, grosses = [0] * lines, [0] * lines
    taxes: dict[tuple[str, Decimal], list[int]] = {}
    for group in groups:
        line_nets = shared_out(group.units, [share.net for share in group.shares])
        line_taxes = shared_out(sum(group.tax_units), [share.tax for share in group.shares])
        for place, net, more in zip(group.places, line_nets, line_taxes, strict=True):
            nets[place], grosses[place] = net, net + more
        base = group.units
        for tax, units in zip(_taxes(group), group.tax_units, strict=True):
            found = taxes.setdefault((tax.name, tax.percent), [0, 0])
            found[0] += base if tax.is_compound else group.units
            found[1] += units
            base += units

    def money(units: int) -> Decimal:
        return Decimal(units).scaleb(-exponent)

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
