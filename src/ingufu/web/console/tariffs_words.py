"""The words for tariffs as pages tell of them: their terms, where they apply and why, what was changed."""

from datetime import datetime
from typing import Any

from ingufu.tariffs.changes import ChangeKind
from ingufu.tariffs.checking import Doubt, Warned, warnings
from ingufu.tariffs.model import Dimension, ReservationPart, TariffKind, Terms, Weekday
from ingufu.tariffs.situations import Step, StepCode, Target
from ingufu.web.console import formats
from ingufu.web.console.price_words import PriceWords, text


class TariffWords:
    """Says in one language what pages tell of tariffs; plain text, for templates to escape."""

    def __init__(self, prices: PriceWords) -> None:
        self.prices = prices
        self.speech = prices.speech

    def weekdays(self) -> list[tuple[str, str]]:
        """Return the days of the week with their short names."""
        names = self.prices.locale.days["format"]["abbreviated"]
        return [(day.value, names[place]) for place, day in enumerate(Weekday)]

    def kind(self, kind: TariffKind | None) -> str:
        """Return for which sessions a tariff is."""
        words = {
            None: text(self.speech, "every session"),
            TariffKind.AD_HOC_PAYMENT: text(self.speech, "paying on the spot"),
            TariffKind.REGULAR: text(self.speech, "known drivers"),
            TariffKind.PROFILE_CHEAP: text(self.speech, "charging cheaply"),
            TariffKind.PROFILE_FAST: text(self.speech, "charging fast"),
            TariffKind.PROFILE_GREEN: text(self.speech, "charging green"),
        }
        return words[kind]

    def kinds(self) -> list[tuple[str, str]]:
        """Return the kinds to choose from."""
        return [(one.value, self.kind(one)) for one in TariffKind]

    # ---- terms -----------------------------------------------------------------------------------------------------
    def lines(self, terms: Terms) -> list[str]:
        """Return what terms say, a line for each price, then for the least and the highest."""
        said: list[str] = []
        told: set[tuple[Dimension, ReservationPart | None]] = set()
        for element in terms.elements:
            for component in element.components:
                of_what = (component.dimension, element.restrictions.reservation)
                is_rest = of_what in told and not self.prices.restrictions(element.restrictions)
                when = text(self.speech, "otherwise") if is_rest else self.prices.when(element.restrictions)
                told.add(of_what)
                price = self.prices.component(component, terms.currency, element.restrictions.reservation)
                said.append(f"{price} ({when}; {self.prices.taxes(component.taxes, terms.tax_basis)})")
        for limit, words in (
            (terms.min_price, text(self.speech, "A session costs at least")),
            (terms.max_price, text(self.speech, "A session costs at most")),
        ):
            if limit is not None:
                said.append(f"{words} {self.prices.limit(limit, terms.currency)}")
        return said

    def compared(self, before: Terms, after: Terms) -> tuple[list[str], list[str]]:
        """Return which lines went, and which came."""
        old, new = self.lines(before), self.lines(after)
        gone, come = [one for one in old if one not in new], [one for one in new if one not in old]
        if not gone and not come and before != after:
            come = [text(self.speech, "The same prices in another order, or rounded otherwise")]
        return gone, come

    def warnings(self, terms: Terms) -> list[str]:
        """Return what is allowed in terms, and may still not be meant; each once."""
        return list(dict.fromkeys(self._doubt(one) for one in warnings(terms) if not _is_usual(one)))

    def _doubt(self, found: Warned) -> str:
        what = "" if found.dimension is None else self.prices.dimension(found.dimension)
        said: dict[Doubt, str] = {
            Doubt.STEP_ROUNDS_UP: text(
                self.speech, "Quantities are rounded up to a step; in the EU, for one, a kWh must be billed as it is."
            ),
            Doubt.GAP_IN_WEEK: text(
                self.speech, "At some hours of the week this has no price and is free: %(what)s.", what=what
            ),
            Doubt.NO_FALLBACK: text(
                self.speech,
                "In some situations this is free: %(what)s. A last rule that always fits says what it costs then.",
                what=what,
            ),
            Doubt.NEVER_REACHED: text(
                self.speech, "%(where)s never counts, since one above it always fits.", where=self._place(found.field)
            ),
            Doubt.TAX_UNKNOWN: text(self.speech, "Some prices do not say which taxes they hold."),
            Doubt.MORE_DECIMALS_THAN_OCPI: text(
                self.speech, "Roaming partners see prices with four decimals; here some have more."
            ),
        }
        return said[found.doubt]

    def _place(self, field: str) -> str:
        number = next((int(part) + 1 for part in field.split(".") if part.isdecimal()), 1)
        return text(self.speech, "Rule %(number)s", number=number)

    # ---- where it applies ------------------------------------------------------------------------------------------
    def target(self, target: Target) -> str:
        """Return what a tariff can be given to."""
        words = {
            Target.DRIVER: text(self.speech, "Driver"),
            Target.GROUP: text(self.speech, "Group of cards"),
            Target.PLAN: text(self.speech, "Plan"),
            Target.EVSE: text(self.speech, "EVSE"),
            Target.STATION: text(self.speech, "Station"),
            Target.SITE: text(self.speech, "Site"),
            Target.EVERYONE: text(self.speech, "Everyone"),
        }
        return words[target]

    def place(self, target: Target, label: str) -> str:
        """Return one thing that a tariff applies to."""
        return f"{self.target(target)}: {label}" if label else self.target(target)

    def order(self) -> str:
        """Return in which order the things that tariffs are given to are looked at."""
        return " \N{RIGHTWARDS ARROW} ".join(self.target(one) for one in Target)

    def step(self, step: Step, zone: Any) -> str:  # tzinfo
        """Return one look of the choice of a tariff: what at, and why it won or lost."""
        thing = "" if step.target is None else self.target(step.target)
        name = step.tariff
        said = {
            StepCode.UNKNOWN_TARGET: lambda: text(self.speech, "not known here"),
            StepCode.NOTHING_ASSIGNED: lambda: text(self.speech, "no tariff is given to it"),
            StepCode.NOT_YET: lambda: text(
                self.speech, "%(name)s applies only from %(when)s", name=name, when=self._when(step, "from", zone)
            ),
            StepCode.OVER: lambda: text(
                self.speech, "%(name)s applied until %(when)s", name=name, when=self._when(step, "until", zone)
            ),
            StepCode.OTHER_KIND: lambda: text(self.speech, "%(name)s is for other sessions", name=name),
            StepCode.NO_VERSION: lambda: text(self.speech, "%(name)s has no prices at that time", name=name),
            StepCode.WINS: lambda: text(self.speech, "%(name)s applies", name=name),
            StepCode.LESS_SPECIFIC: lambda: text(
                self.speech, "%(name)s would apply, but what stands above goes first", name=name
            ),
            StepCode.ANY_KIND: lambda: text(
                self.speech, "%(name)s would apply, but one for this very kind of session goes first", name=name
            ),
            StepCode.EARLIER: lambda: text(
                self.speech, "%(name)s would apply, but another was given later and goes first", name=name
            ),
            StepCode.NOTHING_APPLIES: lambda: text(self.speech, "No tariff applies: the session has no price."),
        }[step.code]()
        return f"{thing}: {said}" if thing else said

    def _when(self, step: Step, key: str, zone: Any) -> str:  # tzinfo
        try:
            at = datetime.fromisoformat(step.details.get(key, "")).astimezone(zone)
        except ValueError:
            return ""
        return formats.instant(at, zone, self.prices.locale)

    # ---- history ---------------------------------------------------------------------------------------------------
    def change(self, kind: ChangeKind, version: int | None) -> str:
        """Return what was done to a tariff."""
        words = {
            ChangeKind.CREATED: text(self.speech, "Made"),
            ChangeKind.TERMS: text(self.speech, "New version %(number)s", number=version or ""),
            ChangeKind.WITHDRAWN: text(self.speech, "Version %(number)s withdrawn", number=version or ""),
            ChangeKind.DESCRIBED: text(self.speech, "Described otherwise"),
            ChangeKind.RETIRED: text(self.speech, "Retired"),
            ChangeKind.RESTORED: text(self.speech, "Brought back"),
            ChangeKind.ASSIGNED: text(self.speech, "Given to"),
            ChangeKind.REASSIGNED: text(self.speech, "Time changed in which it applies"),
            ChangeKind.UNASSIGNED: text(self.speech, "Taken from"),
        }
        return words[kind]


def _is_usual(found: Warned) -> bool:
    """Whether it is what people mean: fees besides energy count at some times, in some situations, and else not."""
    return found.doubt in {Doubt.GAP_IN_WEEK, Doubt.NO_FALLBACK} and found.dimension is not Dimension.ENERGY
