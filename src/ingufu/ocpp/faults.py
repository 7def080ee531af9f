"""What can be wrong with a payload, by kind and place, so that each version can answer with its own error code."""

from enum import StrEnum

from ingufu.core.errors import InvalidInput


class Kind(StrEnum):
    """In what way a payload breaks the schema of its message."""

    SYNTAX = "syntax"  # not JSON, not UTF-8, or nested beyond all sense
    NOT_AN_OBJECT = "not-an-object"
    MISSING = "missing"  # a required property or item
    TOO_MANY_ITEMS = "too-many-items"
    TYPE = "type"
    VALUE = "value"  # enum, length, range, format
    EXTRA = "extra"  # a property that the schema does not know


class WireError(InvalidInput):
    """A payload does not have the form that its message asks for."""

    code = "wire-error"

    def __init__(self, kind: Kind, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}", field=path)
        self.kind = kind
        self.path = path
