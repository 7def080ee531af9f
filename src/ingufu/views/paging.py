"""Pages by key: where the last page ended is where the next begins, however many rows there are."""

import base64
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, and_, or_

from ingufu.core.errors import InvalidInput

MAX_LIMIT = 500
Item = TypeVar("Item")


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """Some of the items. `next` is the cursor of the page after this one; null: this is the last."""

    items: tuple[Item, ...]
    next: str | None = None
    total: int | None = None  # of all pages, where counting is cheap


class Order(msgspec.Struct, frozen=True):
    """What a list is sorted by: a column that is never null, its type, and a key that tells equals apart."""

    column: Any  # a column element
    kind: Any  # its Python type
    tie: Any  # a column element
    tie_kind: Any = str
    name: str = ""
    is_descending: bool = False


def ordered(statement: Select[Any], order: Order, *, cursor: str | None, limit: int) -> Select[Any]:
    """Return the statement for one page and one row more, which tells whether there is a next.

    The columns of the order are selected as `order_value` and `order_tie`. Raises InvalidInput for a cursor that is
    not ours or belongs to another order.
    """
    column: ColumnElement[Any] = order.column
    tie: ColumnElement[Any] = order.tie
    statement = statement.add_columns(column.label("order_value"), tie.label("order_tie"))
    if cursor is not None:
        statement = statement.where(_beyond(order, *_decode(order, cursor)))
    if order.is_descending:
        return statement.order_by(column.desc(), tie.desc()).limit(limit + 1)
    return statement.order_by(column, tie).limit(limit + 1)


def beyond(order: Order, cursor: str) -> ColumnElement[bool]:
    """Return the condition that a row stands after a cursor's place, for what is sorted by its groups (HAVING).

    Raises InvalidInput as `ordered` does.
    """
    return _beyond(order, *_decode(order, cursor))


def cut(rows: list[dict[str, Any]], order: Order, limit: int) -> tuple[list[dict[str, Any]], str | None]:
    """Return the rows of the page, and the cursor of the next if there is one."""
    last = rows[limit - 1] if len(rows) > limit else None
    return rows[:limit], None if last is None else cursor_at(order, last["order_value"], last["order_tie"])


def place_of(order: Order, cursor: str) -> Any:
    """Return the value by which a list is sorted where the last page ended. Raises InvalidInput as `ordered` does."""
    return _decode(order, cursor)[0]


def cursor_at(order: Order, value: Any, tie: Any) -> str:
    """Return the cursor of the page after this place."""
    key = [order.name, order.is_descending, value, tie]
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def _beyond(order: Order, value: Any, tie: Any) -> ColumnElement[bool]:
    if order.is_descending:
        return and_(order.column <= value, or_(order.column < value, order.tie < tie))
    return and_(order.column >= value, or_(order.column > value, order.tie > tie))


def _decode(order: Order, cursor: str) -> tuple[Any, Any]:
    value_kind = Annotated[datetime, Meta(tz=True)] if order.kind is datetime else order.kind
    kind = tuple[str, bool, value_kind, order.tie_kind]  # type: ignore[valid-type,name-defined]  # made at run time
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        name, is_descending, value, tie = msgspec.json.decode(raw, type=kind)
    except (ValueError, msgspec.MsgspecError) as error:
        raise InvalidInput("This is no cursor of ours.", field="cursor") from error
    if (name, is_descending) != (order.name, order.is_descending):
        raise InvalidInput("The cursor belongs to another order: keep `sort` as it was.", field="cursor")
    return value, tie
