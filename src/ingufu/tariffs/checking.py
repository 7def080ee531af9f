"""Whether terms can be priced by at all, and what in them may surprise who set them."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

import msgspec

from ingufu.core.errors import InvalidInput
from ingufu.core.money import decimals
from ingufu.tariffs.model import (
    Dimension,
    Element,
    PriceComponent,
    PriceFeed,
    PriceLimit,
    Restrictions,
    Tax,
    TaxBasis,
    Terms,
)
from ingufu.tariffs.plan import Plan, Priced, holds_at, plan_of

MOST_ELEMENTS = 100
MOST_DECIMALS = 6  # of a price; OCPI carries 4, a price per minute as OCPP 2.1 has it needs 6
_MOST_TAXES = 5  # OCPP 2.1 has no room for more
_MOST = Decimal(10) ** 9  # of any price: beyond it somebody forgot a decimal point
_MOST_STEP = 1_000_000
_LONGEST_GRACE_S = 7 * 86_400
_MOST_NAME = 64
_MOST_MASKS = 20_000
_OCPI_DECIMALS = 4
_RESERVED = frozenset({Dimension.FLAT, Dimension.TIME})
_BOUNDS = (
    ("min_kwh", "max_kwh"),
    ("min_current_a", "max_current_a"),
    ("min_power_kw", "max_power_kw"),
    ("min_duration_s", "max_duration_s"),
)
_A_MONDAY = datetime(2024, 1, 1)  # noqa: DTZ001  # what a clock shows has no zone


class Doubt(StrEnum):
    """What is allowed, and may still not be meant. Codes are stable: texts are made of them elsewhere."""

    STEP_ROUNDS_UP = "step-rounds-up"  # more is billed than was used; not allowed for energy in several countries
    GAP_IN_WEEK = "gap-in-week"  # at some hours nothing prices the dimension: it is free then
    NO_FALLBACK = "no-fallback"  # in some situations nothing prices the dimension: it is free then
    NEVER_REACHED = "never-reached"  # an element before it always applies
    TAX_UNKNOWN = "tax-unknown"  # this component says no tax while others do
    MORE_DECIMALS_THAN_OCPI = "more-decimals-than-ocpi"  # partners see the price with four decimals


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """A doubt, and where in the terms."""

    doubt: Doubt
    field: str
    dimension: Dimension | None = None


def check_terms(terms: Terms) -> None:
    """Return if sessions can be priced by the terms. Raises InvalidInput that names the field."""
    try:
        decimals(terms.currency)
    except InvalidInput as error:
        raise InvalidInput(error.message, field="currency") from error
    if not terms.elements:
        _refuse("elements", "A tariff needs an element. A free one has a flat price of 0.")
    if len(terms.elements) > MOST_ELEMENTS:
        _refuse("elements", f"A tariff has at most {MOST_ELEMENTS} elements.")
    for place, element in enumerate(terms.elements):
        _check_element(element, terms.tax_basis, f"elements.{place}")
    for name, limit in (("min_price", terms.min_price), ("max_price", terms.max_price)):
        if limit is not None:
            _check_limit(limit, terms, name)
    if terms.min_price is not None and terms.max_price is not None:
        for name in ("before_taxes", "after_taxes"):
            least, most = getattr(terms.min_price, name), getattr(terms.max_price, name)
            if least is not None and most is not None and least > most:
                _refuse(f"min_price.{name}", "The least is more than the most that a session costs.")


def warnings(terms: Terms) -> tuple[Warned, ...]:
    """Return what in the terms may not be meant, in the order of the elements."""
    return (*_of_components(terms), *_never_reached(terms), *_uncovered(plan_of(terms, Priced.SESSION)))


def _refuse(field: str, why: str) -> None:
    raise InvalidInput(why, field=field)


def _check_element(element: Element, basis: TaxBasis, at: str) -> None:
    if not element.components:
        _refuse(f"{at}.components", "An element needs a price.")
    _check_restrictions(element.restrictions, f"{at}.restrictions")
    seen: set[Dimension] = set()
    for place, component in enumerate(element.components):
        where = f"{at}.components.{place}"
        if component.dimension in seen:
            _refuse(f"{where}.dimension", "An element prices each dimension once.")
        seen.add(component.dimension)
        if element.restrictions.reservation is not None and component.dimension not in _RESERVED:
            _refuse(f"{where}.dimension", "A reservation is priced by time or by a flat price.")
        _check_component(component, where)
        _check_taxes(component.taxes, basis, f"{where}.taxes")


def _check_component(component: PriceComponent, at: str) -> None:
    _check_price(component.price, f"{at}.price", may_be_negative=component.feed is not None)
    if not 1 <= component.step_size <= _MOST_STEP:
        _refuse(f"{at}.step_size", f"A step is at least 1 Wh or 1 s, and at most {_MOST_STEP}.")
    if not 0 <= component.grace_s <= _LONGEST_GRACE_S:
        _refuse(f"{at}.grace_s", "Grace is between 0 seconds and a week.")
    if component.grace_s and component.dimension is not Dimension.PARKING_TIME:
        _refuse(f"{at}.grace_s", "Only idle time has grace.")
    if component.feed is not None:
        if component.dimension is not Dimension.ENERGY:
            _refuse(f"{at}.feed", "Only energy follows a feed.")
        _check_feed(component.feed, f"{at}.feed")


def _check_feed(feed: PriceFeed, at: str) -> None:
    if not feed.feed_id or len(feed.feed_id) > _MOST_NAME:
        _refuse(f"{at}.feed_id", f"Name the feed, in at most {_MOST_NAME} characters.")
    _check_price(feed.factor, f"{at}.factor")
    for name, bound in (("floor", feed.floor), ("ceiling", feed.ceiling)):
        if bound is not None:
            _check_price(bound, f"{at}.{name}", may_be_negative=True)
    if feed.floor is not None and feed.ceiling is not None and feed.floor > feed.ceiling:
        _refuse(f"{at}.floor", "The floor is above the ceiling.")


def _check_price(price: Decimal, at: str, *, may_be_negative: bool = False) -> None:
    if not price.is_finite():
        _refuse(at, "That is no number.")
    if price < 0 and not may_be_negative:
        _refuse(at, "A price is not negative.")
    if abs(price) >= _MOST:
        _refuse(at, "That is more than any price.")
    if _decimals(price) > MOST_DECIMALS:
        _refuse(at, f"A price has at most {MOST_DECIMALS} decimals.")


def _check_taxes(taxes: tuple[Tax, ...] | None, basis: TaxBasis, at: str) -> None:
    if taxes and basis is TaxBasis.NONE:
        _refuse(at, "The tariff says that no tax applies.")
    if taxes is not None and len(taxes) > _MOST_TAXES:
        _refuse(at, f"A price bears at most {_MOST_TAXES} taxes.")
    for place, tax in enumerate(taxes or ()):
        if not tax.name.strip() or len(tax.name) > _MOST_NAME:
            _refuse(f"{at}.{place}.name", f"Name the tax, in at most {_MOST_NAME} characters.")
        if any(tax.name == other.name for other in (taxes or ())[:place]):
            _refuse(f"{at}.{place}.name", "The price bears this tax already.")
        if not (tax.percent.is_finite() and 0 <= tax.percent <= 100 and _decimals(tax.percent) <= MOST_DECIMALS):
            _refuse(f"{at}.{place}.percent", f"A tax is between 0 and 100 %, with at most {MOST_DECIMALS} decimals.")


def _check_restrictions(one: Restrictions, at: str) -> None:
    for least_name, most_name in _BOUNDS:
        least, most = getattr(one, least_name), getattr(one, most_name)
        for name, bound in ((least_name, least), (most_name, most)):
            if bound is not None and not (Decimal(bound).is_finite() and 0 <= bound < _MOST):
                _refuse(f"{at}.{name}", "Give a number that is not negative.")
            if bound is not None and _decimals(Decimal(bound)) > MOST_DECIMALS:
                _refuse(f"{at}.{name}", f"That has more than {MOST_DECIMALS} decimals.")
        if least is not None and most is not None and least >= most:
            _refuse(f"{at}.{most_name}", "The upper bound is not above the lower one, so the element never applies.")
        if one.reservation is not None and least_name != "min_duration_s" and (least, most) != (None, None):
            _refuse(f"{at}.{least_name}", "Nothing is charged while a place is reserved.")
    _check_calendar(one, at)


def _check_calendar(one: Restrictions, at: str) -> None:
    if one.start_date is not None and one.end_date is not None and one.start_date >= one.end_date:
        _refuse(f"{at}.end_date", "The end date, on which the element applies no more, is not after the start date.")
    if one.start_time is not None and one.start_time == one.end_time and one.start_time != time(0):
        _refuse(f"{at}.end_time", "Start and end are the same time. Leave both out for the whole day.")
    if any(wall is not None and wall.tzinfo is not None for wall in (one.start_time, one.end_time)):
        _refuse(f"{at}.start_time", "Times are those of the site, without a zone.")
    if len(set(one.days_of_week)) < len(one.days_of_week):
        _refuse(f"{at}.days_of_week", "A day is named twice.")


def _check_limit(limit: PriceLimit, terms: Terms, at: str) -> None:
    bounds = {"before_taxes": limit.before_taxes, "after_taxes": limit.after_taxes}
    if all(bound is None for bound in bounds.values()):
        _refuse(at, "Give the amount before taxes, after them, or both.")
    for name, bound in bounds.items():
        if bound is not None:
            _check_price(bound, f"{at}.{name}")
            if _decimals(bound) > decimals(terms.currency):
                _refuse(
                    f"{at}.{name}", f"{terms.currency} has {decimals(terms.currency)} decimals: nobody can pay that."
                )
    if limit.before_taxes is None or limit.after_taxes is None:
        return
    if limit.after_taxes < limit.before_taxes:
        _refuse(f"{at}.after_taxes", "With taxes it is less than without.")
    if terms.tax_basis is TaxBasis.NONE and limit.after_taxes != limit.before_taxes:
        _refuse(f"{at}.after_taxes", "The tariff says that no tax applies.")


def _decimals(number: Decimal) -> int:
    """Return how many decimals the number needs: 0.500 needs one."""
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _of_components(terms: Terms) -> Iterator[Warned]:
    components = [
        (f"elements.{place}.components.{number}", component)
        for place, element in enumerate(terms.elements)
        for number, component in enumerate(element.components)
    ]
    is_taxed = any(component.taxes is not None for _, component in components)
    for at, component in components:
        dimension = component.dimension
        if component.step_size > 1 and dimension is not Dimension.FLAT:
            yield Warned(doubt=Doubt.STEP_ROUNDS_UP, field=f"{at}.step_size", dimension=dimension)
        if component.taxes is None and is_taxed and terms.tax_basis is not TaxBasis.NONE:
            yield Warned(doubt=Doubt.TAX_UNKNOWN, field=f"{at}.taxes", dimension=dimension)
        if _decimals(component.price) > _OCPI_DECIMALS:
            yield Warned(doubt=Doubt.MORE_DECIMALS_THAN_OCPI, field=f"{at}.price", dimension=dimension)


def _never_reached(terms: Terms) -> Iterator[Warned]:
    """Yield components that stand behind one of their dimension that always applies."""
    settled: set[tuple[object, Dimension]] = set()
    for place, element in enumerate(terms.elements):
        part = element.restrictions.reservation
        for number, component in enumerate(element.components):
            if (part, component.dimension) in settled:
                field = f"elements.{place}.components.{number}"
                yield Warned(doubt=Doubt.NEVER_REACHED, field=field, dimension=component.dimension)
        if element.restrictions == Restrictions(reservation=part):
            settled |= {(part, component.dimension) for component in element.components}


def _uncovered(plan: Plan) -> Iterator[Warned]:
    """Yield the dimensions that nothing prices at some hours, or in some situations."""
    weekly = _weekly_masks(plan)
    all_masks = set(weekly)
    for masks in (plan.energy.masks, plan.power.masks, plan.current.masks, plan.duration[1]):
        all_masks = {one & other for one in all_masks for other in masks}
        if len(all_masks) > _MOST_MASKS:
            return
    for dimension in (Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME):
        bits = 0
        for slot in plan.by_dimension[dimension]:
            bits |= 1 << slot.element
        if not bits or all(mask & bits for mask in all_masks):
            continue
        doubt = Doubt.NO_FALLBACK if all(mask & bits for mask in weekly) else Doubt.GAP_IN_WEEK
        yield Warned(doubt=doubt, field="elements", dimension=dimension)


def _weekly_masks(plan: Plan) -> set[int]:
    """Return what applies through a week; what is bound to dates does not last."""
    masks: set[int] = set()
    for day in range(7):
        for wall in plan.walls:
            mask = plan.mask
            for bit, one in plan.calendar:
                is_dated = one.start_date is not None or one.end_date is not None
                if is_dated or not holds_at(one, _A_MONDAY + timedelta(days=day) + wall):
                    mask &= ~bit
            masks.add(mask)
    return masks
