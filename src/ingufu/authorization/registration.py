"""What may be entered about drivers, groups and tokens: checked, trimmed, or refused with the field's name. Pure."""

import re

import msgspec
from msgspec import UNSET

from ingufu.authorization.model import DriverDetails, GroupDetails, TokenDetails, TokenKind, TokenLimits
from ingufu.core.errors import InvalidInput

NAME_MAX = 200
NOTE_MAX = 4000
VALUE_MAX = 255  # OCPP 2.1 idToken; 2.0.1 carries 36, 1.6 carries 20
KIND_MAX = 20  # OCPP 2.1 IdTokenType.type
EMAIL_MAX = 254  # RFC 5321
PHONE_MAX = 40
PLAN_MAX = 100  # as long as what tariffs are assigned to
CONCURRENT_MAX = 10_000
PRIORITY_MAX = 9  # OCPP 2.x chargingPriority
MESSAGE_MAX = 512  # OCPP 2.0.1 MessageContentType
LIMITS_MAX = 200  # of each sort

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_KINDS = {kind.casefold(): kind.value for kind in TokenKind}


def check_driver(details: DriverDetails) -> DriverDetails:
    """Return the details trimmed. Raises InvalidInput."""
    return msgspec.structs.replace(
        details,
        name=_line(details.name, "name", NAME_MAX),
        email=_email(details.email),
        phone=_optional(details.phone, "phone", PHONE_MAX),
        language=_language(details.language) or "en",
        note=_note(details.note),
        plan=details.plan if details.plan is UNSET else _optional(details.plan, "plan", PLAN_MAX),
    )


def check_group(details: GroupDetails) -> GroupDetails:
    """Return the details trimmed; a group without a name is named by its value. Raises InvalidInput."""
    value = _line(details.value, "value", VALUE_MAX)
    name = _line(details.name, "name", NAME_MAX) if details.name.strip() else value
    return msgspec.structs.replace(details, value=value, name=name)


def check_token(details: TokenDetails) -> TokenDetails:
    """Return the details trimmed, a known kind in its proper spelling. Raises InvalidInput."""
    kind = proper_kind(_line(details.kind, "kind", KIND_MAX))
    if details.concurrent_limit is not None and not 0 <= details.concurrent_limit <= CONCURRENT_MAX:
        raise InvalidInput(f"The limit is between 0 and {CONCURRENT_MAX}, or none.", field="concurrent_limit")
    if details.valid_from and details.expires_at and details.expires_at <= details.valid_from:
        raise InvalidInput("A token cannot expire before it becomes valid.", field="expires_at")
    for field in ("valid_from", "expires_at"):
        instant = getattr(details, field)
        if instant is not None and instant.tzinfo is None:
            raise InvalidInput("A time needs its zone.", field=field)
    priority = details.charging_priority
    if priority is not None and not -PRIORITY_MAX <= priority <= PRIORITY_MAX:
        raise InvalidInput(f"The priority is between -{PRIORITY_MAX} and {PRIORITY_MAX}.", field="charging_priority")
    return msgspec.structs.replace(
        details,
        value=_line(details.value, "value", VALUE_MAX),
        kind=kind,
        language=_language(details.language),
        second_language=_language(details.second_language, "second_language"),
        message=_optional(details.message, "message", MESSAGE_MAX),
        limits=_limits(details.limits),
        note=_note(details.note),
    )


def proper_kind(kind: str) -> str:
    """Return a kind of token as OCPP spells it; one that is not OCPP's as it is."""
    return _KINDS.get(kind.strip().casefold(), kind.strip())


def _line(text: str, field: str, limit: int) -> str:
    trimmed = text.strip()
    if not trimmed:
        raise InvalidInput("It must not be empty.", field=field)
    if len(trimmed) > limit:
        raise InvalidInput(f"It has more than {limit} characters.", field=field)
    if not trimmed.isprintable():
        raise InvalidInput("It has characters that cannot be shown.", field=field)
    return trimmed


def _optional(text: str | None, field: str, limit: int) -> str | None:
    return _line(text, field, limit) if text is not None and text.strip() else None


def _email(text: str | None) -> str | None:
    email = _optional(text, "email", EMAIL_MAX)
    if email is not None and not _EMAIL.fullmatch(email):
        raise InvalidInput("That is no e-mail address.", field="email")
    return email


def _limits(limits: TokenLimits | None) -> TokenLimits | None:
    """Return the limits, None if they limit nothing. Raises InvalidInput."""
    if limits is None or limits.is_empty:
        return None
    for name in TokenLimits.__struct_fields__:
        if len(getattr(limits, name)) > LIMITS_MAX:
            raise InvalidInput(f"At most {LIMITS_MAX} {name} can be named.", field="limits")
    for hours in limits.hours:
        if not hours.days or any(not 1 <= day <= 7 for day in hours.days):
            raise InvalidInput("Days of the week are numbered from 1 (Monday) to 7.", field="limits")
        if hours.start.tzinfo is not None or hours.end.tzinfo is not None:
            raise InvalidInput("Hours are in the time of the site: give no zone.", field="limits")
    return limits


def _language(text: str | None, field: str = "language") -> str | None:
    language = _optional(text, field, 8)  # OCPP 2.x language1 has at most 8 characters
    if language is not None and not _LANGUAGE.fullmatch(language):
        raise InvalidInput("That is no language tag (RFC 5646), for example 'de' or 'en-GB'.", field=field)
    return language


def _note(text: str) -> str:
    if len(text) > NOTE_MAX:
        raise InvalidInput(f"It has more than {NOTE_MAX} characters.", field="note")
    if "\x00" in text:
        raise InvalidInput("It has characters that cannot be kept.", field="note")
    return text.strip()
