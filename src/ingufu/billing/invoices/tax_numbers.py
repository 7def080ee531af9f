"""Tax numbers: checked by the rules of their country where they are known, by their shape elsewhere. Pure."""

import re
from typing import Any

from stdnum import get_cc_module
from stdnum.exceptions import ValidationError

from ingufu.core.errors import InvalidInput

_SHAPE = re.compile(r"[A-Z0-9][A-Z0-9 ./-]{3,29}")
_SHAPES = {"RW": re.compile(r"\d{9}"), "UG": re.compile(r"\d{10}"), "TZ": re.compile(r"\d{9}")}
_KINDS = ("vat", "tin", "pin")


def checked(text: str, country: str, *, field: str = "tax_id") -> str:
    """Return the number in its compact form; empty stays empty. Raises InvalidInput."""
    given = text.strip().upper()
    if not given:
        return ""
    module = _module(country)
    if module is not None:
        try:
            return str(module.validate(given))
        except ValidationError as error:
            raise InvalidInput(f"{given[:30]} is no tax number of {country}: {error}", field=field) from error
    compact = re.sub(r"[ ./-]", "", given)
    shape = _SHAPES.get(country)
    if _SHAPE.fullmatch(given) is None or (shape is not None and shape.fullmatch(compact) is None):
        raise InvalidInput(f"{given[:30]} does not look like a tax number.", field=field)
    return compact


def _module(country: str) -> Any:  # one of python-stdnum's modules
    if not re.fullmatch(r"[A-Z]{2}", country):
        return None
    return next((found for kind in _KINDS if (found := get_cc_module(country.lower(), kind)) is not None), None)
