"""Numbers of documents: one series per legal entity, kind and year, without gaps. Pure."""

import re
from collections.abc import Mapping

from ingufu.core.errors import InvalidInput

LONGEST = 40
KINDS = ("receipt", "invoice", "credit-note", "statement")
_FIELD = re.compile(r"\{([a-z]+)(?::0([1-9])d)?\}")
_KNOWN = frozenset({"entity", "yyyy", "yy", "seq"})
_KEY = re.compile(r"[A-Z0-9][A-Z0-9-]{0,11}")
_PLAIN = re.compile(r"[A-Za-z0-9 ./_-]*")


def number(template: str, *, entity: str, year: int, sequence: int) -> str:
    """Return the number of a document. The template was checked."""

    def value(match: re.Match[str]) -> str:
        name, width = match.group(1), int(match.group(2) or 0)
        if name == "seq":
            return f"{sequence:0{width}d}" if width else str(sequence)
        return {"entity": entity, "yyyy": f"{year:04d}", "yy": f"{year % 100:02d}"}[name]

    return _FIELD.sub(value, template)


def check_key(key: str) -> None:
    """Raise InvalidInput unless the key can stand in numbers."""
    if _KEY.fullmatch(key) is None:
        raise InvalidInput("A key is up to 12 capitals, digits and hyphens, for instance KGL.", field="key")


def check_templates(templates: Mapping[str, str], key: str) -> None:
    """Raise InvalidInput unless each kind has a template, and no two documents could get the same number."""
    if set(templates) != set(KINDS):
        raise InvalidInput(f"Give a template for each of {', '.join(KINDS)}.", field="numbers")
    for template in templates.values():
        _check(template, key)
    samples = {number(template, entity=key, year=2026, sequence=1) for template in templates.values()}
    if len(samples) < len(KINDS):
        raise InvalidInput("Two kinds of documents would get the same numbers.", field="numbers")


def _check(template: str, key: str) -> None:
    fields = [match.group(1) for match in _FIELD.finditer(template)]
    rest = _FIELD.sub("", template)
    if not set(fields) <= _KNOWN or _PLAIN.fullmatch(rest) is None:
        raise InvalidInput("A template is letters, digits and {entity}, {yyyy}, {yy}, {seq:06d}.", field="numbers")
    if fields.count("seq") != 1 or not {"yyyy", "yy"} & set(fields):
        raise InvalidInput("A template has {seq} once, and the year: series begin anew with it.", field="numbers")
    if any(match.group(2) and match.group(1) != "seq" for match in _FIELD.finditer(template)):
        raise InvalidInput("Only {seq} has a width.", field="numbers")
    if re.search(r"(?:\{yy[^}]*\}|[0-9])\{seq|\{seq[^}]*\}(?:\{|[0-9])", template):
        raise InvalidInput(
            "Beside {seq} stands a sign that is no digit, else numbers could not be told apart.", field="numbers"
        )
    if len(number(template, entity=key, year=2026, sequence=999_999_999)) > LONGEST:
        raise InvalidInput(f"A number has at most {LONGEST} characters.", field="numbers")
