"""Documents as PDF, by typst: the same document always gives the same bytes."""

import functools
from importlib.resources import files

import msgspec
import typst

from ingufu.billing.invoices.rendering.sheet import Sheet

_TEMPLATE = "document.typ"
_EPOCH = 0  # the instant of issue stands in the document itself


def draw(sheet: Sheet, *, attached: bytes = b"") -> bytes:
    """Return the sheet as PDF."""
    inputs = {"sheet": msgspec.json.encode(sheet).decode(), "attached": attached.decode()}
    drawn = _compiler(inputs).compile(
        format="pdf", timestamp=_EPOCH, pdf_standards="a-3b" if attached else [], sys_inputs=inputs
    )
    return _one(drawn)


def pictures(sheet: Sheet, *, dots_per_inch: float = 110) -> list[bytes]:
    """Return each page as PNG."""
    inputs = {"sheet": msgspec.json.encode(sheet).decode(), "attached": ""}
    drawn = _compiler(inputs).compile(format="png", ppi=dots_per_inch)
    return [drawn] if isinstance(drawn, bytes) else list(drawn or [])


def _compiler(inputs: dict[str, str]) -> typst.Compiler:
    # Bytes, not a path: a template that is given as such reads no other file.
    return typst.Compiler(input=_source(), font_paths=_fonts(), ignore_system_fonts=True, sys_inputs=inputs)


@functools.cache
def _source() -> bytes:
    return files(__package__).joinpath(_TEMPLATE).read_bytes()


@functools.cache
def _fonts() -> typst.Fonts:
    """Return the fonts that come with typst: on every machine the same."""
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)


def _one(drawn: bytes | list[bytes] | None) -> bytes:
    if isinstance(drawn, list):
        return drawn[0]
    return drawn or b""
