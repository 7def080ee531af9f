"""Who charged is not a host's affair: what names drivers, cards and customers is left out of what hosts see."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import msgspec

from ingufu.accounts.model import OfHost
from ingufu.charging.model import AnomalyKind
from ingufu.views.stations import SiteIds

T = TypeVar("T")
_NAMES = frozenset(  # left out, wherever it stands
    {
        "driver", "driver_id", "driver_name", "driver_ids", "token_id", "group_id", "group_ids", "group_value",
        "contract_id", "customer_id", "customer_name", "buyer", "purchase_code", "debtor",
    }
)  # fmt: skip
_CARDS = frozenset({"token_value", "stop_token_value", "id_tag", "uid"})
_TOKENS = frozenset({"token", "id_token", "stop_token"})  # a card's number, or a card with its number
_OF_CARDS = frozenset({AnomalyKind.STRANGER_STOPPED, AnomalyKind.UNKNOWN_TOKEN_OFFLINE, AnomalyKind.REFUSED_TOKEN})
_CARD_FIRST = re.compile(r"(.*)( did not start it\.| is not registered, and started offline\.| is refused: .*)")
_SHOWN = 4  # the end of a card's number, by which its holder can be asked for it at the station


def hides_drivers(site_ids: SiteIds) -> bool:
    """Return whether who asks is not to know who charged: a host that the operator has not allowed it."""
    return isinstance(site_ids, OfHost)


def as_seen(site_ids: SiteIds, value: T) -> T:
    """Return a row, a page of rows or what else is read as those may see it who see these sites."""
    return cast("T", _concealed(value)) if hides_drivers(site_ids) else value


def masked_card(number: str) -> str:
    """Return the end of a card's number: at most four signs, and at most half of it."""
    shown = min(_SHOWN, len(number) // 2)
    return "…" + number[len(number) - shown :]


def masked_detail(kind: str, detail: str) -> str:
    """Return what is said of an oddity without the whole number of the card that it names."""
    if kind not in _OF_CARDS:
        return detail
    found = _CARD_FIRST.fullmatch(detail)
    return f"{masked_card(found[1])}{found[2]}" if found else ""


def _concealed(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return _concealed_samples(value)
    if isinstance(value, msgspec.Struct):
        return _concealed_struct(value)
    if isinstance(value, Mapping):
        return {name: _field(name, content) for name, content in value.items() if name not in _NAMES}
    if isinstance(value, (list, tuple)):
        return type(value)(_concealed(one) for one in value)
    return value


def _concealed_struct(value: msgspec.Struct) -> msgspec.Struct:
    changes: dict[str, Any] = {}
    for field in msgspec.structs.fields(value):
        before = getattr(value, field.name)
        after = field.default if field.name in _NAMES else _field(field.name, before)
        if after is not before:
            changes[field.name] = after
    return msgspec.structs.replace(value, **changes) if changes else value


def _concealed_samples(samples: msgspec.Raw) -> msgspec.Raw:
    """Return a reading's samples without what is signed: it may name the card, and is worth nothing if cut."""
    plain: list[dict[str, Any]] = msgspec.json.decode(samples)
    kept = [one | {"raw_value": ""} if one.pop("signed", None) is not None else one for one in plain]
    return msgspec.Raw(msgspec.json.encode(kept))


def _field(name: str, content: Any) -> Any:
    if isinstance(content, str):
        return masked_card(content) if content and name in _CARDS | _TOKENS else content
    if name in _TOKENS and isinstance(content, Mapping) and isinstance(content.get("value"), str):
        content = {**content, "value": masked_card(content["value"])}
    return _concealed(content)
