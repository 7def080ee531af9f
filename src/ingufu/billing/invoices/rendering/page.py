"""Documents as web pages that stand alone: no script, nothing loaded from elsewhere, everything escaped."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from ingufu.billing.invoices.model import Document, Standing
from ingufu.billing.invoices.rendering.sheet import Block, Sheet
from ingufu.billing.invoices.rendering.words import Words

_NAMES = ("page.html", "block.html", "check.html")


def html(sheet: Sheet) -> str:
    """Return the sheet as a page."""
    logo = _data_url(sheet.logo) if sheet.logo else ""
    return _environment().get_template("page.html").render(sheet=sheet, style=_style(), logo=logo)


def check_page(document: Document | None, standing: Standing | None, language: str) -> str:
    """Return the page that says whether a document is genuine: what it says, and nothing about who bought."""
    words = Words(document.language if document else language)
    facts: Sequence[tuple[str, str]] = ()
    if document is not None and document.issued_on is not None and standing is not None:
        facts = (
            (words("item"), words(document.kind.value)),
            (words("number"), document.number),
            (words("issued_on"), words.day(document.issued_on)),
            (words("seller"), document.seller.name),
            (words("gross"), words.money(document.payable, document.currency)),
            (words("state"), words(f"state_{standing.value}")),
        )
    template = _environment().get_template("check.html")
    return template.render(
        language=words.language,
        title=words("genuine" if facts else "unknown"),
        hint="" if facts else words("unknown_hint"),
        facts=facts,
        style=_style(),
    )


@cache
def policy() -> str:
    """Return the content security policy of these pages: our one style, pictures within the page, nothing else."""
    digest = base64.b64encode(hashlib.sha256(str(_style()).encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'"
    )


@cache
def _style() -> Markup:
    return Markup(_read("page.css"))  # noqa: S704 - a file of ours


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=DictLoader({name: _read(name) for name in _NAMES}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def block_of(block: Block) -> Markup:
        qr = _data_url(block.qr) if block.qr else ""
        return Markup(environment.get_template("block.html").render(block=block, qr=qr))  # noqa: S704 - escaped by it

    environment.globals["block_of"] = block_of
    return environment


def _data_url(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8").strip()
