"""The official JSON schemas with a validator for each, and payloads for them: valid ones, and ones broken on purpose."""

import importlib.resources
import json
import random
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import jsonschema
from jsonschema.validators import extend, validator_for

FOLDERS = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}
BOUND = 2**63 - 1


class Message(NamedTuple):
    action: str
    direction: str
    schema: dict[str, Any]
    validator: Any


@cache
def messages(version: str) -> tuple[Message, ...]:
    """Every schema of a version, with its own draft and the format checker of that draft."""
    folder = importlib.resources.files("ocpp") / FOLDERS[version] / "schemas"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".json")), key=lambda file: file.name)
    return tuple(_message(file.name, file.read_text(encoding="utf-8-sig")) for file in files)


def message(version: str, action: str, direction: str = "request") -> Message:
    return next(each for each in messages(version) if (each.action, each.direction) == (action, direction))


def _message(name: str, text: str) -> Message:
    schema = json.loads(text, parse_float=Decimal)
    stem = name.removesuffix(".json")
    direction = "response" if stem.endswith("Response") else "request"
    base = validator_for(schema)
    # Numbers stay exact, so an integer is any number without a fraction, as draft 6 says.
    exact = extend(base, type_checker=base.TYPE_CHECKER.redefine("integer", _is_integer))
    validator = exact(_inlined(schema, schema), format_checker=base.FORMAT_CHECKER)
    return Message(stem.removesuffix("Request").removesuffix("Response"), direction, schema, validator)


def _is_integer(_: Any, value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | Decimal) and value == int(value)


def _inlined(node: Any, root: dict[str, Any]) -> Any:
    """`node` with its references resolved: the same schema, judged several times faster."""
    if isinstance(node, list):
        return [_inlined(child, root) for child in node]
    if not isinstance(node, dict):
        return node
    node = resolved(node, root)
    return {key: _inlined(child, root) for key, child in node.items() if key != "definitions"}


def resolved(node: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    while isinstance(node.get("$ref"), str):
        node = root["definitions"][node["$ref"].rpartition("/")[2]]
    return node


TEXTS = ("a", "Zürich", "充电站", "🔌", 'quo"te', "back\\slash", "\u0000", "\x1f", "  ", "null", "\u2028", "1e5", "ﬀ")
TIMES = (
    "2025-03-14T09:26:53Z",
    "2025-03-14T09:26:53.589Z",
    "2025-03-14t09:26:53.5z",
    "2025-03-14T09:26:53.589793+02:00",
    "2024-02-29T23:59:59-11:30",
    "1970-01-01T00:00:00.000Z",
    "2025-03-14T09:26:53.123456789Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
)
BAD_TIMES = (
    "2025-03-14T09:26:53",
    "2025-03-14",
    "2025-02-30T09:26:53Z",
    "2025-13-01T09:26:53Z",
    "2025-03-14T24:00:00Z",
    "2025-03-14T23:59:60Z",
    "2025-03-14T09:26Z",
    "2025-03-14T09:26:53.Z",
    "2025-03-14T09:26:53+02",
    "2025-03-14T09:26:53+24:00",
    "2025-03-14T09:26:53,5Z",
    " 2025-03-14T09:26:53Z",
    "0000-01-01T00:00:00Z",
    "٢٠٢٥-03-14T09:26:53Z",
    "now",
    "",
)
URIS = (
    "https://example.org/firmware.bin?a=1&b=%20#top",
    "ftp://user:pass@192.0.2.1:21/a/b",
    "http://[2001:db8::1]:8080/",
    "http://[::ffff:192.0.2.1]",
    "urn:a:b",
    "x:",
    "file:///tmp/x",
)
BAD_URIS = (
    "",
    "no scheme",
    "//example.org",
    "1http://a",
    "http://[2001:db8::1",
    "http://a b",
    "http://a/%zz",
    "http://[::1::2]/",
    "http://[1:2:3:4:5:6:7]/",
    "http://a:b:c/",
    "http://ü/",
)
NUMBERS = ("0", "1.5", "-3.25", "0.1", "1E+2", "12345678901234567890.123456789012345678", "1e-20", "230.0", "-0.0")
OTHER_TYPES = (None, True, 0, 1, -1, Decimal("1.0"), Decimal("1.5"), "", "1", "true", [], {}, [None], {"a": 1})


class Maker:
    """Payloads of one message, the same ones for the same seed."""

    def __init__(self, schema: dict[str, Any], seed: str) -> None:
        self._schema = schema
        self._random = random.Random(seed)

    def valid(self) -> dict[str, Any]:
        return self._value(self._schema, depth=0)

    def mutated(self) -> Any:
        """A valid payload with one to three changes, most of which break it."""
        payload: Any = self.valid()
        for _ in range(self._random.choice((1, 1, 1, 2, 3))):
            places = list(self._places(payload, self._schema))
            if not places or self._random.random() < 0.01:
                return self._random.choice(OTHER_TYPES)
            holder, key, node = self._random.choice(places)
            own = self._own_mutations(node) if self._random.random() < 0.6 else ()
            self._random.choice(own or (self._retype, self._drop, self._extend))(holder, key, node)
        return payload

    def _value(self, node: dict[str, Any], depth: int) -> Any:
        node = resolved(node, self._schema)
        if "enum" in node:
            return self._random.choice(node["enum"])
        kind = node.get("type", "anything")
        return getattr(self, f"_{kind}")(node, depth)

    def _object(self, node: dict[str, Any], depth: int) -> dict[str, Any]:
        required = set(node.get("required", ()))
        chance = (0.5, 0.35, 0.25, 0.2)[min(depth, 3)]
        value = {
            key: self._value(child, depth + 1)
            for key, child in node.get("properties", {}).items()
            if key in required or self._random.random() < chance * (0.3 if key == "customData" else 1)
        }
        if node.get("additionalProperties") is not False:
            value.update({self._text(9): self._anything({}, depth) for _ in range(self._random.randrange(3))})
        return value

    def _array(self, node: dict[str, Any], depth: int) -> list[Any]:
        least = node.get("minItems", 0)
        most = min(node.get("maxItems", least + 2), least + 2)
        return [self._value(node["items"], depth + 1) for _ in range(self._random.randint(least, most))]

    def _string(self, node: dict[str, Any], _: int) -> str:
        if node.get("format") == "date-time":
            return self._random.choice(TIMES)
        if node.get("format") == "uri":
            return self._random.choice(URIS)
        longest = node.get("maxLength", 60)
        if self._random.random() < 0.1 and longest < 1000:
            return (self._text(3) * longest)[:longest].ljust(longest, "x")
        return self._text(min(longest, 12))

    def _text(self, longest: int) -> str:
        text = "".join(self._random.choice("abcXYZ0189_-") for _ in range(self._random.randint(0, longest)))
        return (text + self._random.choice(TEXTS))[:longest] if self._random.random() < 0.2 else text

    def _integer(self, node: dict[str, Any], _: int) -> int | Decimal:
        least = int(node.get("minimum", self._random.choice((-5, -BOUND - 1))))
        most = int(node.get("maximum", self._random.choice((9, BOUND))))
        value = self._random.choice((least, most, self._random.randint(least, most), max(least, min(1, most))))
        return Decimal(f"{value}.0") if self._random.random() < 0.03 else value

    def _number(self, node: dict[str, Any], _: int) -> int | Decimal:
        if "multipleOf" in node:
            return Decimal(self._random.randint(-999, 9999)) / 10
        if "minimum" in node or "maximum" in node:
            return Decimal(self._random.randint(0, 1000)) / 10 * (1 if "minimum" in node else -1)
        return self._random.choice((Decimal(self._random.choice(NUMBERS)), self._random.randint(-99, 9999)))

    def _boolean(self, _: dict[str, Any], __: int) -> bool:
        return self._random.random() < 0.5

    def _anything(self, _: dict[str, Any], depth: int) -> Any:
        choices = (self._text(9), Decimal("0.10000000000000000000000001"), 2**70, None, True, {}, [1, "x"], TIMES[3])
        value = self._random.choice(choices)
        return {"vendorId": {"x": value}} if depth < 4 and self._random.random() < 0.2 else value

    def _places(self, value: Any, node: dict[str, Any]) -> Any:
        """Every (holder, key, schema) in a payload that a mutation can change."""
        node = resolved(node, self._schema)
        if isinstance(value, dict) and node.get("type") == "object":
            for key, child in node.get("properties", {}).items():
                if key in value:
                    yield value, key, resolved(child, self._schema)
                    yield from self._places(value[key], child)
        elif isinstance(value, list) and node.get("type") == "array":
            for index, item in enumerate(value):
                yield value, index, resolved(node["items"], self._schema)
                yield from self._places(item, node["items"])

    def _own_mutations(self, node: dict[str, Any]) -> tuple[Callable[..., None], ...]:
        if "enum" in node:
            return (self._misspell,)
        return {
            "string": (self._misformat if "format" in node else self._lengthen,),
            "integer": (self._leave_range, self._add_fraction),
            "number": (self._leave_range,),
            "array": (self._empty, self._overfill),
            "object": (self._strip,),
        }.get(node.get("type", ""), ())

    def _retype(self, holder: Any, key: Any, _: dict[str, Any]) -> None:
        holder[key] = self._random.choice(OTHER_TYPES)

    def _drop(self, holder: Any, key: Any, _: dict[str, Any]) -> None:
        del holder[key]

    def _extend(self, holder: Any, key: Any, node: dict[str, Any]) -> None:
        if isinstance(holder, dict):
            holder[self._random.choice(("extra", "", f"{key}_", str(key).upper(), "vendorId"))] = 1

    def _misspell(self, holder: Any, key: Any, node: dict[str, Any]) -> None:
        value = self._random.choice(node["enum"])
        holder[key] = self._random.choice((value.lower(), value.upper(), f"{value} ", "Unheard", "", "ISO14443", "L1"))

    def _lengthen(self, holder: Any, key: Any, node: dict[str, Any]) -> None:
        longest = node.get("maxLength", 20)
        holder[key] = self._random.choice("xé電🔌") * self._random.choice((longest, longest + 1))

    def _misformat(self, holder: Any, key: Any, node: dict[str, Any]) -> None:
        holder[key] = self._random.choice(BAD_URIS if node["format"] == "uri" else BAD_TIMES)

    def _leave_range(self, holder: Any, key: Any, node: dict[str, Any]) -> None:
        least, most = node.get("minimum", 0), node.get("maximum", 0)
        exact = (least, most, Decimal("21.4"), Decimal("0.05"), Decimal("100.05"))
        holder[key] = self._random.choice((least - 1, most + 1, self._random.choice(exact)))

    def _add_fraction(self, holder: Any, key: Any, _: dict[str, Any]) -> None:
        holder[key] = self._random.choice((Decimal("2.0"), Decimal("2.5"), Decimal("1E+1"), Decimal("20E-1"), "2"))

    def _empty(self, holder: Any, key: Any, _: dict[str, Any]) -> None:
        holder[key] = []

    def _overfill(self, holder: Any, key: Any, node: dict[str, Any]) -> None:
        if isinstance(holder[key], list) and holder[key]:
            holder[key] = [holder[key][0]] * self._random.choice((node.get("maxItems", 3), node.get("maxItems", 3) + 1))

    def _strip(self, holder: Any, key: Any, node: dict[str, Any]) -> None:
        names = node.get("required", ())
        if isinstance(holder[key], dict) and names:
            holder[key].pop(self._random.choice(names), None)


def oracle(each: Message, payload: Any) -> jsonschema.ValidationError | None:
    return next(each.validator.iter_errors(payload), None)
