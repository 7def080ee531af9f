"""Templates escape what comes from outside, translate what comes from us, and name only what exists."""

import re
from pathlib import Path

import pytest
from babel.messages import extract
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po
from jinja2 import Environment, UndefinedError, nodes

from ingufu.core.clock import FrozenClock
from ingufu.web.assets import Assets, load_assets
from ingufu.web.console.navigation import areas_for
from ingufu.web.console.rendering import TEMPLATE_FOLDER, make_environment
from web.gallery import KEZA
from web.sample import NOW, make_sample

HOSTILE = "<script>alert('1')</script>\" onload=x"
UNTRANSLATED = {
    "Esc",
    "Ingufu",
    "ingufu",
    "OCPP",
    "OCPI",
    "JSON",
    "HTTP",
    "CSV",
    "Parquet",
    "PDF",
    "UBL",
    "kW",
    "true",
    "false",
}  # names, protocols and formats
TEMPLATES = sorted(path.relative_to(TEMPLATE_FOLDER).as_posix() for path in TEMPLATE_FOLDER.rglob("*.html"))


@pytest.fixture(scope="module")
def assets() -> Assets:
    return load_assets()


@pytest.fixture(scope="module")
def environment(assets: Assets) -> Environment:
    return make_environment(assets=assets, clock=FrozenClock(NOW))


def render(environment: Environment, source: str, **values: object) -> str:
    return environment.from_string(source).render(**values)


@pytest.mark.parametrize("name", TEMPLATES)
def test_template_has_no_inline_script_or_style(name: str) -> None:
    source = (TEMPLATE_FOLDER / name).read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=|javascript:|\|\s*safe\b", source)


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name != "styleguide.html"])  # whose texts are samples
def test_every_text_of_the_product_goes_through_gettext(name: str) -> None:
    source = (TEMPLATE_FOLDER / name).read_text(encoding="utf-8")
    source = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<title>.*?</title>", "", source, flags=re.DOTALL)
    source = re.sub(r"<code>.*?</code>", "", source)  # what has to be typed is the same in every language
    texts = [text.strip() for text in re.findall(r">([^<>{}]+)<", source) if '="' not in text]
    assert [text for text in texts if set(re.findall(r"[A-Za-z]{2,}", text)) - UNTRANSLATED] == []


def test_every_named_icon_is_in_the_sprite() -> None:
    listed = set((TEMPLATE_FOLDER.parents[4] / "tools/assets/icons.txt").read_text(encoding="utf-8").split())
    source = "".join((TEMPLATE_FOLDER / name).read_text(encoding="utf-8") for name in TEMPLATES)
    named = set(re.findall(r'icon\("([a-z0-9-]+)"', source)) | set(
        re.findall(r'"(?:icon|icon_name)": "([a-z0-9-]+)"', source)
    )
    assert len(named) > 20
    assert named <= listed


def test_status_from_outside_is_shown_as_text(environment: Environment) -> None:
    page = render(
        environment, '{% from "parts/status.html" import status_badge %}{{ status_badge(text) }}', text=HOSTILE
    )
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "tone-idle" in page


def test_json_from_outside_is_shown_as_text(environment: Environment) -> None:
    source = '{% from "parts/detail.html" import code_block %}{{ code_block(value, "m") }}'
    page = render(environment, source, value={HOSTILE: [HOSTILE, 1.5, True, None]})
    assert "<script" not in page
    assert page.count("onload") == page.count("onload=x") == 4  # twice in the source attribute, twice in the tree
    assert not re.search(r'<[^>]*" onload', page)


def test_json_of_any_depth_is_shown(environment: Environment) -> None:
    value: object = "deepest"
    for _ in range(300):
        value = [value]
    source = '{% from "parts/detail.html" import code_block %}{{ code_block(value) }}'
    page = render(environment, source, value=value)
    assert page.count("<details") == 12
    assert "deepest" in page


def test_fact_from_outside_is_escaped(environment: Environment) -> None:
    source = '{% from "parts/detail.html" import description_list %}{{ description_list([("Serial", text)]) }}'
    assert "<script" not in render(environment, source, text=HOSTILE)


def test_missing_variable_is_an_error(environment: Environment) -> None:
    with pytest.raises(UndefinedError):
        render(environment, "{{ nothing }}")


def test_unknown_asset_is_an_error(assets: Assets) -> None:
    with pytest.raises(LookupError, match=r"no asset is called 'x\.js'"):
        assets.asset("x.js")


def test_right_to_left_language_turns_the_page(assets: Assets) -> None:
    arabic = make_environment(assets=assets, clock=FrozenClock(NOW), locale="ar")
    page = arabic.get_template("lone.html").render(page_title="x", csrf_token=None)
    assert '<html lang="ar" dir="rtl">' in page


def test_page_of_the_style_guide_is_small(environment: Environment) -> None:
    page = environment.get_template("styleguide.html").render(
        page_title="Style guide", section="stations", user=None, csrf_token=None, sample=make_sample()
    )
    assert len(page.encode()) < 80_000


def test_signed_out_page_offers_no_account(environment: Environment) -> None:
    page = environment.get_template("styleguide.html").render(
        page_title="Style guide", section=None, user=None, csrf_token=None, sample=make_sample()
    )
    assert "sign-out" not in page
    assert 'aria-current="page"' in page  # the tab; no entry of the navigation
    assert page.count('aria-current="page"') == 1


def messages() -> set[str]:
    """Every text that a translator gets, found as Babel finds it."""
    found: set[str] = set()
    for name in TEMPLATES:
        with (TEMPLATE_FOLDER / name).open("rb") as source:
            for _, text, _, _ in extract.extract("jinja2.ext:babel_extract", source, options={"trim_blocks": "true"}):
                found.update([text] if isinstance(text, str) else text)
    return found


def test_texts_are_found_by_the_translators_tool() -> None:
    assert {"Overview", "Stations", "Paused by vehicle", "Sign out", "%(num)s entry needs another look"} <= messages()


def test_translated_page_speaks_the_language(assets: Assets, tmp_path: Path) -> None:
    catalog = Catalog(locale="sw")
    for text in messages():
        catalog.add(text, f"\u00ab{text}\u00bb")
    folder = tmp_path / "sw" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "messages.po").open("wb") as written:
        write_po(written, catalog)
    swahili = make_environment(assets=assets, clock=FrozenClock(NOW), locale="sw", locale_folder=tmp_path)
    page = swahili.get_template("styleguide.html").render(
        page_title="x",
        section="stations",
        user={"name": "Keza", "role": "x"},
        csrf_token="x",
        areas=areas_for(KEZA),
        sample=make_sample(),
    )
    assert '<html lang="sw" dir="ltr">' in page
    for text in (
        "Overview",
        "Paused by vehicle",
        "Sign out",
        "Skip to the content",
        "Free. The next driver can plug in.",
        "Table",
    ):
        assert f"\u00ab{text}\u00bb" in page


def test_templates_name_only_filters_and_tests_that_there_are(environment: Environment) -> None:
    """In a branch that is rarely taken a wrong name would be found by a reader."""
    unknown = [
        (name, node.name)
        for name in TEMPLATES
        for node in environment.parse((TEMPLATE_FOLDER / name).read_text()).find_all((nodes.Filter, nodes.Test))
        if node.name not in (environment.filters if isinstance(node, nodes.Filter) else environment.tests)
    ]
    assert unknown == []
