"""Why a tariff cannot be said in another form, or is said there a little differently."""

from enum import StrEnum
from typing import Any

import msgspec


class Refused(StrEnum):
    """What the other form has no words for. Stable: translations rely on it."""

    FEED = "feed"  # a price that follows a feed
    GRACE = "grace"  # free idle time, counted from when the vehicle stopped asking for power
    STEP_SIZE = "step-size"
    SEVERAL_TAXES = "several-taxes"
    TAXES_DIFFER = "taxes-differ"  # within a dimension
    TAX_ORDER = "tax-order"  # a tax on the net price alone, after one that is compound
    TAX_NAME = "tax-name"  # longer than 20 characters
    UNKNOWN_TAX = "unknown-tax"  # prices hold a tax that is not said
    GROSS_PRICE = "gross-price"  # no net price says the same
    GROSS_LIMIT = "gross-limit"  # a bound with taxes, where taxes differ or the net one must be said
    RESERVATION_EXPIRES = "reservation-expires"
    FIXED_FEE = "fixed-fee"  # a fee that may come up after the start
    DECIMALS = "decimals"
    SECONDS = "seconds"  # times of day are whole minutes
    END = "end"  # of validity: here a tariff ends where its next version begins
    INVALID = "invalid"  # it is not what the form's own rules allow


class Note(StrEnum):
    """What is said, and not quite the same."""

    ROUNDED = "rounded"  # a price has no finite decimals in the other unit; it differs after the twelfth
    TAX_NAME = "tax-name"  # the other form calls every tax VAT
    TEXT = "text"  # a text in a language that the other form cannot name was left out


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Something that cannot be said, and where it is."""

    code: Refused
    field: str  # as "elements[0].components[1].step_size"
    detail: str = ""


class Converted(msgspec.Struct, frozen=True, kw_only=True):
    """The tariff in the other form; None if anything of it was refused. Numbers in it are exact decimals."""

    tariff: dict[str, Any] | None = None
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[Note, ...] = ()
