"""The template environment of the console: escaping, translation, formats and addresses bound to one language."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from functools import cache, partial
from pathlib import Path
from typing import Any

from babel import Locale
from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket

from ingufu.core.clock import Clock
from ingufu.web.assets import Assets
from ingufu.web.console import drawings, formats, spans, translations
from ingufu.web.console.price_words import PriceWords, Speech
from ingufu.web.console.tariffs_words import TariffWords
from ingufu.web.console.translations import LOCALE_FOLDER

TEMPLATE_FOLDER = Path(__file__).parent / "templates"
CONSOLE_PATH = "/console"
_FOLD_DEPTH = 12  # a station may nest as deep as it likes; deeper than this is shown as one text


class _Compiled(BytecodeCache):
    """Templates compiled once for every language: what they write is looked up only when they write it."""

    def __init__(self) -> None:
        self._codes: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what was compiled of the same source."""
        code = self._codes.get(f"{bucket.key} {bucket.checksum}")
        if code is not None:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._codes[f"{bucket.key} {bucket.checksum}"] = bucket.bytecode_to_string()


_compiled = cache(_Compiled)


def make_environment(
    *, assets: Assets, clock: Clock, locale: str = "en", locale_folder: Path = LOCALE_FOLDER
) -> Environment:
    """Return an environment that writes pages in `locale`; make one per language and keep it.

    Everything is escaped, an unknown variable is an error, and every text goes through gettext.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        bytecode_cache=_compiled(),
        optimized=False,  # else what a filter makes of a constant in one language would be written in all of them
    )
    environment.policies["ext.i18n.trimmed"] = True
    texts = translations.load(locale, locale_folder)
    # mypy does not see what the extension adds to the environment
    environment.install_gettext_translations(texts, newstyle=True)  # type: ignore[attr-defined]
    parsed = Locale.parse("en_GB" if locale == "en" else locale)  # days before months, 24 hours
    prices = PriceWords(Speech(texts.gettext, parsed))
    environment.filters.update(_filters(parsed, clock.now))
    environment.globals.update(
        asset=assets.asset,
        browser_lacks=spans.for_browser(parsed.language),
        console_path=CONSOLE_PATH,
        dir=parsed.text_direction,
        lang=str(parsed).replace("_", "-"),
        now=clock.now,
        sparkline_paths=drawings.sparkline,
        strip_parts=drawings.strip,
        fold_depth=_FOLD_DEPTH,
        plain_text=texts.gettext,
        price_words=prices,
        tariff_words=TariffWords(prices),
    )
    return environment


def _filters(locale: Locale, now: Callable[[], datetime]) -> dict[str, Callable[..., Any]]:
    return {
        "count": partial(formats.count, locale=locale),
        "duration": partial(formats.duration, locale=locale),
        "energy": partial(formats.energy, locale=locale),
        "billed_energy": partial(formats.billed_energy, locale=locale),
        "power": partial(formats.power, locale=locale),
        "register": partial(formats.register, locale=locale),
        "seconds": partial(formats.seconds, locale=locale),
        "quantity": partial(formats.quantity, locale=locale),
        "money": lambda amount, currency: formats.money(amount, currency, locale),
        "price": lambda amount, currency: formats.price(amount, currency, locale),
        "day": partial(formats.day, locale=locale),
        "weekday": partial(formats.weekday, locale=locale),
        "pair": lambda value: (value, value),
        "named": lambda key, names: names.get(key, key),
        "percent": lambda fraction, places=0: formats.percent(fraction, locale, places),
        "instant": lambda at, zone=UTC: formats.instant(at, zone, locale),
        "time_of_day": lambda at, zone=UTC: formats.time_of_day(at, zone),
        "relative": lambda at: formats.relative(at, now(), locale),
        "iso": _iso,
        "milliseconds": lambda at: int(at.timestamp() * 1000),
        "json_text": _json_text,
    }


def _iso(at: datetime, zone: tzinfo = UTC) -> str:
    return at.astimezone(zone).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json_text(value: Any) -> str:  # any JSON value
    """Return compact JSON as plain text; the template escapes it like every other text."""
    return json.dumps(value, ensure_ascii=False, default=str)
