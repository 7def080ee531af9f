"""Numbers in the console's forms: what could mean two things is asked about, never guessed."""

from decimal import Decimal

from ingufu.core.errors import InvalidInput
from ingufu.web.console.pages import Pages
from ingufu.web.console.tariffs_reading import PLACES, Wrong, number_of
from ingufu.web.console.tariffs_words import TariffWords
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form


def read_number(pages: Pages, request: Asked, typed: str, field: str, *, places: int = PLACES) -> Decimal | None:
    """Return a number as people write it, None if nothing is written. Raises InvalidInput, also for "5,000"."""
    words: TariffWords = pages.environment(request).globals["tariff_words"]  # type: ignore[assignment]  # ours
    try:
        return number_of(typed, words.speech, places=places)
    except Wrong as wrong:
        raise InvalidInput(str(wrong), field=field) from wrong


def read_within(
    pages: Pages, request: Asked, form: Form, name: str, *, low: Decimal | int, high: Decimal | int
) -> Decimal | None:
    """Return a number of a form that lies in a range, None if the field is empty. Raises InvalidInput."""
    number = read_number(pages, request, form.text(name), name)
    if number is not None and not low <= number <= high:
        raise InvalidInput(f"A number from {low} to {high} is needed here.", field=name)
    return number
