"""Tariffs to and from OCPI 2.2.1 and 2.3.0 (mod_tariffs)."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, Literal

import msgspec

from ingufu.core.errors import InvalidInput
from ingufu.tariffs.conversion.refusals import Converted, Note, Refusal, Refused
from ingufu.tariffs.model import (
    Dimension,
    Element,
    PriceComponent,
    PriceLimit,
    ReservationPart,
    Restrictions,
    Tariff,
    TariffKind,
    TariffVersion,
    Tax,
    TaxBasis,
    Terms,
    Weekday,
)

PLACES = 4  # OCPI number: at most four decimals
TEXT_MAX = 512
ID_MAX = 36
MAX_BYTES = 200_000
_MINUTE = "%H:%M"


class Version(StrEnum):
    """Of OCPI."""

    V221 = "2.2.1"
    V230 = "2.3.0"


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner's tariff says in our terms; `terms` None if anything of it was refused."""

    terms: Terms | None = None
    kind: TariffKind | None = None
    texts: dict[str, str] = {}
    valid_from: datetime | None = None
    refusals: tuple[Refusal, ...] = ()


# To OCPI


def to_ocpi(tariff: Tariff, version: TariffVersion, ocpi: Version, *, country_code: str, party_id: str) -> Converted:
    """Return the tariff as OCPI has it, or why it cannot be said there.

    A price per hour stays one. In 2.2.1 prices are net, so that a gross price is divided where that comes out even.
    """
    writing = _Writing(ocpi, version.terms)
    elements = [writing.element(one, f"elements[{index}]") for index, one in enumerate(version.terms.elements)]
    found: dict[str, Any] = {
        "country_code": country_code,
        "party_id": party_id,
        "id": tariff.id[:ID_MAX],
        "currency": version.terms.currency,
        "type": None if tariff.kind is None else tariff.kind.value,
        "tariff_alt_text": writing.texts(tariff.texts),
        "min_price": writing.limit(version.terms.min_price, "min_price"),
        "max_price": writing.limit(version.terms.max_price, "max_price"),
        "elements": elements,
        "tax_included": version.terms.tax_basis.value if ocpi is Version.V230 else None,
        "start_date_time": _instant(version.valid_from),
        "end_date_time": None if version.valid_until is None else _instant(version.valid_until),
        "last_updated": _instant(version.created_at),
    }
    said = {name: value for name, value in found.items() if value is not None and value != []}
    notes = tuple(sorted(writing.notes))
    if writing.refusals:
        return Converted(refusals=tuple(writing.refusals), notes=notes)
    return Converted(tariff=said, notes=notes)


class _Writing:
    """Writes parts of a tariff, and gathers what cannot be written."""

    def __init__(self, ocpi: Version, terms: Terms) -> None:
        self._is_net = ocpi is Version.V221
        self._ocpi = ocpi
        self._basis = terms.tax_basis
        self.refusals: list[Refusal] = []
        self.notes: set[Note] = set()

    def element(self, element: Element, at: str) -> dict[str, Any]:
        components = [self._component(one, f"{at}.components[{index}]") for index, one in enumerate(element.components)]
        restrictions = self._restrictions(element.restrictions, f"{at}.restrictions")
        return {"price_components": components} | ({"restrictions": restrictions} if restrictions else {})

    def limit(self, limit: PriceLimit | None, at: str) -> dict[str, Decimal] | None:
        if limit is None or limit == PriceLimit():
            return None
        net, gross = limit.before_taxes, limit.after_taxes
        if net is None:
            self._refuse(Refused.GROSS_LIMIT, f"{at}.after_taxes", "OCPI demands the bound before taxes.")
            return None
        names = ("excl_vat", "incl_vat") if self._is_net else ("before_taxes", "after_taxes")
        found = {names[0]: self._number(net, f"{at}.before_taxes")}
        if gross is not None:
            found[names[1]] = self._number(gross, f"{at}.after_taxes")
        return found

    def texts(self, texts: Mapping[str, str]) -> list[dict[str, str]]:
        found: dict[str, str] = {}
        for language, text in sorted(texts.items()):
            short = language[:2].lower()
            if short in found or (len(language) > 2 and language[2] != "-"):
                self.notes.add(Note.TEXT)
            else:
                found[short] = text[:TEXT_MAX]
        return [{"language": language, "text": text} for language, text in found.items()]

    def _component(self, component: PriceComponent, at: str) -> dict[str, Any]:
        if component.feed is not None:
            self._refuse(Refused.FEED, f"{at}.feed")
        if component.grace_s:
            self._refuse(Refused.GRACE, f"{at}.grace_s")
        taxes = component.taxes
        if taxes is not None and len(taxes) > 1:
            self._refuse(Refused.SEVERAL_TAXES, f"{at}.taxes")
        if any(tax.name != "VAT" for tax in taxes or ()):
            self.notes.add(Note.TAX_NAME)
        price = component.price
        if self._is_net and self._basis is TaxBasis.INCLUDED:
            price = self._net(component, at)
        found: dict[str, Any] = {
            "type": component.dimension.value,
            "price": self._number(price, f"{at}.price"),
            "step_size": component.step_size,
        }
        if taxes and self._basis is not TaxBasis.NONE:
            found["vat"] = self._number(taxes[0].percent, f"{at}.taxes[0].percent")
        return found

    def _net(self, component: PriceComponent, at: str) -> Decimal:
        """Return the price without its tax. It must come out even: OCPI has four decimals."""
        if component.taxes is None:
            self._refuse(Refused.UNKNOWN_TAX, f"{at}.taxes")
            return component.price
        net = Fraction(component.price)
        for tax in component.taxes[:1]:
            net /= 1 + Fraction(tax.percent) / 100
        scaled = net * 10**PLACES
        if scaled.denominator != 1:
            self._refuse(Refused.GROSS_PRICE, f"{at}.price", "Without its tax it has no end of decimals.")
            return component.price
        return Decimal(scaled.numerator).scaleb(-PLACES)

    def _restrictions(self, one: Restrictions, at: str) -> dict[str, Any]:
        found: dict[str, Any] = {
            "start_time": self._minute(one.start_time, f"{at}.start_time"),
            "end_time": self._minute(one.end_time, f"{at}.end_time"),
            "start_date": None if one.start_date is None else one.start_date.isoformat(),
            "end_date": None if one.end_date is None else one.end_date.isoformat(),
            "min_duration": one.min_duration_s,
            "max_duration": one.max_duration_s,
            "day_of_week": [day.value for day in one.days_of_week] or None,
            "reservation": None if one.reservation is None else one.reservation.value,
        }
        for theirs, ours in _NUMBERS.items():
            value = getattr(one, ours)
            found[theirs] = None if value is None else self._number(value, f"{at}.{ours}")
        return {name: value for name, value in found.items() if value is not None}

    def _minute(self, at: time | None, field: str) -> str | None:
        if at is None:
            return None
        if at.second or at.microsecond:
            self._refuse(Refused.SECONDS, field)
        return at.strftime(_MINUTE)

    def _number(self, value: Decimal, field: str) -> Decimal:
        plain = value.normalize()
        exponent = plain.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -PLACES:
            self._refuse(Refused.DECIMALS, field, "OCPI has at most four.")
        return plain.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else plain

    def _refuse(self, code: Refused, field: str, detail: str = "") -> None:
        self.refusals.append(Refusal(code=code, field=field, detail=detail))


_NUMBERS = {
    "min_kwh": "min_kwh",
    "max_kwh": "max_kwh",
    "min_current": "min_current_a",
    "max_current": "max_current_a",
    "min_power": "min_power_kw",
    "max_power": "max_power_kw",
}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# From OCPI


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not known of it would change the price."""


class _Component(_Strict, frozen=True, kw_only=True):
    type: Dimension
    price: Decimal
    step_size: int = 1
    vat: Decimal | None = None


class _Restrictions(_Strict, frozen=True, kw_only=True):
    start_time: str | None = None
    end_time: str | None = None
    start_date: date | None = None
    end_date: date | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_current: Decimal | None = None
    max_current: Decimal | None = None
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    day_of_week: tuple[Weekday, ...] | None = None
    reservation: ReservationPart | None = None


class _Element(_Strict, frozen=True, kw_only=True):
    price_components: tuple[_Component, ...]
    restrictions: _Restrictions | None = None


class _Limit(_Strict, frozen=True, kw_only=True):
    excl_vat: Decimal | None = None
    incl_vat: Decimal | None = None
    before_taxes: Decimal | None = None
    after_taxes: Decimal | None = None


class _Text(msgspec.Struct, frozen=True, kw_only=True):
    language: str
    text: str


class _Tariff(msgspec.Struct, frozen=True, kw_only=True):
    currency: str
    elements: tuple[_Element, ...]
    type: TariffKind | None = None
    tax_included: Literal["YES", "NO", "N/A"] | None = None  # 2.3.0; 2.2.1 has net prices
    tariff_alt_text: tuple[_Text, ...] | None = None
    min_price: _Limit | None = None
    max_price: _Limit | None = None
    start_date_time: str | None = None
    end_date_time: str | None = None


def from_ocpi(raw: bytes | str | Mapping[str, Any]) -> Imported:
    """Return a partner's tariff in our terms, or why it cannot be held. Which OCPI it is, `tax_included` tells.

    Raises InvalidInput for what is no tariff of OCPI. The terms are yet to be checked as any that are entered.
    """
    try:
        found = (
            msgspec.convert(raw, _Tariff, strict=False)
            if isinstance(raw, Mapping)
            else msgspec.json.decode(raw, type=_Tariff)
        )
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidInput(f"This is no tariff of OCPI: {str(error)[:200]}", field="tariff") from error
    refusals: list[Refusal] = []
    if found.end_date_time is not None:
        detail = "Leave end_date_time out, and let the tariff apply until then where it is assigned."
        refusals.append(Refusal(code=Refused.END, field="end_date_time", detail=detail))
    basis = TaxBasis(found.tax_included) if found.tax_included is not None else TaxBasis.EXCLUDED
    terms = Terms(
        currency=found.currency,
        tax_basis=basis,
        elements=tuple(_element(one, basis) for one in found.elements),
        min_price=_limit(found.min_price),
        max_price=_limit(found.max_price),
    )
    return Imported(
        terms=None if refusals else terms,
        kind=found.type,
        texts={one.language: one.text for one in found.tariff_alt_text or ()},
        valid_from=None if found.start_date_time is None else _read_instant(found.start_date_time),
        refusals=tuple(refusals),
    )


def _element(element: _Element, basis: TaxBasis) -> Element:
    one = element.restrictions
    components = tuple(_component(component, basis) for component in element.price_components)
    if one is None:
        return Element(components=components)
    numbers = {ours: getattr(one, theirs) for theirs, ours in _NUMBERS.items()}
    restrictions = Restrictions(
        start_time=_read_time(one.start_time, "start_time"),
        end_time=_read_time(one.end_time, "end_time"),
        start_date=one.start_date,
        end_date=one.end_date,
        min_duration_s=one.min_duration,
        max_duration_s=one.max_duration,
        days_of_week=one.day_of_week or (),
        reservation=one.reservation,
        **numbers,
    )
    return Element(components=components, restrictions=restrictions)


def _component(one: _Component, basis: TaxBasis) -> PriceComponent:
    """Return the component. No `vat` is no word about taxes, which is not a tax of 0 %."""
    taxes = None if one.vat is None or basis is TaxBasis.NONE else (Tax(percent=one.vat),)
    step_size = 1 if one.type is Dimension.FLAT else one.step_size
    return PriceComponent(dimension=one.type, price=one.price, taxes=taxes, step_size=step_size)


def _limit(one: _Limit | None) -> PriceLimit | None:
    if one is None:
        return None
    net = one.before_taxes if one.before_taxes is not None else one.excl_vat
    gross = one.after_taxes if one.after_taxes is not None else one.incl_vat
    return PriceLimit(before_taxes=net, after_taxes=gross)


def _read_time(text: str | None, field: str) -> time | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, _MINUTE).replace(tzinfo=UTC).time()
    except ValueError as error:
        raise InvalidInput(f"“{text[:20]}” is no time of day (HH:MM).", field=field) from error


def _read_instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"“{text[:40]}” is no time.", field="start_date_time") from error
