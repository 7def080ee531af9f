"""RFC 3986 as one regular expression, for the two locations of OCPP 1.6 that are a `uri`."""

from typing import Annotated, Final, TypeAlias

from msgspec import Meta

_ESCAPED = "%[0-9A-Fa-f]{2}"
_UNRESERVED = r"A-Za-z0-9\-._~"
_SUB_DELIMITERS = "!$&'()*+,;="
_BYTE = "(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]{1,2})"  # with leading zeros, as the validator takes them
_IPV4 = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_GROUP = "[0-9A-Fa-f]{1,4}"
_LAST_32 = f"(?:{_GROUP}:{_GROUP}|{_IPV4})"
_IPV6 = "|".join(
    (
        f"(?:{_GROUP}:){{6}}{_LAST_32}",
        f"::(?:{_GROUP}:){{5}}{_LAST_32}",
        *(f"(?:(?:{_GROUP}:){{0,{n}}}{_GROUP})?::(?:{_GROUP}:){{{4 - n}}}{_LAST_32}" for n in range(5)),
        f"(?:(?:{_GROUP}:){{0,5}}{_GROUP})?::{_GROUP}",
        f"(?:(?:{_GROUP}:){{0,6}}{_GROUP})?::",
    )
)
_IP_FUTURE = f"v[0-9A-Fa-f]+\\.[{_UNRESERVED}{_SUB_DELIMITERS}:]+"
_NAME = f"(?:[{_UNRESERVED}{_SUB_DELIMITERS}]|{_ESCAPED})*"
_HOST = rf"(?:\[(?:{_IPV6}|{_IP_FUTURE})\]|{_NAME})"
_AUTHORITY = rf"(?:(?:[{_UNRESERVED}{_SUB_DELIMITERS}:]|{_ESCAPED})*@)?{_HOST}(?::[0-9]*)?"
_CHARACTER = f"(?:[{_UNRESERVED}{_SUB_DELIMITERS}:@]|{_ESCAPED})"
_PATH = (
    f"(?://{_AUTHORITY}(?:/{_CHARACTER}*)*|/(?:{_CHARACTER}+(?:/{_CHARACTER}*)*)?|{_CHARACTER}+(?:/{_CHARACTER}*)*)?"
)
_TAIL = rf"(?:[{_UNRESERVED}{_SUB_DELIMITERS}:@/?]|{_ESCAPED})*"

URI_PATTERN: Final = rf"^[A-Za-z][A-Za-z0-9+.\-]*:{_PATH}(?:\?{_TAIL})?(?:#{_TAIL})?\Z"

Uri: TypeAlias = Annotated[str, Meta(pattern=URI_PATTERN)]
