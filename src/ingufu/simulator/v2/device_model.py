"""The device model of a simulated 2.x station: components and variables, read, written and reported."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ingufu.simulator.dialect import Settings
from ingufu.simulator.peer import Payload, Retry
from ingufu.simulator.station import Station
from ingufu.simulator.vendors import Version

ITEMS_PER_MESSAGE = 20
NETWORK_SLOTS = (1, 2, 3)
READ_WRITE = "ReadWrite"
READ_ONLY = "ReadOnly"
WRITE_ONLY = "WriteOnly"

Place = tuple[str, str | None, int | None, int | None]  # component, instance, EVSE, connector
Name = tuple[str, str | None]  # variable, instance


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A variable of a component; `value` may be asked of the station at the moment of reading."""

    place: Place
    name: Name
    value: str | Callable[[], str]
    kind: str = "string"
    mutability: str = READ_ONLY
    unit: str | None = None
    choices: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    needs_reboot: bool = False

    @property
    def key(self) -> tuple[Place, Name]:
        return self.place, self.name

    def read(self) -> str:
        return self.value() if callable(self.value) else self.value

    def accepts(self, text: str) -> bool:
        """Return whether the text is a value of this kind."""
        if self.kind == "boolean":
            return text.lower() in ("true", "false")
        if self.kind in ("integer", "decimal"):
            return self._is_number(text)
        if self.kind == "OptionList":
            return self.choices is None or text in self.choices.split(",")
        if self.kind in ("MemberList", "SequenceList"):
            parts = [part.strip() for part in text.split(",") if part.strip()]
            return self.choices is None or all(part in self.choices.split(",") for part in parts)
        return self.maximum is None or len(text) <= self.maximum

    def _is_number(self, text: str) -> bool:
        try:
            number = int(text) if self.kind == "integer" else float(text)
        except ValueError:
            return False
        return (self.minimum is None or number >= self.minimum) and (self.maximum is None or number <= self.maximum)


class DeviceModel:
    """The variables as built in, and what was changed on this station."""

    __slots__ = ("_changed", "_settings", "_station")

    def __init__(self, station: Station) -> None:
        self._station = station
        self._changed: dict[tuple[Place, Name], str] = {}
        self._settings: Settings | None = None

    def variables(self) -> Iterator[Variable]:
        """Yield every variable with its present value."""
        for variable in _built_in(self._station):
            changed = self._changed.get(variable.key)
            yield variable if changed is None else msgspec.structs.replace(variable, value=changed)

    def get(self, wire: Payload) -> Payload:
        """Answer one element of GetVariables."""
        result: Payload = {"component": wire["component"], "variable": wire["variable"]}
        kind = wire.get("attributeType", "Actual")
        result["attributeType"] = kind
        found, status = self._find(wire)
        if found is not None and kind != "Actual":
            status = "NotSupportedAttributeType"
        elif found is not None and found.mutability == WRITE_ONLY:
            status = "Rejected"
        elif found is not None:
            result["attributeValue"] = found.read()[:1000]
        return {"attributeStatus": status, **result}

    def set(self, wire: Payload) -> Payload:
        """Carry out one element of SetVariables."""
        result: Payload = {"component": wire["component"], "variable": wire["variable"]}
        kind = wire.get("attributeType", "Actual")
        found, status = self._find(wire)
        text = str(wire["attributeValue"])
        if found is not None:
            if kind != "Actual":
                status = "NotSupportedAttributeType"
            elif found.mutability == READ_ONLY or not found.accepts(text):
                status = "Rejected"
            else:
                self._changed[found.key] = text
                self._settings = None
                status = "RebootRequired" if found.needs_reboot else "Accepted"
        return {"attributeStatus": status, "attributeType": kind, **result}

    def put(self, component: str, name: str, value: str) -> None:
        """Set a variable of the station itself, whoever may write it."""
        self._changed[((component, None, None, None), (name, None))] = value
        self._settings = None

    def value(self, component: str, name: str) -> str:
        """Return a variable of the station itself, empty if there is none."""
        key = ((component, None, None, None), (name, None))
        return next((variable.read() for variable in self.variables() if variable.key == key), "")

    def settings(self) -> Settings:
        """Return what the variables mean."""
        if self._settings is None:
            self._settings = self._read_settings()
        return self._settings

    def _find(self, wire: Payload) -> tuple[Variable | None, str]:
        place, name = _place(wire["component"]), _name(wire["variable"])
        knows_component = False
        for variable in self.variables():
            if _folded(variable.place) == place:
                knows_component = True
                if _folded(variable.name) == name:
                    return variable, "Accepted"
        return None, "UnknownVariable" if knows_component else "UnknownComponent"

    def _read_settings(self) -> Settings:
        values = {
            (variable.place[0], variable.name[0]): variable.read()
            for variable in self.variables()
            if variable.place[2] is None
        }

        def number(component: str, name: str) -> float:
            return float(values.get((component, name)) or 0)

        def flag(component: str, name: str) -> bool:
            return values.get((component, name), "").lower() == "true"

        def names(component: str, name: str) -> tuple[str, ...]:
            return tuple(part for part in values.get((component, name), "").split(",") if part)

        return Settings(
            heartbeat_s=number("OCPPCommCtrlr", "HeartbeatInterval"),
            sample_s=number("SampledDataCtrlr", "TxUpdatedInterval"),
            aligned_s=number("AlignedDataCtrlr", "Interval"),
            connection_timeout_s=number("TxCtrlr", "EVConnectionTimeOut"),
            stops_on_invalid=flag("TxCtrlr", "StopTxOnInvalidId"),
            stops_on_unplug=flag("TxCtrlr", "StopTxOnEVSideDisconnect"),
            authorizes_remote=flag("AuthCtrlr", "AuthorizeRemoteStart"),
            authorizes_offline=flag("AuthCtrlr", "LocalAuthorizeOffline"),
            allows_unknown_offline=flag("AuthCtrlr", "OfflineTxForUnknownIdEnabled"),
            retry=Retry(
                int(number("OCPPCommCtrlr", "MessageAttempts")), number("OCPPCommCtrlr", "MessageAttemptInterval")
            ),
            ping_s=number("OCPPCommCtrlr", "WebSocketPingInterval"),
            measurands=names("SampledDataCtrlr", "TxUpdatedMeasurands"),
            aligned_measurands=names("AlignedDataCtrlr", "Measurands"),
            ended_measurands=names("SampledDataCtrlr", "TxEndedMeasurands"),
            start_points=frozenset(names("TxCtrlr", "TxStartPoint")),
            stop_points=frozenset(names("TxCtrlr", "TxStopPoint")),
        )


def report(variable: Variable) -> Payload:
    """Return one element of reportData."""
    attribute: Payload = {"type": "Actual", "mutability": variable.mutability, "persistent": True, "constant": False}
    if variable.mutability != WRITE_ONLY:
        attribute["value"] = variable.read()
    characteristics: Payload = {
        "dataType": variable.kind,
        "supportsMonitoring": variable.kind in ("decimal", "integer"),
    }
    for name, value in (
        ("unit", variable.unit),
        ("valuesList", variable.choices),
        ("minLimit", variable.minimum),
        ("maxLimit", variable.maximum),
    ):
        if value is not None:
            characteristics[name] = value
    return {
        "component": component(variable.place),
        "variable": _wire_name(variable.name),
        "variableAttribute": [attribute],
        "variableCharacteristics": characteristics,
    }


def component(place: Place) -> Payload:
    """Return a component as it is written."""
    name, instance, evse, connector = place
    wire: Payload = {"name": name}
    if instance is not None:
        wire["instance"] = instance
    if evse is not None:
        wire["evse"] = {"id": evse} if connector is None else {"id": evse, "connectorId": connector}
    return wire


def matches(variable: Variable, wanted: Payload) -> bool:
    """Return whether an element of componentVariable names this variable (all of a component if it names none)."""
    place = _place(wanted["component"])
    own = _folded(variable.place)
    if own[0] != place[0] or any(want is not None and have != want for have, want in zip(own, place, strict=True)):
        return False
    name = wanted.get("variable")
    return name is None or _folded(variable.name)[0] == str(name["name"]).casefold()


def _wire_name(name: Name) -> Payload:
    return {"name": name[0]} if name[1] is None else {"name": name[0], "instance": name[1]}


def _place(wire: dict[str, Any]) -> tuple[Any, ...]:
    evse = wire.get("evse") or {}
    return _folded((str(wire["name"]), wire.get("instance"), evse.get("id"), evse.get("connectorId")))


def _name(wire: dict[str, Any]) -> tuple[Any, ...]:
    return _folded((str(wire["name"]), wire.get("instance")))


def _folded(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(part.casefold() if isinstance(part, str) else part for part in parts)


def _built_in(station: Station) -> Iterator[Variable]:
    yield from _controllers(station)
    yield from _hardware(station)
    if station.spec.version is Version.V21:
        yield _controller("TxCtrlr", "SupportedLimits", "MaxEnergy,MaxTime,MaxSoC", "MemberList")
        yield _controller("AuthCtrlr", "SupportedIdTokenTypes", "ISO14443,Central,DirectPayment", "MemberList")


def _controller(name: str, variable: str, value: str, kind: str, mutability: str = READ_ONLY, **more: Any) -> Variable:
    instance = more.pop("instance", None)
    return Variable(
        place=(name, None, None, None), name=(variable, instance), value=value, kind=kind, mutability=mutability, **more
    )


_MEASURANDS = (
    "Energy.Active.Import.Register,Energy.Active.Import.Interval,Power.Active.Import,Power.Offered,Current.Import,"
    "Current.Offered,Voltage,Frequency,SoC"
)
_POINTS = "ParkingBayOccupancy,EVConnected,Authorized,PowerPathClosed,EnergyTransfer"
_TABLE: tuple[tuple[str, str, str | None, str, str, str, str | None], ...] = (
    # component, variable, instance, value, kind, mutability, unit
    ("AlignedDataCtrlr", "TxEndedInterval", None, "0", "integer", READ_WRITE, "s"),
    ("AuthCtrlr", "AuthorizeRemoteStart", None, "false", "boolean", READ_WRITE, None),
    ("AuthCtrlr", "LocalAuthorizeOffline", None, "true", "boolean", READ_WRITE, None),
    ("AuthCtrlr", "LocalPreAuthorize", None, "false", "boolean", READ_WRITE, None),
    ("AuthCtrlr", "OfflineTxForUnknownIdEnabled", None, "false", "boolean", READ_WRITE, None),
    ("AuthCacheCtrlr", "Enabled", None, "true", "boolean", READ_WRITE, None),
    ("ClockCtrlr", "TimeSource", None, "Heartbeat", "SequenceList", READ_WRITE, None),
    ("DeviceDataCtrlr", "BytesPerMessage", "GetReport", "16384", "integer", READ_ONLY, None),
    ("DeviceDataCtrlr", "BytesPerMessage", "GetVariables", "16384", "integer", READ_ONLY, None),
    ("DeviceDataCtrlr", "BytesPerMessage", "SetVariables", "16384", "integer", READ_ONLY, None),
    ("DeviceDataCtrlr", "ItemsPerMessage", "GetReport", "20", "integer", READ_ONLY, None),
    ("DeviceDataCtrlr", "ItemsPerMessage", "GetVariables", "20", "integer", READ_ONLY, None),
    ("DeviceDataCtrlr", "ItemsPerMessage", "SetVariables", "20", "integer", READ_ONLY, None),
    ("DisplayMessageCtrlr", "DisplayMessages", None, "0", "integer", READ_ONLY, None),
    ("DisplayMessageCtrlr", "SupportedFormats", None, "UTF8", "MemberList", READ_ONLY, None),
    ("DisplayMessageCtrlr", "SupportedPriorities", None, "AlwaysFront,NormalCycle", "MemberList", READ_ONLY, None),
    ("LocalAuthListCtrlr", "BytesPerMessage", None, "65536", "integer", READ_ONLY, None),
    ("LocalAuthListCtrlr", "ItemsPerMessage", None, "100", "integer", READ_ONLY, None),
    ("LocalAuthListCtrlr", "Enabled", None, "true", "boolean", READ_WRITE, None),
    ("MonitoringCtrlr", "BytesPerMessage", "SetVariableMonitoring", "16384", "integer", READ_ONLY, None),
    ("MonitoringCtrlr", "ItemsPerMessage", "SetVariableMonitoring", "20", "integer", READ_ONLY, None),
    ("OCPPCommCtrlr", "FileTransferProtocols", None, "HTTP,HTTPS,SFTP", "MemberList", READ_ONLY, None),
    ("OCPPCommCtrlr", "MessageTimeout", "Default", "30", "integer", READ_ONLY, "s"),
    ("OCPPCommCtrlr", "NetworkProfileConnectionAttempts", None, "3", "integer", READ_WRITE, None),
    ("OCPPCommCtrlr", "OfflineThreshold", None, "300", "integer", READ_WRITE, "s"),
    ("OCPPCommCtrlr", "ResetRetries", None, "3", "integer", READ_WRITE, None),
    ("OCPPCommCtrlr", "UnlockOnEVSideDisconnect", None, "true", "boolean", READ_WRITE, None),
    ("OCPPCommCtrlr", "RetryBackOffRepeatTimes", None, "3", "integer", READ_WRITE, None),
    ("OCPPCommCtrlr", "RetryBackOffRandomRange", None, "10", "integer", READ_WRITE, "s"),
    ("OCPPCommCtrlr", "RetryBackOffWaitMinimum", None, "10", "integer", READ_WRITE, "s"),
    ("ReservationCtrlr", "Enabled", None, "true", "boolean", READ_WRITE, None),
    ("ReservationCtrlr", "NonEvseSpecific", None, "true", "boolean", READ_ONLY, None),
    ("SampledDataCtrlr", "TxEndedInterval", None, "0", "integer", READ_WRITE, "s"),
    ("SecurityCtrlr", "CertificateEntries", None, "0", "integer", READ_ONLY, None),
    ("SecurityCtrlr", "OrganizationName", None, "Ingufu", "string", READ_WRITE, None),
    ("SmartChargingCtrlr", "Entries", "ChargingProfiles", "0", "integer", READ_ONLY, None),
    ("SmartChargingCtrlr", "LimitChangeSignificance", None, "5", "decimal", READ_WRITE, "Percent"),
    ("SmartChargingCtrlr", "PeriodsPerSchedule", None, "24", "integer", READ_ONLY, None),
    ("SmartChargingCtrlr", "ProfileStackLevel", None, "8", "integer", READ_ONLY, None),
    ("SampledDataCtrlr", "SignReadings", None, "false", "boolean", READ_WRITE, None),
    ("SmartChargingCtrlr", "RateUnit", None, "A,W", "MemberList", READ_ONLY, None),
    ("TariffCostCtrlr", "Currency", None, "EUR", "string", READ_WRITE, None),
    ("TariffCostCtrlr", "TariffFallbackMessage", None, "", "string", READ_WRITE, None),
    ("TariffCostCtrlr", "TotalCostFallbackMessage", None, "", "string", READ_WRITE, None),
    ("TxCtrlr", "EVConnectionTimeOut", None, "60", "integer", READ_WRITE, "s"),
    ("TxCtrlr", "StopTxOnEVSideDisconnect", None, "true", "boolean", READ_WRITE, None),
    ("TxCtrlr", "StopTxOnInvalidId", None, "true", "boolean", READ_WRITE, None),
)


def _controllers(station: Station) -> Iterator[Variable]:
    manner, spec = station.spec.manner, station.spec
    known = _MEASURANDS.split(",")  # without Temperature, which 2.x reports by variables
    known = known if any(evse.is_dc for evse in spec.evses) else [name for name in known if name != "SoC"]
    measurands = ",".join(name for name in manner.measurands if name in known)
    lists = {"mutability": READ_WRITE, "choices": _MEASURANDS}
    seconds: dict[str, Any] = {"mutability": READ_WRITE, "unit": "s", "minimum": 0.0}
    for name, variable, instance, value, kind, mutability, unit in _TABLE:
        minimum = 0.0 if kind == "integer" and mutability == READ_WRITE else None
        yield _controller(name, variable, value, kind, mutability, instance=instance, unit=unit, minimum=minimum)
    yield _controller("AlignedDataCtrlr", "Interval", str(manner.aligned_interval_s), "integer", **seconds)
    yield _controller("AlignedDataCtrlr", "Measurands", ",".join(manner.aligned_measurands), "MemberList", **lists)
    yield _controller("AlignedDataCtrlr", "TxEndedMeasurands", "", "MemberList", **lists)
    yield _controller("SampledDataCtrlr", "TxStartedMeasurands", "Energy.Active.Import.Register", "MemberList", **lists)
    yield _controller("SampledDataCtrlr", "TxUpdatedMeasurands", measurands, "MemberList", **lists)
    yield _controller("SampledDataCtrlr", "TxUpdatedInterval", str(manner.sample_interval_s), "integer", **seconds)
    yield _controller("SampledDataCtrlr", "TxEndedMeasurands", ",".join(manner.ended_measurands), "MemberList", **lists)
    yield _controller("OCPPCommCtrlr", "HeartbeatInterval", str(manner.heartbeat_default_s), "integer", **seconds)
    yield _controller("OCPPCommCtrlr", "WebSocketPingInterval", str(manner.ping_interval_s), "integer", **seconds)
    attempts = {"instance": "TransactionEvent", **seconds}
    yield _controller("OCPPCommCtrlr", "MessageAttempts", str(manner.message_attempts), "integer", **attempts)
    yield _controller(
        "OCPPCommCtrlr", "MessageAttemptInterval", f"{manner.retry_interval_s:.0f}", "integer", **attempts
    )
    yield _controller(
        "TxCtrlr", "TxStartPoint", ",".join(manner.start_points), "MemberList", READ_WRITE, choices=_POINTS
    )
    yield _controller("TxCtrlr", "TxStopPoint", ",".join(manner.stop_points), "MemberList", READ_WRITE, choices=_POINTS)
    yield _controller(
        "OCPPCommCtrlr",
        "NetworkConfigurationPriority",
        "1",
        "SequenceList",
        READ_WRITE,
        choices=",".join(str(slot) for slot in NETWORK_SLOTS),
        needs_reboot=True,
    )
    yield _controller("OCPPCommCtrlr", "ActiveNetworkProfile", "1", "integer")
    profile = "0" if spec.password is None else "1"
    yield _controller("SecurityCtrlr", "SecurityProfile", profile, "integer")
    yield _controller("SecurityCtrlr", "Identity", spec.identity, "string", READ_ONLY)
    yield _controller("SecurityCtrlr", "BasicAuthPassword", "", "string", WRITE_ONLY, maximum=40.0)
    yield _controller("LocalAuthListCtrlr", "Entries", str(len(station.access)), "integer")
    yield msgspec.structs.replace(_controller("ClockCtrlr", "DateTime", "", "dateTime"), value=station.stamp)


def _hardware(station: Station) -> Iterator[Variable]:
    spec = station.spec
    whole: Place = ("ChargingStation", None, None, None)
    state = "Available" if station.is_operative else "Unavailable"
    yield Variable(place=whole, name=("AvailabilityState", None), value=state, kind="OptionList", choices=_STATES)
    yield Variable(place=whole, name=("Available", None), value="true", kind="boolean")
    yield Variable(place=whole, name=("SupplyPhases", None), value="3", kind="integer")
    yield Variable(place=whole, name=("Model", None), value=spec.model)
    yield Variable(place=whole, name=("VendorName", None), value=spec.manner.vendor)
    yield Variable(place=whole, name=("FirmwareVersion", None), value=station.firmware)
    yield Variable(place=whole, name=("SerialNumber", None), value=spec.serial)
    for evse in station.evses:
        place: Place = ("EVSE", None, evse.number, None)
        plug: Place = ("Connector", None, evse.number, 1)
        problem = "true" if evse.fault is not None else "false"
        state = connector_status(station, evse.number)
        for where in (place, plug):
            yield Variable(
                place=where, name=("AvailabilityState", None), value=state, kind="OptionList", choices=_STATES
            )
            yield Variable(place=where, name=("Available", None), value="true", kind="boolean")
            yield Variable(place=where, name=("SupplyPhases", None), value=str(evse.spec.phases or 3), kind="integer")
        yield Variable(place=place, name=("Problem", None), value=problem, kind="boolean")
        power = f"{evse.meter.power_w:.0f}"
        maximum = evse.spec.max_power_w
        yield Variable(place=place, name=("Power", None), value=power, kind="decimal", unit="W", maximum=maximum)
        yield Variable(place=plug, name=("ConnectorType", None), value=evse.spec.connector_type)


_STATES = "Available,Occupied,Reserved,Unavailable,Faulted"


def connector_status(station: Station, number: int) -> str:
    """Return the status of an EVSE's connector, in the words of 2.x."""
    evse = station.evse(number)
    if evse is None:
        return "Unavailable"
    if evse.fault is not None:
        return "Faulted"
    if evse.is_plugged or evse.token is not None:
        return "Occupied"
    if not evse.is_operative or not station.is_operative:
        return "Unavailable"
    return "Reserved" if evse.reservation is not None else "Available"
