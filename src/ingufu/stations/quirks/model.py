"""A quirk: what is odd, about which stations it is known, and what is done about it."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

OWN_NUMBERS_FROM: Final = 1000  # quirks of an operator's own files; what is shipped has lower numbers

Text = Annotated[str, Meta(min_length=1, max_length=1000)]
Pattern = Annotated[str, Meta(min_length=1, max_length=100)]


class Group(StrEnum):
    """Where a quirk shows."""

    TRANSPORT = "transport"
    COMMANDS = "commands"
    TRANSACTIONS = "transactions"
    MEASUREMENT = "measurement"
    SMART_CHARGING = "smart-charging"


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which stations; all that is given must fit. Patterns have `*` and `?`, and know no capitals."""

    vendor: Pattern | None = None
    model: Pattern | None = None
    firmware: Pattern | None = None  # a range such as ">=5.5,<6", or a pattern
    identity: Pattern | None = None  # for what must be known before the first boot
    user_agent: Pattern | None = None  # likewise


class Does(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is done about it. Whatever has its default is not done."""

    # when it connects
    assumes_version: Annotated[str, Meta(pattern=r"^ocpp(1\.6|2\.0\.1|2\.1)$")] | None = None
    pins_version: Annotated[str, Meta(pattern=r"^ocpp(1\.6|2\.0\.1|2\.1)$")] | None = None
    ignores_probes: bool = False
    switches_compression_off: bool = False
    sends_no_pings: bool = False
    offline_grace_s: Annotated[int, Meta(ge=0, le=86_400)] = 0
    # when it is asked
    waits_for_boot_s: Annotated[float, Meta(ge=0, le=120)] = 0.0
    never_triggers_boot: bool = False
    keys_at_once: Annotated[int, Meta(ge=0, le=1000)] = 0
    asks_known_keys: bool = False
    tidies_configuration: bool = False
    distrusts_configuration: bool = False
    shortens_lists: bool = False
    untouched_keys: tuple[Pattern, ...] = ()
    least_interval_s: Annotated[int, Meta(ge=0, le=3600)] = 0
    polls_meter_values_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    command_gap_s: Annotated[float, Meta(ge=0, le=120)] = 0.0
    longest_token: Annotated[int, Meta(ge=0, le=20)] = 0
    has_hex_tokens: bool = False
    replaces_station_profiles: bool = False
    least_current_a: Annotated[float, Meta(ge=0, le=100)] = 0.0
    highest_stack_level: Annotated[int, Meta(ge=0, le=100)] | None = None
    converts_limits_to_watts: bool = False
    learns_zero_limit: bool = False
    # when it speaks
    salvages_json: bool = False
    whole_seconds: bool = False
    free_tokens: tuple[Annotated[str, Meta(max_length=36)], ...] = ()
    token_pattern: Pattern | None = None  # a regular expression whose group "tag" is what counts
    completes_tokens: bool = False
    binds_by_connector: bool = False
    measurands: Mapping[Pattern, Pattern] = {}
    splits_measurands: bool = False
    scales: Mapping[Pattern, Decimal] = {}  # factor by measurand
    corrects_begin: bool = False
    learns_clock_offset: bool = False


class Quirk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One oddity, by the number under which it is known, counted and switched."""

    number: Annotated[int, Meta(ge=1, le=99_999)]
    group: Group
    title: Annotated[str, Meta(min_length=1, max_length=80)]
    who: Text
    odd: Text
    cope: Text
    reference: Text
    is_on: bool = True
    is_general: bool = False  # coped with whoever shows it; being met is what names the stations
    match: tuple[Match, ...] = ()
    does: Does = Does()
    source: str = ""  # the file it comes from


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a station when its quirks are chosen."""

    identity: str
    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None
    user_agent: str | None = None
    switched: Mapping[str, bool] | None = None  # by an operator: on or off, by number


class Why(StrEnum):
    """Why a quirk holds for a station, or does not."""

    OPERATOR = "operator"  # somebody switched it on or off for this station
    MODEL = "model"  # by vendor, model or firmware
    HANDSHAKE = "handshake"  # by identity or the program that it says it is
    MET = "met"  # it showed it


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """A quirk that holds for a station."""

    quirk: Quirk
    why: Why


class Effects(msgspec.Struct, frozen=True, kw_only=True):
    """What is done for one station, all its quirks together, and by which of them."""

    does: Does
    numbers: Mapping[str, int]  # of the quirk behind each thing that is done

    def number(self, name: str) -> int:
        """Return the quirk because of which `name` is done."""
        return self.numbers[name]


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """How often a station showed a quirk."""

    station_id: str
    number: int
    count: int
    first_at: datetime
    last_at: datetime


NOTHING: Final = Does()
NO_EFFECTS: Final = Effects(does=NOTHING, numbers={})
WHEN_CONNECTING: Final = frozenset(
    {
        "assumes_version",
        "pins_version",
        "ignores_probes",
        "switches_compression_off",
        "sends_no_pings",
        "offline_grace_s",
    }
)


def merge(chosen: tuple[Chosen, ...]) -> Effects:
    """Return what all these quirks do together; where two differ, the one that an operator switched on wins."""
    ordered = sorted(chosen, key=lambda one: (one.why is not Why.OPERATOR, one.quirk.number))
    done: dict[str, Any] = {}
    numbers: dict[str, int] = {}
    for one in ordered:
        for name in Does.__struct_fields__:
            value, usual = getattr(one.quirk.does, name), getattr(NOTHING, name)
            if value == usual:
                continue
            if name not in done:
                done[name], numbers[name] = value, one.quirk.number
            elif isinstance(value, tuple):
                done[name] = tuple(dict.fromkeys((*done[name], *value)))
            elif isinstance(value, Mapping):
                done[name] = {**value, **done[name]}
    return Effects(does=Does(**done), numbers=numbers) if done else NO_EFFECTS
