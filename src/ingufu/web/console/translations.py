"""The console's languages: catalogues are read as translators write them, and made ready once at start."""

from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LOCALE_FOLDER = Path(__file__).parent / "locale"
SOURCE_LANGUAGE = "en"  # what the templates are written in
_CATALOGUE = Path("LC_MESSAGES") / "messages.po"
NAMES = {"en": "English", "fr": "Français", "rw": "Ikinyarwanda", "sw": "Kiswahili"}  # each in its own words


def languages(folder: Path = LOCALE_FOLDER) -> tuple[str, ...]:
    """Return the codes of the languages there are catalogues for, the source language first."""
    found = sorted(path.name for path in folder.iterdir() if (path / _CATALOGUE).is_file()) if folder.is_dir() else []
    return (SOURCE_LANGUAGE, *(code for code in found if code != SOURCE_LANGUAGE))


@cache
def load(locale: str, folder: Path = LOCALE_FOLDER) -> Translations:
    """Return the translations into `locale`; texts that have none stay as the templates write them."""
    path = folder / locale / _CATALOGUE
    if not path.is_file():
        return Translations()
    with path.open("rb") as source:
        catalogue = read_po(source, locale=locale)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def chosen(wanted: str, available: tuple[str, ...]) -> str:
    """Return the language that fits best what a browser or a person wants, as in Accept-Language or just "fr"."""
    weighed: list[tuple[float, str]] = []
    for part in wanted[:200].split(","):
        code, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((float(weight or 1), code.strip().lower().replace("_", "-")))
        except ValueError:
            continue
    for _, code in sorted(weighed, key=lambda one: -one[0]):
        if code.partition("-")[0] in available:
            return code.partition("-")[0]
    return SOURCE_LANGUAGE
