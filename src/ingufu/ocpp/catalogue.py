"""The catalogue of commands: every request that may be asked of a station, described so that a form can be made."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ingufu.core.commands import ActionForm, FieldForm
from ingufu.ocpp import shapes
from ingufu.ocpp.shapes import Shape
from ingufu.ocpp.versions import VERSIONS, Version


class Catalogue:
    """Implements `core.commands.CommandCatalogue` over the payload types of all versions."""

    def actions(self, version: str) -> tuple[ActionForm, ...]:
        """Return the requests of an OCPP version by name; none if it is not known."""
        known = VERSIONS.get(version)
        return () if known is None else _actions(known.name)


@functools.cache
def _actions(name: shapes.Version) -> tuple[ActionForm, ...]:
    version = VERSIONS[name]
    return tuple(ActionForm(action=action, fields=_fields_of(version, action)) for action in version.requests)


def _fields_of(version: Version, action: str) -> tuple[FieldForm, ...]:
    request, _ = version.messages[action]
    return _fields(shapes.shape_of(request, version.name))


def _fields(record: shapes.Record) -> tuple[FieldForm, ...]:
    return tuple(_field(name, slot.shape, is_required=slot.required) for name, slot in record.slots.items())


def _field(name: str, shape: Shape, *, is_required: bool) -> FieldForm:
    return FieldForm(name=name, is_required=is_required, **_DESCRIBERS[type(shape)](shape))


def _record(shape: shapes.Record) -> dict[str, Any]:
    if shape.is_open:  # vendor data, of which the schema knows nothing
        return {"kind": "any"}
    return {"kind": "object", "fields": _fields(shape)}


def _listing(shape: shapes.Listing) -> dict[str, Any]:
    item = _field("", shape.item, is_required=True)
    return {"kind": "list", "min_length": shape.min_items, "max_length": shape.max_items, "item": item}


def _text(shape: shapes.Text) -> dict[str, Any]:
    if shape.values is not None:
        return {"kind": "choice", "choices": shape.values}
    return {"kind": "text", "max_length": shape.max_length}


def _number(shape: shapes.Number) -> dict[str, Any]:
    kind = "integer" if shape.integer else "number"
    return {"kind": kind, "minimum": shape.minimum, "maximum": shape.maximum}


# A row's function takes the shape that its key names; the table cannot say so in its type.
_DESCRIBERS: Mapping[type[Any], Callable[[Any], dict[str, Any]]] = {
    shapes.Record: _record,
    shapes.Listing: _listing,
    shapes.Text: _text,
    shapes.Number: _number,
    shapes.Truth: lambda _: {"kind": "boolean"},
    shapes.Moment: lambda _: {"kind": "instant"},
    shapes.Anything: lambda _: {"kind": "any"},
}
