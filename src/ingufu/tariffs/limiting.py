"""The least and the most that a session costs: net and gross each by its own bound (OCPI mod_tariffs, min_price)."""

from decimal import Decimal
from fractions import Fraction
from math import lcm

from ingufu.tariffs.amounts import Amounts, Share, decimal_of, summed
from ingufu.tariffs.model import PriceLimit, Tax
from ingufu.tariffs.priced import Limited, LimitKind

_UNNAMED = (Tax(name="", percent=Decimal(0)),)


def limit(amounts: Amounts, least: PriceLimit | None, most: PriceLimit | None) -> tuple[Amounts, tuple[Limited, ...]]:
    """Return the amounts within the bounds, spread over the lines, and which bounds acted.

    A bound that is not given follows the other: where only a net one acts, the gross total keeps its share of tax.
    """
    total = (Fraction(amounts.net, amounts.whole), Fraction(amounts.gross, amounts.whole))
    limited: list[Limited] = []
    net, gross = total
    for kind, bounds in ((LimitKind.MIN_PRICE, least), (LimitKind.MAX_PRICE, most)):
        if bounds is not None:
            net, gross = _within(kind, bounds, (net, gross), _ratio(total, amounts), limited)
    if not limited:
        return amounts, ()
    return _spread(amounts, net, max(net, gross)), tuple(limited)


def _within(
    kind: LimitKind,
    bounds: PriceLimit,
    total: tuple[Fraction, Fraction],
    ratio: Fraction,
    limited: list[Limited],
) -> tuple[Fraction, Fraction]:
    net = _held(kind, total[0], bounds.before_taxes, limited, is_net=True)
    gross = _held(kind, total[1], bounds.after_taxes, limited, is_net=False)
    if bounds.after_taxes is None and net != total[0]:
        gross = net * ratio
    if bounds.before_taxes is None and gross != total[1]:
        net = gross / ratio
    return net, gross


def _held(
    kind: LimitKind, amount: Fraction, bound: Decimal | None, limited: list[Limited], *, is_net: bool
) -> Fraction:
    if bound is None or (amount >= bound if kind is LimitKind.MIN_PRICE else amount <= bound):
        return amount
    before = decimal_of(amount.numerator, amount.denominator)
    limited.append(Limited(kind=kind, is_net=is_net, before=before, after=bound))
    return Fraction(bound)


def _ratio(total: tuple[Fraction, Fraction], amounts: Amounts) -> Fraction:
    """Return gross by net: of nothing, as the first line is taxed."""
    if total[0]:
        return total[1] / total[0]
    slot = amounts.shares[0].slot if amounts.shares else None
    return Fraction(1) if slot is None else Fraction(slot.gross, slot.whole)


def _spread(amounts: Amounts, net: Fraction, gross: Fraction) -> Amounts:
    """Return the lines in their proportions with other totals: what was nothing goes to the first line."""
    tax = gross - net
    old_net, old_tax = amounts.net, amounts.gross - amounts.net
    lines: list[tuple[Share, Fraction, list[Fraction]]] = []
    for place, share in enumerate(amounts.shares):
        new_net = share.net * net / old_net if old_net else net * (place == 0)
        new_taxes = [one * tax / old_tax for one in share.taxes] if old_tax else [Fraction(0) for _ in share.taxes]
        lines.append((share, new_net, new_taxes))
    if not old_tax and tax and lines:
        first, first_net, _ = lines[0]
        shares = first.slot.shares if sum(first.slot.shares) else ()
        if not shares:
            first = Share(first.slot, _UNNAMED, first.net, (0,), 0)
        lines[0] = (first, first_net, [tax * one / sum(shares) for one in shares] or [tax])
    whole = lcm(*(one.denominator for _, line_net, taxes in lines for one in (line_net, *taxes)))
    return summed(
        whole, [_share(share, line_net * whole, [one * whole for one in taxes]) for share, line_net, taxes in lines]
    )


def _share(share: Share, net: Fraction, taxes: list[Fraction]) -> Share:
    whole_taxes = tuple(map(int, taxes))
    return Share(share.slot, share.taxed_by, int(net), whole_taxes, sum(whole_taxes))
