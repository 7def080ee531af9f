"""The configuration keys of a simulated 1.6 station: values, who may write, what needs a reboot."""

from collections.abc import Iterable

import msgspec

from ingufu.simulator.dialect import Settings
from ingufu.simulator.peer import Retry
from ingufu.simulator.spec import StationSpec
from ingufu.simulator.vendors import Manner

MAX_KEYS = 50
SAMPLE_MEASURANDS = frozenset(
    {
        "Energy.Active.Import.Register",
        "Energy.Active.Import.Interval",
        "Power.Active.Import",
        "Power.Offered",
        "Current.Import",
        "Current.Offered",
        "Voltage",
        "Frequency",
        "SoC",
        "Temperature",
    }
)
_MEASURAND_KEYS = frozenset(
    {"MeterValuesSampledData", "MeterValuesAlignedData", "StopTxnSampledData", "StopTxnAlignedData"}
)
_NUMBERS = frozenset(
    {
        "BlinkRepeat",
        "ClockAlignedDataInterval",
        "ConnectionTimeOut",
        "HeartbeatInterval",
        "LightIntensity",
        "MaxEnergyOnInvalidId",
        "MeterValueSampleInterval",
        "MinimumStatusDuration",
        "ResetRetries",
        "TransactionMessageAttempts",
        "TransactionMessageRetryInterval",
        "WebSocketPingInterval",
    }
)


class Key(msgspec.Struct, frozen=True):
    """A configuration key as it leaves the factory."""

    value: str
    is_readonly: bool = False
    needs_reboot: bool = False
    is_secret: bool = False


class Configuration:
    """The factory's keys, which all stations of a kind share in effect, and this station's changes."""

    __slots__ = ("_changed", "_settings", "_spec")

    def __init__(self, spec: StationSpec) -> None:
        self._spec = spec
        self._changed: dict[str, str] = {}
        self._settings: Settings | None = None

    def keys(self) -> dict[str, Key]:
        """Return all readable keys with their present values."""
        keys = _factory(self._spec)
        for name, value in self._changed.items():
            keys[name] = msgspec.structs.replace(keys[name], value=value)
        return {name: key for name, key in keys.items() if not key.is_secret}

    def change(self, name: str, value: str) -> str:
        """Set a key; return the status word of ChangeConfiguration."""
        keys = _factory(self._spec)
        known = _find(keys, name)
        if known is None:
            return "NotSupported"
        key = keys[known]
        if key.is_readonly or not _is_valid(known, value):
            return "Rejected"
        self.put(known, value)
        return "RebootRequired" if key.needs_reboot else "Accepted"

    def put(self, name: str, value: str) -> None:
        """Set a known key whoever may write it."""
        self._changed[name] = value
        self._settings = None

    def named(self, names: Iterable[str]) -> tuple[dict[str, Key], list[str]]:
        """Return the keys of those names, and the names that are unknown."""
        keys = self.keys()
        found: dict[str, Key] = {}
        unknown: list[str] = []
        for name in names:
            known = _find(keys, name)
            if known is None:
                unknown.append(name)
            else:
                found[known] = keys[known]
        return found, unknown

    def settings(self) -> Settings:
        """Return what the keys mean."""
        if self._settings is None:
            self._settings = _settings({name: key.value for name, key in self.keys().items()})
        return self._settings


def _find(keys: Iterable[str], name: str) -> str | None:
    """Return the key of that name, whatever its case (CiString)."""
    folded = name.casefold()
    return next((known for known in keys if known.casefold() == folded), None)


def _is_valid(name: str, value: str) -> bool:
    if name in _NUMBERS:
        return value.isdecimal()
    if name in _MEASURAND_KEYS:
        return all(part.strip() in SAMPLE_MEASURANDS for part in value.split(",") if part.strip())
    if name == "AuthorizationKey":
        return len(value) % 2 == 0 and 32 <= len(value) <= 40 and all(c in "0123456789abcdefABCDEF" for c in value)
    if name.startswith(("Allow", "Authorize", "Local", "Stop", "Unlock")) and "Txn" not in name:
        return value.lower() in ("true", "false")
    return True


def _settings(values: dict[str, str]) -> Settings:
    def number(name: str) -> float:
        return float(values.get(name) or 0)

    def flag(name: str) -> bool:
        return values.get(name, "").lower() == "true"

    def names(key: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in values.get(key, "").split(",") if part.strip())

    return Settings(
        heartbeat_s=number("HeartbeatInterval"),
        sample_s=number("MeterValueSampleInterval"),
        aligned_s=number("ClockAlignedDataInterval"),
        connection_timeout_s=number("ConnectionTimeOut"),
        stops_on_invalid=flag("StopTransactionOnInvalidId"),
        stops_on_unplug=flag("StopTransactionOnEVSideDisconnect"),
        authorizes_remote=flag("AuthorizeRemoteTxRequests"),
        authorizes_offline=flag("LocalAuthorizeOffline"),
        allows_unknown_offline=flag("AllowOfflineTxForUnknownId"),
        retry=Retry(int(number("TransactionMessageAttempts")), number("TransactionMessageRetryInterval")),
        ping_s=number("WebSocketPingInterval"),
        measurands=names("MeterValuesSampledData"),
        aligned_measurands=names("MeterValuesAlignedData"),
        ended_measurands=names("StopTxnSampledData"),
        signs_readings=flag("SampledDataSignReadings"),
    )


def _profiles(manner: Manner) -> str:
    names = ["Core", "RemoteTrigger"]
    names += ["FirmwareManagement"] if manner.has_firmware else []
    names += ["LocalAuthListManagement"] if manner.has_local_list else []
    names += ["Reservation"] if manner.has_reservations else []
    names += ["SmartCharging"] if manner.has_smart_charging else []
    return ",".join(names)


def _factory(spec: StationSpec) -> dict[str, Key]:
    manner = spec.manner
    count = len(spec.evses)
    measurands = [name for name in manner.measurands if name != "SoC" or any(evse.is_dc for evse in spec.evses)]
    keys = {
        "AllowOfflineTxForUnknownId": Key("false"),
        "AuthorizeRemoteTxRequests": Key("false"),
        "ClockAlignedDataInterval": Key(str(manner.aligned_interval_s)),
        "ConnectionTimeOut": Key("60"),
        "ConnectorPhaseRotation": Key(",".join(f"{evse.evse}.RST" for evse in spec.evses)),
        "GetConfigurationMaxKeys": Key(str(MAX_KEYS), is_readonly=True),
        "HeartbeatInterval": Key(str(manner.heartbeat_default_s)),
        "LocalAuthorizeOffline": Key("true"),
        "LocalPreAuthorize": Key("false"),
        "MeterValueSampleInterval": Key(str(manner.sample_interval_s)),
        "MeterValuesAlignedData": Key(",".join(manner.aligned_measurands)),
        "MeterValuesSampledData": Key(",".join(measurands)),
        "NumberOfConnectors": Key(str(count), is_readonly=True),
        "ResetRetries": Key("3"),
        "SampledDataSignReadings": Key("false"),
        "StopTransactionOnEVSideDisconnect": Key("true"),
        "StopTransactionOnInvalidId": Key("true"),
        "StopTxnAlignedData": Key(""),
        "StopTxnSampledData": Key(",".join(manner.ended_measurands) if manner.transaction_data else ""),
        "SupportedFeatureProfiles": Key(_profiles(manner), is_readonly=True),
        "TransactionMessageAttempts": Key(str(manner.message_attempts)),
        "TransactionMessageRetryInterval": Key(f"{manner.retry_interval_s:g}"),
        "UnlockConnectorOnEVSideDisconnect": Key("true"),
        "WebSocketPingInterval": Key(str(manner.ping_interval_s)),
        "AuthorizationKey": Key("", is_secret=True),
        "SecurityProfile": Key("0" if spec.password is None else "1", is_readonly=True),
        "CpoName": Key("Ingufu"),
        "LightIntensity": Key("80"),
        "MeterType": Key("Simulated MID meter", is_readonly=True),
    }
    if manner.has_local_list:
        keys["LocalAuthListEnabled"] = Key("true", needs_reboot=True)
        keys["LocalAuthListMaxLength"] = Key("500", is_readonly=True)
        keys["SendLocalListMaxLength"] = Key("100", is_readonly=True)
    if manner.has_smart_charging:
        keys["ChargeProfileMaxStackLevel"] = Key("8", is_readonly=True)
        keys["ChargingScheduleAllowedChargingRateUnit"] = Key("Current,Power", is_readonly=True)
        keys["ChargingScheduleMaxPeriods"] = Key("24", is_readonly=True)
        keys["MaxChargingProfilesInstalled"] = Key("10", is_readonly=True)
    if manner.has_reservations:
        keys["ReserveConnectorZeroSupported"] = Key("false", is_readonly=True)
    return keys
