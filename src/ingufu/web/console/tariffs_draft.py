"""A tariff as it stands in the editor's form: every field as it was typed, so that nothing is lost. Pure."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from ingufu.tariffs.model import (
    Dimension,
    Element,
    PriceComponent,
    Restrictions,
    Tax,
    TaxBasis,
    Terms,
)
from ingufu.web.forms import Form

MAX_RULES = 100
MAX_TAXES = 20
PRICES: Mapping[str, Dimension] = {
    "energy": Dimension.ENERGY, "time": Dimension.TIME, "idle": Dimension.PARKING_TIME, "flat": Dimension.FLAT,
}  # fmt: skip
BOUNDS = ("min-kwh", "max-kwh", "min-power", "max-power", "min-current", "max-current")
SPANS = ("min-time", "max-time")
CHARGING = "charging"  # what a rule is for, where it is no part of a reservation
_ID = re.compile(r"[a-z0-9]{1,8}")
_MAX_TEXT = 200


class Draft:
    """The fields of the editor: texts by name. Rules and taxes have ids that stay when others come and go."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.values: dict[str, list[str]] = {}
        for name, value in pairs:
            self.values.setdefault(name[:80], []).append(value if name == "json" else value.strip()[:_MAX_TEXT])

    @classmethod
    def of_form(cls, form: Form) -> "Draft":
        """Return what a browser sent."""
        return cls(form.pairs)

    @classmethod
    def of_terms(cls, terms: Terms) -> "Draft":
        """Return terms as fields: `read` makes equal terms of them again."""
        draft = cls()
        draft.put("currency", terms.currency)
        draft.put("basis", terms.tax_basis.value)
        for name, limit in (("min", terms.min_price), ("max", terms.max_price)):
            draft.put(f"{name}-net", _number(limit.before_taxes if limit else None))
            draft.put(f"{name}-gross", _number(limit.after_taxes if limit else None))
        taxes = _Taxes(draft)
        for place, element in enumerate(terms.elements):
            _put_element(draft, taxes, str(place), element)
        return draft

    @property
    def rules(self) -> list[str]:
        """Return the ids of the price rules, in their order."""
        return self._ids("rule")[:MAX_RULES]

    @property
    def taxes(self) -> list[str]:
        """Return the ids of the taxes, in their order."""
        return self._ids("tax")[:MAX_TAXES]

    def text(self, name: str) -> str:
        """Return the first text of a field; empty if it has none."""
        return next(iter(self.values.get(name, ())), "")

    def texts(self, name: str) -> list[str]:
        """Return every text of a field."""
        return list(self.values.get(name, ()))

    def put(self, name: str, *texts: str) -> None:
        """Let a field have these texts."""
        self.values[name] = [text for text in texts if text]

    def pairs(self) -> list[tuple[str, str]]:
        """Return all fields, as a form sends them."""
        return [(name, value) for name, values in self.values.items() for value in values]

    def change(self, what: str) -> str:
        """Do what a button of the form says ("add-rule", "remove-rule r2", "up r2"...); return the id it is about."""
        verb, _, name = what.partition(" ")
        if verb in {"add-rule", "copy-rule"} and len(self.rules) < MAX_RULES:
            return self._add_rule(name if verb == "copy-rule" else None)
        if verb == "remove-rule" and name in self.rules:
            return self._remove_rule(name)
        if verb in {"up", "down"} and name in self.rules:
            return self._move(name, -1 if verb == "up" else 1)
        if verb == "add-tax" and len(self.taxes) < MAX_TAXES:
            return self._add_tax()
        if verb == "remove-tax" and name in self.taxes:
            self.put("tax", *(one for one in self.taxes if one != name))
            self._forget(f"tax-{name}-")
        return ""

    def _ids(self, name: str) -> list[str]:
        return list(dict.fromkeys(one for one in self.values.get(name, ()) if _ID.fullmatch(one)))

    def _add_rule(self, copied: str | None) -> str:
        fresh = _fresh(self.rules)
        rules = self.rules
        place = rules.index(copied) + 1 if copied in rules else len(rules)
        if copied in rules:
            for name in [one for one in self.values if one.startswith(f"r{copied}-")]:
                self.values[f"r{fresh}-{name.removeprefix(f'r{copied}-')}"] = list(self.values[name])
        else:
            self.put(f"r{fresh}-for", CHARGING)
            for price in PRICES:
                self.put(f"r{fresh}-{price}-tax", *self.taxes)
                self.put(f"r{fresh}-{price}-taxed", "yes" if self.taxes else "")
        self.put("rule", *rules[:place], fresh, *rules[place:])
        return fresh

    def _remove_rule(self, name: str) -> str:
        place = self.rules.index(name)
        self.put("rule", *(one for one in self.rules if one != name))
        self._forget(f"r{name}-")
        return self.rules[min(place, len(self.rules) - 1)] if self.rules else ""

    def _move(self, name: str, by: int) -> str:
        rules = self.rules
        place = rules.index(name)
        other = place + by
        if 0 <= other < len(rules):
            rules[place], rules[other] = rules[other], rules[place]
            self.put("rule", *rules)
        return name

    def _add_tax(self) -> str:
        """Add a tax; the first is laid on every price, as nearly everywhere."""
        fresh = _fresh(self.taxes)
        is_first = not self.taxes
        self.put("tax", *self.taxes, fresh)
        self.put(f"tax-{fresh}-name", "VAT" if is_first else "")
        for rule in self.rules if is_first else ():
            for price in PRICES:
                self.put(f"r{rule}-{price}-tax", fresh)
                self.put(f"r{rule}-{price}-taxed", "yes")
        return fresh

    def _forget(self, prefix: str) -> None:
        for name in [one for one in self.values if one.startswith(prefix)]:
            del self.values[name]


class _Taxes:
    """The table of taxes, of which each price names some: in the table's order, as compound ones need it."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._known: list[Tax] = []

    def ids(self, taxes: tuple[Tax, ...]) -> list[str]:
        """Return the ids of these taxes in the table, which gets what it lacks."""
        found: list[str] = []
        after = 0
        for tax in taxes:
            place = next((one for one in range(after, len(self._known)) if self._known[one] == tax), None)
            if place is None:
                place = len(self._known)
                self._add(tax)
            found.append(str(place))
            after = place + 1
        return found

    def _add(self, tax: Tax) -> None:
        name = str(len(self._known))
        self._known.append(tax)
        self._draft.put("tax", *self._draft.texts("tax"), name)
        self._draft.put(f"tax-{name}-name", tax.name)
        self._draft.put(f"tax-{name}-percent", _number(tax.percent))
        self._draft.put(f"tax-{name}-on-top", "yes" if tax.is_compound else "")


def _put_element(draft: Draft, taxes: _Taxes, name: str, element: Element) -> None:
    draft.put("rule", *draft.texts("rule"), name)
    _put_restrictions(draft, f"r{name}", element.restrictions)
    for key, dimension in PRICES.items():
        found = next((one for one in element.components if one.dimension is dimension), None)
        if found is not None:
            _put_component(draft, taxes, f"r{name}-{key}", found)


def _put_component(draft: Draft, taxes: _Taxes, name: str, it: PriceComponent) -> None:
    draft.put(f"{name}-price", _number(it.price))
    draft.put(f"{name}-taxed", "yes" if it.taxes is not None else "")
    draft.put(f"{name}-tax", *taxes.ids(it.taxes or ()))
    if it.step_size > 1:
        draft.put(f"{name}-step", str(it.step_size) if it.dimension is Dimension.ENERGY else span_text(it.step_size))
    if it.grace_s:
        draft.put(f"{name}-grace", span_text(it.grace_s))
    if it.feed is not None:
        draft.put(f"{name}-feed", it.feed.feed_id)
        draft.put(f"{name}-factor", _number(it.feed.factor))
        draft.put(f"{name}-floor", _number(it.feed.floor))
        draft.put(f"{name}-ceiling", _number(it.feed.ceiling))


def _put_restrictions(draft: Draft, name: str, it: Restrictions) -> None:
    draft.put(f"{name}-for", it.reservation.value if it.reservation else CHARGING)
    draft.put(f"{name}-day", *(day.value for day in it.days_of_week))
    draft.put(f"{name}-start", _clock(it.start_time.isoformat()) if it.start_time else "")
    draft.put(f"{name}-end", _clock(it.end_time.isoformat()) if it.end_time is not None else "")
    draft.put(f"{name}-start-date", it.start_date.isoformat() if it.start_date else "")
    draft.put(f"{name}-end-date", it.end_date.isoformat() if it.end_date else "")
    values = (it.min_kwh, it.max_kwh, it.min_power_kw, it.max_power_kw, it.min_current_a, it.max_current_a)
    for bound, value in zip(BOUNDS, values, strict=True):
        draft.put(f"{name}-{bound}", _number(value))
    for bound, seconds in zip(SPANS, (it.min_duration_s, it.max_duration_s), strict=True):
        draft.put(f"{name}-{bound}", span_text(seconds) if seconds is not None else "")


def span_text(seconds: int) -> str:
    """Return seconds as a person types them: minutes if they are whole, else seconds with their unit."""
    return str(seconds // 60) if seconds % 60 == 0 else f"{seconds} s"


def starting_point(name: str, currency: str) -> Draft:
    """Return what a new tariff begins with: "energy", "idle" or "day-night"; its prices are still to be typed."""
    draft = Draft([("currency", currency), ("basis", TaxBasis.INCLUDED.value)])
    rules = [draft.change("add-rule") for _ in range(2 if name == "day-night" else 1)]
    if name == "day-night":
        draft.put(f"r{rules[0]}-start", "22:00")
        draft.put(f"r{rules[0]}-end", "06:00")
    if name == "idle":
        draft.put(f"r{rules[0]}-idle-grace", "10")
    return draft


def _fresh(known: list[str]) -> str:
    return next(str(number) for number in range(len(known) + 1) if str(number) not in known)


def _number(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"


def _clock(text: str) -> str:
    return text.removesuffix(":00") if text.count(":") == 2 else text
