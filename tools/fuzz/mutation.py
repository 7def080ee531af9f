"""How one input becomes another: as bytes, and as the JSON that it holds."""

import json
import random
from collections.abc import Callable
from typing import Any

import targets

_NUMBERS = (0, 1, -1, 2**31, 2**32, 2**63, -(2**63) - 1, 10**40, 1.5, 1e308, -0.0, 0.1)
_TEXTS = (
    "", " ", "null", "-1", "0", "1e400", "NaN", "\x00", "\ud800", "x" * 600, "Accepted", "accepted ",
    "2026-02-30T25:00:00Z", "1970-01-01T00:00:00", "2026-03-01T12:00:00+02", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:60Z", "\u202e", "Other",
)  # fmt: skip
_BYTES = (
    b"\x00",
    b"\xff",
    b"\xc3",
    b"\\u",
    b"\\ud800",
    b'"',
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"\\",
    b"1e9",
    b"NaN",
    b"-",
)
_PREFIX = {targets.RPC: 2, targets.PAYLOAD: 3, targets.SOCKET: 2, targets.HEAD: 1}
_DEEP = 60


def mutate(data: bytes, draw: random.Random) -> bytes:
    """Return another input; now and then for another target or type."""
    if not data or draw.random() < 0.02:
        return bytes([draw.randrange(targets.TARGETS)]) + data[1:]
    target = data[0] % targets.TARGETS
    cut = _PREFIX[target]
    prefix, rest = data[:cut].ljust(cut, b"\0"), data[cut:]
    if draw.random() < 0.05 and cut > 1:
        prefix = prefix[:1] + draw.randbytes(cut - 1)
    if target in (targets.RPC, targets.PAYLOAD) and draw.random() < 0.7:
        return prefix + _mutate_json(rest, draw)
    return prefix + _mutate_bytes(rest, draw)


def _mutate_json(text: bytes, draw: random.Random) -> bytes:
    try:
        tree = json.loads(text)
        changed = _change(tree, draw, 0)
        return json.dumps(changed, separators=(",", ":"), ensure_ascii=draw.random() < 0.9).encode(
            "utf-8", "surrogatepass"
        )
    except (ValueError, RecursionError):
        return _mutate_bytes(text, draw)


def _change(node: Any, draw: random.Random, depth: int) -> Any:
    """Change one place of the tree, found by chance."""
    if depth < _DEEP and isinstance(node, dict | list) and node and draw.random() < 0.85:
        if isinstance(node, dict):
            name = draw.choice(list(node))
            if draw.random() < 0.2:
                return _change_members(node, name, draw)
            return {**node, name: _change(node[name], draw, depth + 1)}
        index = draw.randrange(len(node))
        if draw.random() < 0.2:
            return _change_items(node, index, draw)
        return [*node[:index], _change(node[index], draw, depth + 1), *node[index + 1 :]]
    return _other(node, draw)


def _change_members(node: dict[str, Any], name: str, draw: random.Random) -> dict[str, Any]:
    match draw.randrange(4):
        case 0:
            return {key: value for key, value in node.items() if key != name}
        case 1:
            return {**node, draw.choice(_TEXTS): _other(None, draw)}
        case 2:
            return {(name.swapcase() if key == name else key): value for key, value in node.items()}
        case _:
            return {**node, draw.choice(list(node)): node[name]}


def _change_items(node: list[Any], index: int, draw: random.Random) -> list[Any]:
    match draw.randrange(3):
        case 0:
            return node[:index] + node[index + 1 :]
        case 1:
            return node[:index] + [node[index]] * draw.choice((2, 3, 30)) + node[index + 1 :]
        case _:
            return [*node, _other(None, draw)]


def _other(node: Any, draw: random.Random) -> Any:
    choices: tuple[Callable[[], Any], ...] = (
        lambda: draw.choice(_NUMBERS),
        lambda: draw.choice(_TEXTS),
        lambda: None,
        lambda: draw.random() < 0.5,
        lambda: [node],
        lambda: {"value": node, "vendorId": "x"},
        lambda: str(node),
        lambda: node[: len(node) // 2] if isinstance(node, str) else [],
        lambda: node + draw.choice(_TEXTS) if isinstance(node, str) else {},
        lambda: node * 10 + 1 if isinstance(node, int | float) and abs(node) < 1e300 else node,
    )
    return draw.choice(choices)()


def _mutate_bytes(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data) + 1)
    match draw.randrange(6):
        case 0:
            return data[:at] + draw.choice(_BYTES) + data[at:]
        case 1:
            return data[:at] + data[at + draw.randint(1, 8) :]
        case 2:
            return data[:at]
        case 3:
            return data[:at] + data[max(0, at - draw.randint(1, 64)) :]
        case 4:
            return data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
        case _:
            return data[:at] + data[at : at + 8] * draw.choice((2, 4, 200)) + data[at:]
