"""Tariffs as stations of OCPP 2.1 take them (TariffType), in plain values; who sends them checks them by the schema.

Prices there are net, and time is priced per minute. For each dimension the first price whose conditions hold counts,
as with our elements.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec

from ingufu.tariffs.conversion.refusals import Converted, Note, Refusal, Refused
from ingufu.tariffs.model import (
    Dimension,
    PriceComponent,
    PriceLimit,
    ReservationPart,
    Restrictions,
    Tariff,
    TariffVersion,
    Tax,
    TaxBasis,
    Terms,
)

PLACES = 12  # of a price that does not come out even
ID_MAX = 60
TEXTS_MAX = 10
LANGUAGE_MAX = 8
TAX_NAME_MAX = 20
_HOUR_MIN = 60
_ANYTIME = Restrictions()


class _Found(msgspec.Struct, frozen=True):
    """A component with its element's restrictions, and where it stands."""

    component: PriceComponent
    restrictions: Restrictions
    at: str


def to_ocpp(
    tariff: Tariff, version: TariffVersion, *, texts: Mapping[str, str] | None = None, names_start: bool = False
) -> Converted:
    """Return the tariff as a TariffType, or why a station could not price by it as we do.

    `texts` are what it shows, by language. A default tariff `names_start`, one of a driver must not (2.1 I08).
    New content has a new id: stations refuse another tariff of an id they know.
    """
    writing = _Writing(version.terms)
    terms = version.terms
    found: dict[str, Any] = {
        "tariffId": f"{tariff.id}.{version.number}"[:ID_MAX],
        "currency": terms.currency,
        "description": _description(texts if texts is not None else tariff.texts),
        "validFrom": version.valid_from.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if names_start else None,
        "energy": writing.energy(),
        "chargingTime": writing.timed(Dimension.TIME),
        "idleTime": writing.timed(Dimension.PARKING_TIME),
        "fixedFee": writing.fixed(),
        "reservationTime": writing.timed(Dimension.TIME, is_reservation=True),
        "reservationFixed": writing.fixed(is_reservation=True),
        "minCost": writing.limit(terms.min_price, "min_price"),
        "maxCost": writing.limit(terms.max_price, "max_price"),
    }
    notes = tuple(sorted(writing.notes))
    if writing.refusals:
        return Converted(refusals=tuple(writing.refusals), notes=notes)
    return Converted(tariff={name: value for name, value in found.items() if value}, notes=notes)


def _description(texts: Mapping[str, str]) -> list[dict[str, str]]:
    known = [(language, text) for language, text in sorted(texts.items()) if len(language) <= LANGUAGE_MAX]
    return [{"format": "UTF8", "language": language, "content": text} for language, text in known[:TEXTS_MAX]]


class _Writing:
    """Writes the blocks of a tariff, and gathers what cannot be written."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self.refusals: list[Refusal] = []
        self.notes: set[Note] = set()
        for index, element in enumerate(terms.elements):
            if element.restrictions.reservation is ReservationPart.RESERVATION_EXPIRES:
                self._refuse(Refused.RESERVATION_EXPIRES, f"elements[{index}].restrictions.reservation")

    def energy(self) -> dict[str, Any] | None:
        found = self._components(Dimension.ENERGY)
        prices = [self._priced("priceKwh", self._net(one, 1), self._conditions(one)) for one in found]
        return self._block(found, prices)

    def timed(self, dimension: Dimension, *, is_reservation: bool = False) -> dict[str, Any] | None:
        found = self._components(dimension, is_reservation=is_reservation)
        prices = []
        for one in found:
            conditions, grace_s = self._conditions(one), one.component.grace_s
            if grace_s:  # free, and not priced by what stands after it
                prices.append(self._priced("priceMinute", Decimal(0), conditions | {"maxIdleTime": grace_s}))
            prices.append(self._priced("priceMinute", self._net(one, _HOUR_MIN), conditions))
        return self._block(found, prices)

    def fixed(self, *, is_reservation: bool = False) -> dict[str, Any] | None:
        """Return the block of fees. A station looks at their conditions once, at the start."""
        found = self._components(Dimension.FLAT, is_reservation=is_reservation)
        for one in found:
            calendar = msgspec.structs.replace(
                _ANYTIME,
                start_time=one.restrictions.start_time,
                end_time=one.restrictions.end_time,
                start_date=one.restrictions.start_date,
                end_date=one.restrictions.end_date,
                days_of_week=one.restrictions.days_of_week,
                reservation=one.restrictions.reservation,
            )
            if calendar != one.restrictions:
                self._refuse(Refused.FIXED_FEE, f"{one.at}.restrictions")
        if found and not is_reservation and found[-1].restrictions != _ANYTIME:
            self._refuse(Refused.FIXED_FEE, found[-1].at, "It may come up later; a fee for all other times is missing.")
        return self._block(
            found, [self._priced("priceFixed", self._net(one, 1), self._conditions(one)) for one in found]
        )

    def limit(self, limit: PriceLimit | None, field: str) -> dict[str, Decimal] | None:
        """Return the bound as a net one, that the station adds taxes to."""
        if limit is None or limit == PriceLimit():
            return None
        if limit.after_taxes is None:
            return {"exclTax": self._number(Fraction(limit.before_taxes or 0))}
        stacks = {component.taxes for element in self._terms.elements for component in element.components}
        if len(stacks) != 1:
            self._refuse(Refused.GROSS_LIMIT, f"{field}.after_taxes", "Components bear different taxes.")
            return None
        [taxes] = stacks
        net = Fraction(limit.after_taxes) / _factor(taxes or ())
        if limit.before_taxes is not None and limit.before_taxes != net:
            self._refuse(Refused.GROSS_LIMIT, f"{field}.after_taxes", "It is not the net bound with its taxes.")
        return {"exclTax": self._number(net)}

    def _components(self, dimension: Dimension, *, is_reservation: bool = False) -> list[_Found]:
        wanted = ReservationPart.RESERVATION if is_reservation else None
        return [
            _Found(component, element.restrictions, f"elements[{index}].components[{place}]")
            for index, element in enumerate(self._terms.elements)
            if element.restrictions.reservation is wanted
            for place, component in enumerate(element.components)
            if component.dimension is dimension
        ]

    def _block(self, found: Sequence[_Found], prices: list[dict[str, Any]]) -> dict[str, Any] | None:
        if not found:
            return None
        taxes = found[0].component.taxes
        for one in found:
            component = one.component
            if component.taxes != taxes:
                self._refuse(Refused.TAXES_DIFFER, f"{one.at}.taxes")
            if component.step_size > 1 and component.dimension is not Dimension.FLAT:
                self._refuse(Refused.STEP_SIZE, f"{one.at}.step_size")
            if component.feed is not None:
                self._refuse(Refused.FEED, f"{one.at}.feed")
        rates = self._rates(taxes or (), f"{found[0].at}.taxes")
        return {"prices": prices} | ({"taxRates": rates} if rates else {})

    def _rates(self, taxes: Sequence[Tax], at: str) -> list[dict[str, Any]]:
        if self._terms.tax_basis is TaxBasis.NONE:
            return []
        rates: list[dict[str, Any]] = []
        stack = 0
        for index, tax in enumerate(taxes):
            if len(tax.name) > TAX_NAME_MAX:
                self._refuse(Refused.TAX_NAME, f"{at}[{index}].name")
            if tax.is_compound and index:
                stack += 1
            elif stack:
                self._refuse(Refused.TAX_ORDER, f"{at}[{index}]")
            rates.append({"type": tax.name, "tax": _plain(tax.percent), "stack": stack})
        return rates

    def _net(self, one: _Found, parts: int) -> Decimal:
        """Return the price without taxes, of one of so many parts of its unit."""
        component = one.component
        net = Fraction(component.price)
        if self._terms.tax_basis is TaxBasis.INCLUDED:
            if component.taxes is None:
                self._refuse(Refused.UNKNOWN_TAX, f"{one.at}.taxes")
            net /= _factor(component.taxes or ())
        return self._number(net / parts)

    def _number(self, value: Fraction) -> Decimal:
        scaled = value * 10**PLACES
        whole = round(scaled)
        if whole != scaled:
            self.notes.add(Note.ROUNDED)
        return _plain(Decimal(whole).scaleb(-PLACES))

    def _conditions(self, one: _Found) -> dict[str, Any]:
        given, at = one.restrictions, f"{one.at}.restrictions"
        found: dict[str, Any] = {
            "startTimeOfDay": self._minute(given.start_time, at),
            "endTimeOfDay": self._minute(given.end_time, at),
            "dayOfWeek": [day.value.capitalize() for day in given.days_of_week] or None,
            "validFromDate": None if given.start_date is None else given.start_date.isoformat(),
            "validToDate": None if given.end_date is None else given.end_date.isoformat(),
            "minEnergy": _times(given.min_kwh, 1000),
            "maxEnergy": _times(given.max_kwh, 1000),
            "minCurrent": _times(given.min_current_a, 1),
            "maxCurrent": _times(given.max_current_a, 1),
            "minPower": _times(given.min_power_kw, 1000),
            "maxPower": _times(given.max_power_kw, 1000),
            "minTime": given.min_duration_s,
            "maxTime": given.max_duration_s,
        }
        return {name: value for name, value in found.items() if value is not None}

    def _minute(self, at: time | None, field: str) -> str | None:
        if at is None:
            return None
        if at.second or at.microsecond:
            self._refuse(Refused.SECONDS, field)
        return at.strftime("%H:%M")

    @staticmethod
    def _priced(name: str, price: Decimal, conditions: dict[str, Any]) -> dict[str, Any]:
        return {name: price} | ({"conditions": conditions} if conditions else {})

    def _refuse(self, code: Refused, field: str, detail: str = "") -> None:
        self.refusals.append(Refusal(code=code, field=field, detail=detail))


def _factor(taxes: Sequence[Tax]) -> Fraction:
    """Return what a net price is multiplied by to hold its taxes."""
    added = Fraction(0)
    for tax in taxes:
        rate = Fraction(tax.percent) / 100
        added += rate * (1 + added) if tax.is_compound else rate
    return 1 + added


def _times(value: Decimal | None, factor: int) -> Decimal | None:
    return None if value is None else _plain(value * factor)


def _plain(value: Decimal) -> Decimal:
    plain = value.normalize()
    exponent = plain.as_tuple().exponent
    return plain.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else plain
