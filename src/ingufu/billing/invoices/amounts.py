"""Sums and taxes of a document, exact: lines sum up to groups, groups to the total, whatever rounds where. Pure."""

from collections.abc import Sequence
from decimal import Context, Decimal, localcontext
from fractions import Fraction

import msgspec

from ingufu.billing.invoices.model import DocumentLine, Priced, TaxCategory, TaxGroup, TaxPart
from ingufu.billing.invoices.parties import TaxRounding
from ingufu.core.money import decimals, minor_units, rounded
from ingufu.tariffs.model import Tax

PRECISION = Context(prec=50)
UNIT_PRICE_PLACES = 10  # of a net price that a gross one leads to
replace = msgspec.structs.replace
ZERO = Decimal(0)


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Lines as the document shows them, and what they come to."""

    lines: tuple[DocumentLine, ...]
    taxes: tuple[TaxGroup, ...]
    net: Decimal
    tax: Decimal
    gross: Decimal
    rounding: Decimal
    payable: Decimal


def factor(taxes: Sequence[Tax]) -> Fraction:
    """Return what a net price is multiplied by to hold its taxes; a compound one counts on those before it."""
    total = Fraction(1)
    for tax in taxes:
        total += (total if tax.is_compound else Fraction(1)) * Fraction(tax.percent) / 100
    return total


def percent(taxes: Sequence[Tax]) -> Decimal:
    """Return the rate of all taxes together, in per cent."""
    return exact((factor(taxes) - 1) * 100, 6)


def exact(value: Fraction, places: int) -> Decimal:
    """Return the value as a decimal, rounded half up after so many places, without needless zeros."""
    with localcontext(PRECISION):
        scaled = _half_up(value * 10**places)
        found = Decimal(scaled).scaleb(-places).normalize()
        return found.quantize(Decimal(1)) if found == found.to_integral_value() else found


def net_price(price: Decimal, taxes: Sequence[Tax], *, is_gross: bool) -> Decimal:
    """Return the price without taxes."""
    return exact(Fraction(price) / factor(taxes), UNIT_PRICE_PLACES) if is_gross else price


def total(lines: Sequence[DocumentLine], rules: Priced, exemptions: dict[TaxCategory, str]) -> Sums:
    """Return the sums of lines whose amounts are as they were recorded, in whole smallest units.

    What is to be paid is what was recorded. Where the country has taxes rounded once for a rate or once for all, the
    amounts may be off by less than a unit a line: `rounding` says by how much, and nobody pays more or less.
    """
    recorded = sum((line.gross for line in lines), ZERO)
    groups: dict[tuple[TaxCategory, Decimal, tuple[Tax, ...]], list[DocumentLine]] = {}
    for line in lines:
        groups.setdefault((line.category, line.percent, line.taxes), []).append(line)
    sums = [_Group(key[2], tuple(members), rules) for key, members in groups.items()]
    if rules.tax_rounding is TaxRounding.TAX_GROUP:
        sums = [group.taxed_anew(None) for group in sums]
    elif rules.tax_rounding is TaxRounding.TOTAL:
        sums = _taxed_together(sums, rules)
    # Lines whose taxes differ only in name share a group, since it is the rate that is declared.
    merged: dict[tuple[TaxCategory, Decimal], TaxGroup] = {}
    for (category, rate, _), group in zip(groups, sums, strict=True):
        found = TaxGroup(
            category=category,
            percent=rate,
            taxable=group.net,
            tax=group.tax,
            parts=group.parts(),
            reason=exemptions.get(category, ""),
        )
        before = merged.get((category, rate))
        merged[category, rate] = found if before is None else _joined(before, found)
    by_position = {line.position: line for group in sums for line in group.lines}
    net, tax = sum((group.net for group in sums), ZERO), sum((group.tax for group in sums), ZERO)
    return Sums(
        lines=tuple(by_position[line.position] for line in lines),
        taxes=tuple(merged[key] for key in sorted(merged, key=lambda key: (-key[1], key[0].value))),
        net=net,
        tax=tax,
        gross=net + tax,
        rounding=recorded - net - tax,
        payable=recorded,
    )


class _Group:
    """Lines under the same taxes."""

    def __init__(self, taxes: tuple[Tax, ...], lines: tuple[DocumentLine, ...], rules: Priced) -> None:
        self.taxes = taxes
        self.lines = lines
        self.rules = rules
        self.net = sum((line.net for line in lines), ZERO)
        self.tax = sum((line.gross - line.net for line in lines), ZERO)

    @property
    def is_gross_priced(self) -> bool:
        return all(line.is_gross_priced for line in self.lines)

    def exact_tax(self) -> Fraction:
        by = factor(self.taxes)
        if self.is_gross_priced:
            return Fraction(self.net + self.tax) * (by - 1) / by
        return Fraction(self.net) * (by - 1)

    def taxed_anew(self, tax: Decimal | None) -> "_Group":
        """Return the group with its tax laid on its sum; where prices hold the tax, the gross sum stays."""
        if tax is None:
            tax = _money(self.exact_tax(), self.rules)
        group = _Group(self.taxes, self.lines, self.rules)
        group.net = self.net + self.tax - tax if self.is_gross_priced else self.net
        group.tax = tax
        nets = _spread([line.net for line in self.lines], group.net, self.rules.currency)
        taxes = _spread([line.gross - line.net for line in self.lines], tax, self.rules.currency)
        group.lines = tuple(
            replace(line, net=net, gross=net + part) for line, net, part in zip(self.lines, nets, taxes, strict=True)
        )
        return group

    def parts(self) -> tuple[TaxPart, ...]:
        """Return what each tax of the group comes to; together they are its tax."""
        weights: list[Fraction] = []
        laid = Fraction(1)
        for tax in self.taxes:
            weights.append((laid if tax.is_compound else Fraction(1)) * Fraction(tax.percent))
            laid += weights[-1] / 100
        amounts = share(self.tax, weights, self.rules.currency)
        return tuple(
            TaxPart(name=tax.name, percent=tax.percent, amount=amount)
            for tax, amount in zip(self.taxes, amounts, strict=True)
        )


def share(amount: Decimal, weights: Sequence[Fraction], currency: str) -> list[Decimal]:
    """Return the amount in parts by weight, in whole smallest units: the largest remainders get what is left over."""
    if not weights:
        return []
    whole = sum(weights)
    count = minor_units(amount, currency)
    sign = -1 if count < 0 else 1
    if whole == 0:
        weights, whole = [Fraction(1)] * len(weights), Fraction(len(weights))
    ideal = [abs(count) * weight / whole for weight in weights]
    units = [int(part) for part in ideal]
    for place in sorted(range(len(ideal)), key=lambda at: (units[at] - ideal[at], at))[: abs(count) - sum(units)]:
        units[place] += 1
    return [Decimal(sign * unit).scaleb(-decimals(currency)) for unit in units]


def _taxed_together(groups: list[_Group], rules: Priced) -> list[_Group]:
    """Return the groups with the tax of all of them rounded once."""
    ideal = [group.exact_tax() for group in groups]
    tax = _money(sum(ideal, Fraction(0)), rules)
    scale = 10 ** decimals(rules.currency)
    units = [int(part * scale // 1) for part in ideal]
    left = minor_units(tax, rules.currency) - sum(units)
    for place in sorted(range(len(ideal)), key=lambda at: (units[at] - ideal[at] * scale, at))[:left]:
        units[place] += 1
    return [
        group.taxed_anew(Decimal(unit).scaleb(-decimals(rules.currency)))
        for group, unit in zip(groups, units, strict=True)
    ]


def _spread(amounts: Sequence[Decimal], wanted: Decimal, currency: str) -> list[Decimal]:
    """Return the amounts changed by whole smallest units so that they sum up: the largest ones first, evenly."""
    units = [minor_units(amount, currency) for amount in amounts]
    missing = minor_units(wanted, currency) - sum(units)
    order = sorted(range(len(units)), key=lambda at: (-abs(units[at]), at))
    whole, rest = divmod(abs(missing), len(units))
    sign = -1 if missing < 0 else 1
    for rank, place in enumerate(order):
        units[place] += sign * (whole + (1 if rank < rest else 0))
    return [Decimal(unit).scaleb(-decimals(currency)) for unit in units]


def _joined(one: TaxGroup, other: TaxGroup) -> TaxGroup:
    parts = {(part.name, part.percent): part for part in one.parts}
    for part in other.parts:
        before = parts.get((part.name, part.percent))
        parts[part.name, part.percent] = part if before is None else replace(part, amount=before.amount + part.amount)
    return replace(one, taxable=one.taxable + other.taxable, tax=one.tax + other.tax, parts=tuple(parts.values()))


def _money(value: Fraction, rules: Priced) -> Decimal:
    """Return the value in whole smallest units, its halves as the rule of the seller says."""
    with localcontext(PRECISION):
        return rounded(Decimal(value.numerator) / Decimal(value.denominator), rules.currency, rules.rounding)


def _half_up(value: Fraction) -> int:
    sign = -1 if value < 0 else 1
    return sign * int(abs(value) + Fraction(1, 2))
