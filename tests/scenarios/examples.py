"""Payloads made from the shapes of messages: what fits, what does not, and where an id stands in them."""

from collections.abc import Iterator
from typing import Any

from ingufu.ocpp import shapes
from ingufu.ocpp.versions import Version

IDS = ("transactionId", "reservationId", "requestId", "remoteStartId", "chargingProfileId", "id")


def request_shape(version: Version, action: str) -> shapes.Record:
    return shapes.shape_of(version.messages[action][0], version.name)


def example(shape: shapes.Shape, ids: dict[str, Any] | None = None, *, is_full: bool = False, name: str = "") -> Any:
    """Return a value that fits, with the given ids wherever a property is called so and takes it."""
    if ids is not None and name in ids and not any(shape.faults(ids[name], "$")):
        return ids[name]
    match shape:
        case shapes.Record(slots=slots, is_open=is_open):
            wanted = {key: slot for key, slot in slots.items() if is_full or slot.required or key in (ids or {})}
            made = {key: example(slot.shape, ids, is_full=is_full, name=key) for key, slot in wanted.items()}
            return made | ({"vendorId": "V"} if is_open else {})
        case shapes.Listing(item=item, min_items=least):
            return [example(item, ids, is_full=is_full, name=name) for _ in range(max(least, 1))]
        case shapes.Text(values=values, max_length=longest):
            return values[0] if values else "text"[:longest]
        case shapes.Number(minimum=minimum, maximum=maximum):
            return max(minimum or 1, 1) if maximum is None or maximum >= 1 else maximum
        case shapes.Truth():
            return False
        case shapes.Moment():
            return "2026-03-01T12:00:00Z"
    return {}


def ids_in(shape: shapes.Shape, name: str = "") -> Iterator[str]:
    """Yield the names of the properties in a shape, however deep, that carry the id of something."""
    match shape:
        case shapes.Record(slots=slots):
            for key, slot in slots.items():
                yield from ids_in(slot.shape, key)
        case shapes.Listing(item=item):
            yield from ids_in(item, name)
        case _ if name in IDS:
            yield name


def malformed(shape: shapes.Record) -> Iterator[tuple[str, Any]]:
    """Yield what is wrong, and a payload that is wrong in this way."""
    good = example(shape)
    yield "no-object", [good]
    yield "extra", good | {"notOfThisMessage": 1}
    for name, slot in shape.slots.items():
        if slot.required:
            yield "missing", {key: value for key, value in good.items() if key != name}
            if not isinstance(slot.shape, shapes.Anything):
                wrong: Any = {} if not isinstance(slot.shape, shapes.Record) else "text"
                yield "type", good | {name: wrong}
            if isinstance(slot.shape, shapes.Text) and slot.shape.values:
                yield "value", good | {name: "NoSuchWord"}
            elif isinstance(slot.shape, shapes.Text) and slot.shape.max_length:
                yield "value", good | {name: "x" * (slot.shape.max_length + 1)}
            break
