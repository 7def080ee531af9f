"""Catalogues are whole, keep what is filled in, and the pages speak them."""

import re
from functools import cache
from pathlib import Path

import pytest
from babel import Locale
from babel.messages import extract
from babel.messages.catalog import Catalog, Message
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po

from ingufu.web.console import translations
from ingufu.web.console.rendering import TEMPLATE_FOLDER
from ingufu.web.console.translations import LOCALE_FOLDER, chosen, languages, load
from web.console.conftest import House, Person, words
from web.console.network import Network

PLACES = re.compile(r"%\(\w+\)s|\{\w+\}|<identi\w+>")
SOURCES = Path(translations.__file__).parent
WHOLE = ("fr", "rw", "sw")
SAME = {  # names, protocols and units, which stay as they are
    "API", "BIC", "Basic auth; OCPP 1.6: AuthorizationKey", "EVSE", "EVSEs", "Firmware", "OCPP", "SDC ID", "SHA-256",
    "boot: %(answer)s", "firmware", "firmware %(version)s", "min", "passkey", "subprotocol", "tab",
}  # fmt: skip


@cache
def source_texts() -> frozenset[str]:
    """Every text of templates and handlers, found as Babel finds it with babel.cfg."""
    found: set[str] = set()
    for path in TEMPLATE_FOLDER.rglob("*.html"):
        if path.name != "styleguide.html":
            found |= _texts(path, "jinja2.ext:babel_extract", {"gettext": None, "ngettext": (1, 2), "_": None})
    for path in SOURCES.rglob("*.py"):
        found |= _texts(path, "python", {"text": (2,)})
    return frozenset(found)


def _texts(path: Path, method: str, keywords: dict[str, object]) -> set[str]:
    with path.open("rb") as source:
        taken = extract.extract(method, source, keywords=keywords, options={"trim_blocks": "true"})  # type: ignore[arg-type]
        return {one[1] if isinstance(one[1], str) else one[1][0] for one in taken}


def whole_catalogue(code: str) -> Catalog:
    with (LOCALE_FOLDER / code / "LC_MESSAGES" / "messages.po").open("rb") as source:
        return read_po(source, locale=code)


def catalogue(code: str) -> list[Message]:
    return [message for message in whole_catalogue(code) if message.id]


def forms_of(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or ())


def first(text: str | tuple[str, ...] | list[str] | None) -> str:
    return forms_of(text)[0]


@pytest.mark.parametrize("code", WHOLE)
def test_language_has_every_text_and_none_that_is_gone(code: str) -> None:
    known = {first(message.id) for message in catalogue(code)}
    assert source_texts() - known == set()
    assert known - source_texts() == set()


@pytest.mark.parametrize("code", languages()[1:])
def test_translations_keep_what_is_filled_in(code: str) -> None:
    for message in catalogue(code):
        sources, made = forms_of(message.id), forms_of(message.string)
        assert made, message.id
        assert all(made), message.id
        assert not message.fuzzy
        for text in made:
            assert {one for one in PLACES.findall(text) if one[0] != "<"} == {
                one for one in PLACES.findall(sources[0]) if one[0] != "<"
            }, text
            assert ("\u2026" in text) == ("\u2026" in sources[0]), text


@pytest.mark.parametrize("code", languages()[1:])
def test_plural_forms_are_those_of_the_language(code: str) -> None:
    catalog = whole_catalogue(code)
    forms = get_plural(code)
    assert catalog.num_plurals == forms.num_plurals
    assert catalog.plural_expr == forms.plural_expr
    for message in catalogue(code):
        if not isinstance(message.id, str):
            assert len(forms_of(message.string)) == forms.num_plurals, message.id


@pytest.mark.parametrize("code", ["rw", "sw"])
def test_nothing_is_left_in_english(code: str) -> None:
    """French shares words with English; these share only what is on purpose."""
    without_places = re.compile(r"%%?(\(\w+\)s)?|\{\w+\}|EVSE")
    same = {
        first(message.id)
        for message in catalogue(code)
        if first(message.string) == first(message.id)
        and re.search(r"[A-Za-z]{2}", without_places.sub("", first(message.id)))
    }
    assert same - SAME == set()


def test_languages_are_named_in_their_own_words() -> None:
    assert languages() == ("en", "fr", "rw", "sw")
    assert list(translations.NAMES) == list(languages())
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


async def test_pages_speak_kinyarwanda(operator: Person, net: Network) -> None:
    operator.client.headers["Accept-Language"] = "rw, fr;q=0.5"
    for path, text in {
        "/console": "Incamake",
        "/console/stations": "Iraboneka",
        f"/console/stations/{net.stations['NYA-01']}": "Inshuro za vuba",
        f"/console/sessions/{net.sessions['odd']}": "Hari ubutumwa bubura",
    }.items():
        answer = await operator.client.get(path)
        assert '<html lang="rw" dir="ltr"' in answer.text, path
        assert text in words(answer.text), path
    page = words((await operator.client.get("/console")).text)
    assert re.search(r"\d,\d{1,2} kWh", page)
    assert "hashize" in page


async def test_language_that_was_chosen_stays(operator: Person) -> None:
    await operator.send("/console/language", language="sw", next="/console")
    page = words(await operator.page("/console/stations"))
    assert "Vituo" in page
    assert "Ongeza kituo" in page


async def test_language_that_a_user_chose_goes_to_other_browsers(operator: Person, house: House) -> None:
    await operator.send("/console/language", language="sw", next="/console")
    other = await house.log_in("keza@example.org")
    other.headers["Accept-Language"] = "fr"
    assert '<html lang="sw"' in (await other.get("/console")).text
    [user] = await house.services.accounts.users()
    assert user.language == "sw"
    entries = await house.services.accounts.audit_trail()
    assert [(one.action, one.object_id) for one in entries if one.action == "user.update"] == [("user.update", user.id)]
    await operator.send("/console/language", language="sw", next="/console")  # a repetition says nothing new
    assert len(await house.services.accounts.audit_trail()) == len(entries)


async def test_language_that_there_is_not_is_not_kept(operator: Person, house: House) -> None:
    await operator.send("/console/language", language="xx", next="/console")
    [user] = await house.services.accounts.users()
    assert user.language == "en"
