"""Catalogues are whole, keep what is filled in, and the pages speak them."""

import re
from pathlib import Path

import pytest
from babel import Locale
from babel.messages import extract
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from ingufu.web.console import translations
from ingufu.web.console.rendering import TEMPLATE_FOLDER
from ingufu.web.console.translations import LOCALE_FOLDER, chosen, languages, load
from web.console.conftest import Person, words
from web.console.network import Network

PLACES = re.compile(r"%\(\w+\)s|\{\w+\}|<identi\w+>")
SOURCES = Path(translations.__file__).parent


def source_texts() -> set[str]:
    """Every text of templates and handlers, found as Babel finds it with babel.cfg."""
    found: set[str] = set()
    for path in TEMPLATE_FOLDER.rglob("*.html"):
        if path.name != "styleguide.html":
            found |= _texts(path, "jinja2.ext:babel_extract", {"gettext": None, "ngettext": (1, 2), "_": None})
    for path in SOURCES.glob("*.py"):
        found |= _texts(path, "python", {"text": (2,)})
    return found


def _texts(path: Path, method: str, keywords: dict[str, object]) -> set[str]:
    with path.open("rb") as source:
        taken = extract.extract(method, source, keywords=keywords, options={"trim_blocks": "true"})  # type: ignore[arg-type]
        return {one[1] if isinstance(one[1], str) else one[1][0] for one in taken}


def catalogue(code: str) -> list[Message]:
    with (LOCALE_FOLDER / code / "LC_MESSAGES" / "messages.po").open("rb") as source:
        return [message for message in read_po(source, locale=code) if message.id]


def test_french_has_every_text_and_none_that_is_gone() -> None:
    known = {message.id if isinstance(message.id, str) else message.id[0] for message in catalogue("fr")}
    assert source_texts() - known == set()
    assert known - source_texts() == set()


def test_texts_of_every_catalogue_exist() -> None:
    for code in languages()[1:]:
        known = {message.id if isinstance(message.id, str) else message.id[0] for message in catalogue(code)}
        assert known <= source_texts(), code


@pytest.mark.parametrize("code", languages()[1:])
def test_translations_keep_what_is_filled_in(code: str) -> None:
    for message in catalogue(code):
        sources = [message.id] if isinstance(message.id, str) else list(message.id)
        made = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(made), message.id
        assert not message.fuzzy
        for text in made:
            assert {one for one in PLACES.findall(text) if one[0] != "<"} == {
                one for one in PLACES.findall(sources[0]) if one[0] != "<"
            }, text
            assert ("\u2026" in text) == ("\u2026" in sources[0]), text


def test_languages_are_named_in_their_own_words() -> None:
    assert languages() == ("en", "fr", "rw", "sw")
    assert all(code in translations.NAMES and Locale.parse(code) for code in languages())
    assert languages(Path("/nowhere")) == ("en",)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [("fr-CA,fr;q=0.9,en;q=0.8", "fr"), ("de, sw;q=0.5", "sw"), ("", "en"), ("en-US, fr;q=0.9", "en"), ("xx;q=abc, fr", "fr"), ("fr;q=0.1, sw;q=0.2", "sw"), ("," * 500, "en")],
)  # fmt: skip
def test_language_is_chosen_as_the_browser_asks(wanted: str, code: str) -> None:
    assert chosen(wanted, ("en", "fr", "sw")) == code


def test_plural_and_missing_texts() -> None:
    french = load("fr")
    assert french.ngettext("%(num)s session", "%(num)s sessions", 2) == "%(num)s sessions"
    assert french.gettext("A text that nobody wrote") == "A text that nobody wrote"
    assert load("xx").gettext("Overview") == "Overview"


async def test_pages_speak_french(operator: Person, net: Network) -> None:
    operator.client.headers["Accept-Language"] = "fr-FR, fr;q=0.9"
    for path, text in {
        "/console": "Vue d\u2019ensemble",
        "/console/stations": "En attente",
        f"/console/stations/{net.stations['NYA-01']}": "Dernières sessions",
        f"/console/sessions/{net.sessions['odd']}": "Des messages manquent",
        "/console/attempts": "Son mot de passe est faux",
        "/console/nothing": "Cette page n\u2019existe pas",
    }.items():
        answer = await operator.client.get(path)
        assert '<html lang="fr"' in answer.text, path
        assert text in words(answer.text), path
    page = words((await operator.client.get("/console")).text)
    assert re.search(r"\d,\d{1,2} kWh", page.replace("\u202f", " "))


async def test_language_that_was_chosen_stays(operator: Person) -> None:
    await operator.send("/console/language", language="sw", next="/console")
    page = words(await operator.page("/console/stations"))
    assert "Vituo" in page
    assert "Ongeza kituo" in page
