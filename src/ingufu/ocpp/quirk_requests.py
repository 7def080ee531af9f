"""What is done about a station's quirks in what we ask of it: requests changed, split, held back, answers tidied."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final

import msgspec

from ingufu.stations.quirks.model import Does, Effects

VOLTS: Final = 230
KNOWN_KEYS_AT_ONCE: Final = 10
# OCPP 1.6, section 9: what every station has, in each of its profiles.
KNOWN_KEYS: Final = (
    "AllowOfflineTxForUnknownId", "AuthorizationCacheEnabled", "AuthorizeRemoteTxRequests", "BlinkRepeat",
    "ClockAlignedDataInterval", "ConnectionTimeOut", "ConnectorPhaseRotation", "ConnectorPhaseRotationMaxLength",
    "GetConfigurationMaxKeys", "HeartbeatInterval", "LightIntensity", "LocalAuthorizeOffline", "LocalPreAuthorize",
    "MaxEnergyOnInvalidId", "MeterValuesAlignedData", "MeterValuesAlignedDataMaxLength", "MeterValuesSampledData",
    "MeterValuesSampledDataMaxLength", "MeterValueSampleInterval", "MinimumStatusDuration", "NumberOfConnectors",
    "ResetRetries", "StopTransactionOnEVSideDisconnect", "StopTransactionOnInvalidId", "StopTxnAlignedData",
    "StopTxnAlignedDataMaxLength", "StopTxnSampledData", "StopTxnSampledDataMaxLength", "SupportedFeatureProfiles",
    "SupportedFeatureProfilesMaxLength", "TransactionMessageAttempts", "TransactionMessageRetryInterval",
    "UnlockConnectorOnEVSideDisconnect", "WebSocketPingInterval", "LocalAuthListEnabled", "LocalAuthListMaxLength",
    "SendLocalListMaxLength", "ReserveConnectorZeroSupported", "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit", "ChargingScheduleMaxPeriods", "ConnectorSwitch3to1PhaseSupported",
    "MaxChargingProfilesInstalled",
)  # fmt: skip
_INTERVALS: Final = frozenset({"MeterValueSampleInterval", "ClockAlignedDataInterval"})
_LISTS: Final = re.compile(r"(SampledData|AlignedData)$")
_RATE_KEY: Final = "ChargingScheduleAllowedChargingRateUnit"
_RATES: Final = MappingProxyType({"w": "Power", "power": "Power", "a": "Current", "current": "Current"})
_HEX: Final = re.compile(r"[0-9A-Fa-f]*")

Json = Any  # whatever JSON holds


class Held(msgspec.Struct, frozen=True):
    """A request that is not sent: because of which quirk, and why."""

    number: int
    why: str


class Plan(msgspec.Struct, frozen=True):
    """What to send instead of a request: one or several payloads, and the quirks that made it so."""

    payloads: tuple[bytes, ...]
    numbers: tuple[int, ...] = ()


def plan(effects: Effects, action: str, payload: bytes, *, lesson: str | None = None) -> Plan | Held:
    """Return what to send. `lesson` is what is known of limits of 0 on this model.

    What was asked for and would be harmful is held back rather than changed into something else.
    """
    planner = _PLANNERS.get(action)
    plain = _parse(payload) if planner is not None else None
    if planner is None or not isinstance(plain, dict):
        return Plan((payload,))
    planning = _Planning(effects, lesson)
    held = planner(planning, plain)
    if held is not None:
        return held
    if not planning.numbers:
        return Plan((payload,))
    return Plan(tuple(_encode(one) for one in planning.split or (plain,)), tuple(dict.fromkeys(planning.numbers)))


def has_zero_limit(payload: bytes) -> bool:
    """Return whether a charging profile in a request allows nothing at some time."""
    plain = _parse(payload)
    return isinstance(plain, dict) and any(
        period.get("limit") == 0 for profile in _profiles(plain) for period in _periods(profile)
    )


def shorter(payload: bytes) -> bytes | None:
    """Return a ChangeConfiguration of a list of measurands without its last one; None if none would be left."""
    plain = _parse(payload)
    if not isinstance(plain, dict) or not _LISTS.search(str(plain.get("key"))):
        return None
    items = [item for item in str(plain.get("value")).split(",") if item.strip()]
    return _encode({**plain, "value": ",".join(items[:-1])}) if len(items) > 1 else None


def as_default_profile(payload: bytes) -> bytes | None:
    """Return a SetChargingProfile for the whole station as one for each transaction; None if it is none."""
    plain = _parse(payload)
    profile = plain.get("csChargingProfiles") if isinstance(plain, dict) else None
    if not isinstance(profile, dict) or profile.get("chargingProfilePurpose") != "ChargePointMaxProfile":
        return None
    return _encode({**plain, "csChargingProfiles": {**profile, "chargingProfilePurpose": "TxDefaultProfile"}})


def for_first_connector(payload: bytes) -> bytes | None:
    """Return a ChangeAvailability of the whole station (connector 0) as one of connector 1; None if it is none."""
    plain = _parse(payload)
    if not isinstance(plain, dict) or plain.get("connectorId") != 0:
        return None
    return _encode({**plain, "connectorId": 1})


def status_of(payload: bytes | msgspec.Raw | None) -> str:
    """Return the status in an answer, empty if there is none."""
    plain = _parse(bytes(payload or b""))
    return str(plain.get("status", "")) if isinstance(plain, dict) else ""


def is_without_keys(payload: bytes | msgspec.Raw | None) -> bool:
    """Return whether an answer to GetConfiguration tells of no key at all."""
    plain = _parse(bytes(payload or b""))
    return isinstance(plain, dict) and not plain.get("configurationKey") and not plain.get("unknownKey")


def asks_for_all(payload: bytes) -> bool:
    """Return whether a GetConfiguration names no keys."""
    plain = _parse(payload)
    return isinstance(plain, dict) and not plain.get("key")


def ask_known(at_once: int) -> tuple[bytes, ...]:
    """Return GetConfigurations for the keys of the standard, so many in each."""
    return tuple(
        _encode({"key": list(KNOWN_KEYS[begin : begin + at_once])}) for begin in range(0, len(KNOWN_KEYS), at_once)
    )


def join_answers(payloads: list[bytes]) -> bytes:
    """Return the answers to several GetConfigurations as one."""
    known: list[Json] = []
    unknown: list[Json] = []
    for payload in payloads:
        plain = _parse(payload)
        if isinstance(plain, dict):
            known += [one for one in plain.get("configurationKey") or () if isinstance(one, dict)]
            unknown += plain.get("unknownKey") or ()
    joined: dict[str, Json] = {"configurationKey": known}
    return _encode(joined | ({"unknownKey": unknown} if unknown else {}))


def tidy_answer(payload: bytes, does: Does, asked: bytes) -> bytes:
    """Return an answer to GetConfiguration as the standard has it, or without what cannot be believed."""
    plain = _parse(payload)
    if not isinstance(plain, dict):
        return payload
    if does.distrusts_configuration:
        names = [str(one.get("key", ""))[:50] for one in plain.get("configurationKey") or () if isinstance(one, dict)]
        return _encode({"configurationKey": [], "unknownKey": [name for name in names if name]})
    if does.tidies_configuration:
        return _encode(_tidied(plain, asked))
    return payload


def _tidied(plain: dict[str, Json], asked: bytes) -> dict[str, Json]:
    keys = [dict(one) for one in plain.get("configurationKey") or () if isinstance(one, dict)]
    for one in keys:
        if isinstance(one.get("value"), str):
            items = [item.strip() for item in one["value"].split(",")]
            if one.get("key") == _RATE_KEY:
                items = [_RATES.get(item.lower(), item) for item in items]
            one["value"] = ",".join(items)
    names = {one.get("key") for one in keys}
    wanted = _parse(asked)
    is_asked = asks_for_all(asked) or (isinstance(wanted, dict) and _RATE_KEY in (wanted.get("key") or ()))
    if is_asked and _RATE_KEY not in names:
        keys.append({"key": _RATE_KEY, "readonly": True, "value": "Current"})
    unknown = [one for one in plain.get("unknownKey") or () if one != _RATE_KEY]
    return {"configurationKey": keys} | ({"unknownKey": unknown} if unknown else {})


class _Planning:
    """One request being looked at."""

    def __init__(self, effects: Effects, lesson: str | None) -> None:
        self.effects = effects
        self.does = effects.does
        self.lesson = lesson
        self.numbers: list[int] = []
        self.split: tuple[dict[str, Json], ...] = ()

    def note(self, name: str) -> None:
        self.numbers.append(self.effects.number(name))

    def held(self, name: str, why: str) -> Held:
        return Held(self.effects.number(name), why)

    def is_untouched(self, key: Json) -> bool:
        return any(fnmatchcase(str(key).casefold(), one.casefold()) for one in self.does.untouched_keys)


def _get_configuration(planning: _Planning, plain: dict[str, Json]) -> Held | None:
    keys = plain.get("key")
    if not isinstance(keys, list):
        keys = []
    if "*" not in planning.does.untouched_keys and any(planning.is_untouched(key) for key in keys):
        keys = [key for key in keys if not planning.is_untouched(key)]
        if not keys:
            return planning.held("untouched_keys", "this station is harmed by being asked for it")
        planning.note("untouched_keys")
        planning.split = ({"key": keys},)
    at_once = planning.does.keys_at_once
    if at_once and not keys:
        keys = [key for key in KNOWN_KEYS if not planning.is_untouched(key)]
    if at_once and len(keys) > at_once:
        planning.note("keys_at_once")
        planning.split = tuple({"key": keys[begin : begin + at_once]} for begin in range(0, len(keys), at_once))
    return None


def _change_configuration(planning: _Planning, plain: dict[str, Json]) -> Held | None:
    key, value = plain.get("key"), str(plain.get("value"))
    if planning.is_untouched(key):
        return planning.held("untouched_keys", f"this station cannot bear a change of {str(key)[:50]}")
    least = planning.does.least_interval_s
    if least and key in _INTERVALS and value.isascii() and value.isdigit() and 0 < int(value[:9]) < least:
        plain["value"] = str(least)
        planning.note("least_interval_s")
    return None


def _trigger(planning: _Planning, plain: dict[str, Json]) -> Held | None:
    if planning.does.never_triggers_boot and plain.get("requestedMessage") == "BootNotification":
        return planning.held("never_triggers_boot", "this station restarts when it is asked to boot")
    return None


def _remote_start(planning: _Planning, plain: dict[str, Json]) -> Held | None:
    token = str(plain.get("idTag", ""))
    longest = planning.does.longest_token
    if longest and len(token) > longest:
        return planning.held("longest_token", f"this station mangles cards of more than {longest} characters")
    if planning.does.has_hex_tokens and not _HEX.fullmatch(token):
        return planning.held("has_hex_tokens", "this station takes cards of hexadecimal digits only")
    return _profile(planning, plain)


def _profile(planning: _Planning, plain: dict[str, Json]) -> Held | None:
    """Fit the charging profiles of a request to what the station takes; limits are only ever lowered."""
    for profile in _profiles(plain):
        highest = planning.does.highest_stack_level
        if highest is not None and isinstance(profile.get("stackLevel"), int) and profile["stackLevel"] > highest:
            profile["stackLevel"] = highest
            planning.note("highest_stack_level")
        for schedule in _schedules(profile):
            _lower(planning, schedule)
            _to_watts(planning, schedule)
        is_harmful = planning.does.learns_zero_limit and planning.lesson == "ends"
        if is_harmful and any(period.get("limit") == 0 for period in _periods(profile)):
            return planning.held("learns_zero_limit", "a limit of 0 ended the charging on this model before")
    return None


def _lower(planning: _Planning, schedule: dict[str, Json]) -> None:
    least = planning.does.least_current_a
    if not least or schedule.get("chargingRateUnit") not in ("A", "W"):
        return
    for period in _listed(schedule, "chargingSchedulePeriod"):
        per_ampere = 1 if schedule["chargingRateUnit"] == "A" else VOLTS * _phases(period)
        limit = period.get("limit")
        if isinstance(limit, int | Decimal) and 0 < limit < Decimal(str(least)) * per_ampere:
            period["limit"] = 0
            planning.note("least_current_a")


def _to_watts(planning: _Planning, schedule: dict[str, Json]) -> None:
    if not planning.does.converts_limits_to_watts or schedule.get("chargingRateUnit") != "A":
        return
    schedule["chargingRateUnit"] = "W"
    for period in _listed(schedule, "chargingSchedulePeriod"):
        if isinstance(period.get("limit"), int | Decimal):
            period["limit"] = period["limit"] * VOLTS * _phases(period)
    least = schedule.get("minChargingRate")
    if isinstance(least, int | Decimal):
        schedule["minChargingRate"] = least * VOLTS * 3
    planning.note("converts_limits_to_watts")


def _phases(period: dict[str, Json]) -> int:
    phases = period.get("numberPhases", 3)
    return phases if phases in (1, 2, 3) else 3


def _profiles(plain: dict[str, Json]) -> Iterator[dict[str, Json]]:
    for name in ("csChargingProfiles", "chargingProfile"):
        if isinstance(plain.get(name), dict):
            yield plain[name]


def _schedules(profile: dict[str, Json]) -> list[dict[str, Json]]:
    found = profile.get("chargingSchedule")
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


def _periods(profile: dict[str, Json]) -> Iterator[dict[str, Json]]:
    for schedule in _schedules(profile):
        yield from _listed(schedule, "chargingSchedulePeriod")


def _listed(holder: dict[str, Json], name: str) -> list[dict[str, Json]]:
    found = holder.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


_PLANNERS: Final[Mapping[str, Callable[[_Planning, dict[str, Json]], Held | None]]] = MappingProxyType(
    {
        "GetConfiguration": _get_configuration,
        "ChangeConfiguration": _change_configuration,
        "TriggerMessage": _trigger,
        "ExtendedTriggerMessage": _trigger,
        "RemoteStartTransaction": _remote_start,
        "RequestStartTransaction": _profile,
        "SetChargingProfile": _profile,
    }
)


def _parse(payload: bytes) -> Json:
    try:
        return json.loads(payload, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return None


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def _encode(plain: Json) -> bytes:
    return _ENCODER.encode(plain)
