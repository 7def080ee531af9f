"""What can be wrong with a row that could be read: what a service says of it, and rows of one file about one thing."""

from ingufu.authorization.decide import is_hidden
from ingufu.authorization.model import TokenKind, token_key
from ingufu.authorization.registration import proper_kind
from ingufu.core.errors import IngufuError, InvalidInput
from ingufu.importing.columns import COLUMNS
from ingufu.importing.model import Kind, Row, RowError

_FIELDS = {"site_id": "site", "group_id": "group", "driver_id": "driver", "grants": "role"}


class Twins:
    """The rows that were seen, by what tells them apart: two about one thing cannot both be meant."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Kind, str], tuple[str, int]] = {}  # to file and line
        self._named: dict[str, tuple[bool, str, int]] = {}  # drivers' names, to whether an address stood with it

    def find(self, row: Row) -> RowError | None:
        """Return what is wrong if the row is about the same as one before it."""
        place = self._seen.setdefault((row.kind, _key(row)), (row.file, row.line))
        if place != (row.file, row.line):
            return _twin(row, COLUMNS[row.kind][0].name, place)
        if row.kind is not Kind.DRIVERS:
            return None
        has_email = bool(row.values.get("email"))
        other = self._named.setdefault(_fold(row.values["name"]), (has_email, row.file, row.line))
        if other[1:] != (row.file, row.line) and not (has_email and other[0]):
            return _twin(row, "name", other[1:])  # which of the two would be meant the next time?
        return None


def row_error(row: Row, error: IngufuError) -> RowError:
    """Return what a service said of the row, in the words of the file."""
    return RowError(file=row.file, line=row.line, field=_field(row, error), reason=_reason(error))


def _twin(row: Row, field: str, place: tuple[str, int]) -> RowError:
    file, line = place
    return RowError(file=row.file, line=row.line, field=field, reason=f"is the same as in line {line} of {file}")


def _key(row: Row) -> str:
    """Return what tells the row from others of its kind."""
    values = row.values
    match row.kind:
        case Kind.TOKENS:
            if is_hidden(values["value"]):
                return f"\0{values.get('id') or row.line}"
            kind = proper_kind(values.get("kind") or TokenKind.ISO14443)
            return f"{token_key(values['value'], kind)}\0{kind}"
        case Kind.DRIVERS:
            return _fold(values.get("email") or f"\0{values['name']}")
        case _:
            return _fold(values[COLUMNS[row.kind][0].name])


def _fold(value: object) -> str:
    return str(value).strip().casefold()


def _field(row: Row, error: IngufuError) -> str:
    field = error.field if isinstance(error, InvalidInput) else None
    return _FIELDS.get(field or "", field or COLUMNS[row.kind][0].name)


def _reason(error: IngufuError) -> str:
    text = error.message.rstrip(".")
    first, _, _ = text.partition(" ")
    is_acronym = len(first) > 1 and first.isupper()
    return text if is_acronym else text[:1].lower() + text[1:]
