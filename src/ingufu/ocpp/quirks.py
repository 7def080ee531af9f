"""What is done about the quirks of one station on the way in and in answers; most stations have none of it."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import msgspec

from ingufu.charging.service import Charging
from ingufu.ocpp import quirk_numbers, quirk_samples
from ingufu.ocpp.lenient_json import repair
from ingufu.stations.quirks.model import NO_EFFECTS, NOTHING, WHEN_CONNECTING, Does, Effects

QUARTER_S: Final = 900
CLOSE_S: Final = 120  # a time this near to a quarter of an hour off is in another zone, and not late
ZONE_MAX_S: Final = 14 * 3600
PREFIX: Final = 15  # characters by which a card that came back longer is known again
WATCHED_S: Final = 300.0  # how long after a limit of nothing its effect is looked for
DRAWS_W: Final = 100.0

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_FRACTION: Final = re.compile(rb'(?<="currentTime":")(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+(?=Z")')
_LOCAL: Final = re.compile(r"\s*\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?\s*")
_WITH_TOKEN: Final = frozenset({"Authorize", "StartTransaction", "StopTransaction", "TransactionEvent"})
_WITH_SAMPLES: Final = frozenset({"MeterValues", "StopTransaction", "TransactionEvent"})
_LIVE: Final = frozenset({"StatusNotification", "Heartbeat"})

Json = Any  # whatever JSON holds


class Coping:
    """What is done for one station while it is connected, and what must be remembered for that."""

    def __init__(
        self, effects: Effects, met: Callable[[int], None], learn: Callable[[int, str], None], *, since: float = 0.0
    ) -> None:
        self.effects = effects
        self.since = since  # monotonic, of its connection
        self.boot = asyncio.Event()  # set by its boot on this connection
        self.values_at: float | None = None  # when meter values last came by themselves, monotonic
        self.commanded_at: float | None = None  # when it was last asked to start or stop
        self.asked_token: str | None = None  # of the latest remote start
        self._met = met
        self._learn = learn
        self._binding = quirk_numbers.Binding()
        self._starts_wh: list[Decimal] = []  # registers at which what runs there began
        self._offset_s = 0
        self._zero_limit_at: datetime | None = None

    @property
    def does(self) -> Does:
        return self.effects.does

    def note(self, name: str) -> None:
        """Count that the quirk behind `name` was met."""
        self._met(self.effects.number(name))

    # What comes in

    async def bind(self, action: str, payload: msgspec.Raw, charging: Charging, station_id: str) -> msgspec.Raw:
        """Return a request's payload with the number of the transaction that it means. Raises Unavailable."""
        if action not in quirk_numbers.ACTIONS or not (self.does.binds_by_connector or self.does.corrects_begin):
            return payload
        running = await charging.running_on(station_id)
        self._starts_wh = [one.start_wh for one in running if one.start_wh]
        plain = _parse(payload) if self.does.binds_by_connector else None
        if not isinstance(plain, dict) or not await self._binding.bind(action, plain, running, charging, station_id):
            return payload
        self.note("binds_by_connector")
        return _encoded(plain, payload)

    def mend(self, action: str, payload: msgspec.Raw, received_at: datetime) -> msgspec.Raw:
        """Return a request's payload as the station must have meant it; as it is if that cannot be told."""
        if self._zero_limit_at is not None:
            self._watch(action, payload, received_at)
        steps = [do for name, actions, do in _STEPS if action in actions and getattr(self.does, name)]
        if not steps:
            return payload
        plain = _parse(payload)
        if not isinstance(plain, dict):
            return payload
        has_changed = False
        for do in steps:
            has_changed = do(self, action, plain, received_at) or has_changed
        return _encoded(plain, payload) if has_changed else payload

    def salvage(self, frame: bytes) -> bytes | None:
        """Return what is whole of a frame that is no JSON, None if nothing is, or if that is not this station's way."""
        if not self.does.salvages_json:
            return None
        whole = repair(frame)
        if whole is not None:
            self.note("salvages_json")
        return whole

    def is_free(self, token: str) -> bool:
        """Return whether this card stands for charging that needs none."""
        free = self.does.free_tokens
        if not free or token.strip().casefold() not in {one.casefold() for one in free}:
            return False
        self.note("free_tokens")
        return True

    # What goes out

    def mend_reply(self, payload: bytes) -> bytes:
        """Return the payload of an answer in the form that the station can read."""
        if self.does.whole_seconds and b'"currentTime"' in payload:
            self.note("whole_seconds")
            return _FRACTION.sub(rb"\1", payload)
        return payload

    def asked(self, action: str, payload: bytes) -> None:
        """Remember which card a remote start names."""
        if action == "RemoteStartTransaction" and self.does.completes_tokens:
            plain = _parse(payload)
            token = plain.get("idTag") if isinstance(plain, dict) else None
            self.asked_token = token if isinstance(token, str) else None

    def limited_to_nothing(self, at: datetime) -> None:
        """Watch from now on what a limit of 0 does to this model."""
        self._zero_limit_at = at

    # The steps; each changes `plain` and returns whether it did.

    def _cut_token(self, action: str, plain: dict[str, Json], _: datetime) -> bool:
        del action
        pattern, holder, name = self.does.token_pattern, *_token_of(plain)
        found = re.fullmatch(pattern, holder[name].strip()) if pattern and holder is not None else None
        if found is None or holder is None:
            return False
        holder[name] = found["tag"]
        self.note("token_pattern")
        return True

    def _complete_token(self, action: str, plain: dict[str, Json], _: datetime) -> bool:
        del action
        holder, name = _token_of(plain)
        asked = self.asked_token
        if holder is None or asked is None or holder[name] == asked or len(asked) < PREFIX:
            return False
        if not holder[name].casefold().startswith(asked[:PREFIX].casefold()):
            return False
        holder[name] = asked
        self.note("completes_tokens")
        return True

    def _rename(self, action: str, plain: dict[str, Json], _: datetime) -> bool:
        del action
        changed = [quirk_samples.rename(one, self.does.measurands) for one in quirk_samples.samples_in(plain)]
        return self._noted("measurands", any(changed))

    def _split(self, action: str, plain: dict[str, Json], _: datetime) -> bool:
        del action
        changed = [quirk_samples.split(one) for one in quirk_samples.samples_in(plain)]
        return self._noted("splits_measurands", any(changed))

    def _scale(self, action: str, plain: dict[str, Json], _: datetime) -> bool:
        del action
        changed = [quirk_samples.scale(one, self.does.scales) for one in quirk_samples.samples_in(plain)]
        return self._noted("scales", any(changed))

    def _correct_begin(self, action: str, plain: dict[str, Json], _: datetime) -> bool:
        del action
        changed = [quirk_samples.correct_begin(one, self._starts_wh) for one in quirk_samples.samples_in(plain)]
        return self._noted("corrects_begin", any(changed))

    def _shift(self, action: str, plain: dict[str, Json], received_at: datetime) -> bool:
        if action == "StatusNotification":
            self._learn_offset(plain.get("timestamp"), received_at)
        changed = [_shift_time(holder, self._offset_s) for holder in _times_in(plain)]
        return self._noted("learns_clock_offset", any(changed))

    def _hear_values(self, action: str, plain: dict[str, Json], received_at: datetime) -> bool:
        del action, plain
        self.values_at = received_at.timestamp()
        return False

    # What is remembered

    def _noted(self, name: str, has_changed: bool) -> bool:  # noqa: FBT001 - what came of a step
        if has_changed:
            self.note(name)
        return has_changed

    def _learn_offset(self, text: Json, received_at: datetime) -> None:
        if not isinstance(text, str) or not _LOCAL.fullmatch(text):
            return
        try:
            told = datetime.fromisoformat(text.strip().replace(" ", "T").upper())
        except ValueError:
            return
        off_s = (told - received_at.replace(tzinfo=None)).total_seconds()
        zone_s = round(off_s / QUARTER_S) * QUARTER_S
        if abs(off_s - zone_s) <= CLOSE_S and abs(zone_s) <= ZONE_MAX_S:
            self._offset_s = zone_s

    def _watch(self, action: str, payload: msgspec.Raw, received_at: datetime) -> None:
        """Learn what came of a limit of 0: by the first status, stop or power that tells."""
        since = self._zero_limit_at
        if since is None or (received_at - since).total_seconds() > WATCHED_S:
            self._zero_limit_at = None
            return
        plain = _parse(payload)
        lesson = _lesson_of(action, plain, (received_at - since).total_seconds()) if isinstance(plain, dict) else None
        if lesson is not None:
            self._zero_limit_at = None
            self.note("learns_zero_limit")
            self._learn(self.effects.number("learns_zero_limit"), lesson)


def needs_coping(effects: Effects) -> bool:
    """Return whether anything is to be done for the station while it is connected, and not only at the door."""
    return effects is not NO_EFFECTS and any(
        getattr(effects.does, name) != getattr(NOTHING, name)
        for name in Does.__struct_fields__
        if name not in WHEN_CONNECTING
    )


_Step = Callable[[Coping, str, dict[str, Json], datetime], bool]
_STEPS: Final[tuple[tuple[str, frozenset[str], _Step], ...]] = (
    ("polls_meter_values_s", frozenset({"MeterValues"}), Coping._hear_values),  # noqa: SLF001 - the table is the class's
    ("token_pattern", _WITH_TOKEN, Coping._cut_token),  # noqa: SLF001
    ("completes_tokens", _WITH_TOKEN, Coping._complete_token),  # noqa: SLF001
    ("measurands", _WITH_SAMPLES, Coping._rename),  # noqa: SLF001
    ("splits_measurands", _WITH_SAMPLES, Coping._split),  # noqa: SLF001
    ("scales", _WITH_SAMPLES, Coping._scale),  # noqa: SLF001
    ("corrects_begin", _WITH_SAMPLES, Coping._correct_begin),  # noqa: SLF001
    (
        "learns_clock_offset",
        frozenset({"StatusNotification", "StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent"}),
        Coping._shift,  # noqa: SLF001
    ),
)

_ENDED: Final[Mapping[str, str]] = MappingProxyType(
    {"SuspendedEVSE": "pauses", "Finishing": "ends", "Available": "ends"}
)


def _lesson_of(action: str, plain: dict[str, Json], after_s: float) -> str | None:
    if action == "StatusNotification":
        return _ENDED.get(str(plain.get("status")))
    if action == "StopTransaction":
        return "ends"
    if action == "MeterValues" and after_s >= 30:
        powers = [quirk_samples.power_w(one) for one in quirk_samples.samples_in(plain)]
        if any(power is not None and power > DRAWS_W for power in powers):
            return "ignored"
    return None


def _encoded(plain: dict[str, Json], payload: msgspec.Raw) -> msgspec.Raw:
    """Return what was changed as JSON; what cannot be written (an integer beyond 64 bits) stays as it came."""
    try:
        return msgspec.Raw(_ENCODER.encode(plain))
    except (ValueError, ArithmeticError, RecursionError):
        return payload


def _parse(payload: msgspec.Raw | bytes) -> Json:
    try:
        return json.loads(bytes(payload), parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return None


def _token_of(plain: dict[str, Json]) -> tuple[dict[str, Json] | None, str]:
    """Return what holds the card of a request, and under which name; None if there is no text."""
    if isinstance(plain.get("idTag"), str):
        return plain, "idTag"
    token = plain.get("idToken")
    if isinstance(token, dict) and isinstance(token.get("idToken"), str):
        return token, "idToken"
    return None, ""


def _times_in(plain: dict[str, Json]) -> list[dict[str, Json]]:
    values = [*_listed(plain.get("meterValue")), *_listed(plain.get("transactionData"))]
    return [holder for holder in (plain, *values) if isinstance(holder, dict) and "timestamp" in holder]


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _shift_time(holder: dict[str, Json], offset_s: int) -> bool:
    text = holder["timestamp"]
    if not offset_s or not isinstance(text, str) or not _LOCAL.fullmatch(text):
        return False
    try:
        told = datetime.fromisoformat(text.strip().replace(" ", "T").upper())
        holder["timestamp"] = (told - timedelta(seconds=offset_s)).isoformat(timespec="milliseconds") + "Z"
    except (ValueError, OverflowError):
        return False
    return True
