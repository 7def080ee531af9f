"""Which columns each kind of row has, what they may hold, and what is said about them in the documentation."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import msgspec

from ingufu.importing.model import Kind

Convert = Callable[[Any], Any]  # a cell's text or a value of JSON; raises ValueError with a sentence

_TRUE = frozenset({"true", "yes", "1"})
_FALSE = frozenset({"false", "no", "0"})
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Column(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    convert: Convert
    form: str  # what it holds, in words
    meaning: str
    is_key: bool = False  # tells one row from another; never empty
    may_be_empty: bool = False
    is_secret: bool = False


def text(value: Any) -> str:
    """Return the text."""
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 - one error for cells and JSON
    return value


def boolean(value: Any) -> bool:
    """Return whether it is yes."""
    word = str(value).strip().casefold()
    if word not in _TRUE | _FALSE:
        raise ValueError("must be true or false")
    return word in _TRUE


def integer(value: Any) -> int:
    """Return the whole number."""
    try:
        return msgspec.convert(value.strip() if isinstance(value, str) else value, int, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError("must be a whole number") from error


def decimal(value: Any) -> float:
    """Return the number."""
    try:
        return msgspec.convert(value.strip() if isinstance(value, str) else value, float, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError("must be a number, with a point before its decimals") from error


def instant(value: Any) -> datetime:
    """Return the instant; a day alone begins at midnight UTC."""
    given = text(value).strip()
    try:
        at = datetime.fromisoformat(given)
    except ValueError as error:
        raise ValueError("must be a day such as 2027-01-31, or a time such as 2027-01-31T18:00:00+02:00") from error
    if _DAY.fullmatch(given):
        return at.replace(tzinfo=UTC)
    if at.tzinfo is None:
        raise ValueError("needs a zone, as in 2027-01-31T18:00:00+02:00")
    return at


def texts(value: Any) -> tuple[str, ...]:
    """Return the texts of a list, or of a cell with semicolons between."""
    if isinstance(value, list):
        return tuple(text(item) for item in value)
    return tuple(part.strip() for part in text(value).split(";") if part.strip())


def choice(*words: str) -> Convert:
    """Return what takes one of these words, whatever its case."""
    known = {word.casefold(): word for word in words}

    def convert(value: Any) -> str:
        word = known.get(text(value).strip().casefold())
        if word is None:
            raise ValueError(f"must be one of {', '.join(words)}")
        return word

    return convert


_FORMS: Mapping[Any, str] = {
    text: "text",
    boolean: "true or false",
    integer: "whole number",
    decimal: "number",
    instant: "day or time with zone",
    texts: "list; in CSV with semicolons between",
}


def _column(name: str, meaning: str, convert: Convert = text, *, form: str = "", **more: bool) -> Column:
    return Column(name=name, convert=convert, form=form or _FORMS.get(convert, ""), meaning=meaning, **more)


def _choice(name: str, meaning: str, *words: str) -> Column:
    return _column(name, meaning, choice(*words), form=", ".join(words))


_NOTE = _column("note", "For people.", may_be_empty=True)
_LANGUAGE = _column("language", "Language tag, such as en or rw.", may_be_empty=True)

COLUMNS: Mapping[Kind, tuple[Column, ...]] = MappingProxyType(
    {
        Kind.SITES: (
            _column("name", "Tells sites apart.", is_key=True),
            _column("address", "Street and number.", may_be_empty=True),
            _column("city", "City.", may_be_empty=True),
            _column("country", "Two letters (ISO 3166-1).", may_be_empty=True),
            _column("latitude", "Degrees north.", decimal, may_be_empty=True),
            _column("longitude", "Degrees east.", decimal, may_be_empty=True),
            _column("time_zone", "IANA name, such as Africa/Kigali."),
        ),
        Kind.USERS: (
            _column("email", "With which they log in; tells users apart.", is_key=True),
            _column("name", "As the console shows it."),
            _choice("role", "What they may. A new user needs one.", "admin", "operator", "viewer"),
            _column("sites", "Names of the sites they look after; empty: all.", texts, may_be_empty=True),
            _column("language", "Language tag, such as en or rw."),
            _column("password", "Without it a new user cannot log in yet.", is_secret=True),
            _column("is_disabled", "Whether they can no longer log in.", boolean),
        ),
        Kind.GROUPS: (
            _column("value", "What stations know the group by; tells groups apart.", is_key=True),
            _column("name", "As the console shows it."),
            _column("is_master_pass", "Its tokens may stop every session, and start none.", boolean),
        ),
        Kind.DRIVERS: (
            _column("name", "Tells drivers apart who have no e-mail address.", is_key=True),
            _column("email", "Tells drivers apart."),
            _column("phone", "Telephone number.", may_be_empty=True),
            _LANGUAGE,
            _NOTE,
            _column("plan", "What they have subscribed to; the operator alone sets it.", may_be_empty=True),
            _column("is_blocked", "Whether none of their tokens is accepted.", boolean),
            _column("block_reason", "Why, for people.", may_be_empty=True),
        ),
        Kind.STATIONS: (
            _column("identity", "What the station calls itself; tells stations apart.", is_key=True),
            _column("name", "As the console shows it."),
            _column("site", "Name of the site where it stands.", may_be_empty=True),
            _NOTE,
            _choice("approval", "Whether it may connect.", "approved", "waiting", "refused"),
            _choice("boot_answer", "What it hears when it boots.", "Accepted", "Pending", "Rejected"),
            _column("security_profile", "Lowest one accepted: 0 to 3.", integer),
            _column("password", "For HTTP Basic: 16 to 64 characters, or the hex key of 1.6.", is_secret=True),
            _column(
                "certificate_name",
                "Common name of its certificate, if it is not the serial number.",
                may_be_empty=True,
            ),
            _column(
                "assumed_version",
                "Spoken when it offers no subprotocol: ocpp1.6, ocpp2.0.1 or ocpp2.1.",
                may_be_empty=True,
            ),
            _column("is_strict", "Judge its messages by the letter.", boolean),
            _column("is_silent", "Send it nothing by ourselves after a boot.", boolean),
            _column("allows_compression", "Agree to permessage-deflate.", boolean),
            _column("ping_interval_s", "Seconds between pings; 0: none; empty: as set.", integer, may_be_empty=True),
        ),
        Kind.TOKENS: (
            _column("value", "What the card or code holds; with its kind it tells tokens apart.", is_key=True),
            _column("kind", "As OCPP 2.x names it. Default: ISO14443."),
            _column("group", "Value of its group.", may_be_empty=True),
            _column("driver", "E-mail address or name of its driver.", may_be_empty=True),
            _column("valid_from", "Not accepted before.", instant, may_be_empty=True),
            _column("expires_at", "Not accepted from then on.", instant, may_be_empty=True),
            _column("concurrent_limit", "Sessions at once; empty: no limit. Default: 1.", integer, may_be_empty=True),
            _LANGUAGE,
            _NOTE,
            _column("is_blocked", "Whether it is accepted nowhere.", boolean),
            _column("block_reason", "Why, for people.", may_be_empty=True),
            _column("id", "Ours; by it a card is known again whose value an export hides (KeyCode)."),
        ),
    }
)


def _names(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


# What the exports of lists hold besides: of what is so, not of what somebody sets.
EXPORTED: Mapping[Kind, frozenset[str]] = MappingProxyType(
    {
        Kind.GROUPS: _names("id organisation_id token_count created_at"),
        Kind.DRIVERS: _names("id organisation_id token_count blocked_at created_at"),
        Kind.STATIONS: _names(
            "id site_id time_zone condition is_online is_operative online_changed_at last_seen_at created_at",
            "ocpp_version vendor model serial_number firmware_version evses connectors plugs max_power_w",
            "charging_now",
        ),
        Kind.TOKENS: _names(
            "driver_id driver_name group_id group_name blocked_at last_used_at last_station_id last_station",
            "charging_priority has_credit created_at",
        ),
    }
)
