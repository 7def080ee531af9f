"""The variables that the standard defines: what each is, what 1.6 calls it, and what is a secret."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from ingufu.configuration.model import DataType
from ingufu.core.variables import KEY_COMPONENT, VariableName, variable

NUMBER, FLAG, LIST = DataType.INTEGER, DataType.BOOLEAN, DataType.MEMBER_LIST
TEXT, SEQUENCE, DECIMAL = DataType.STRING, DataType.SEQUENCE_LIST, DataType.DECIMAL


class Standard(msgspec.Struct, frozen=True, kw_only=True):
    """A variable of the standard."""

    name: VariableName
    native_key: str | None = None  # its name in 1.6
    data_type: DataType = TEXT
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    is_secret: bool = False
    meaning: str = ""


def _row(
    place: str,
    native_key: str | None,
    data_type: DataType,
    meaning: str,
    unit: str | None = None,
    *,
    low: float | None = None,
    high: float | None = None,
    is_secret: bool = False,
) -> Standard:
    component, _, rest = place.partition(".")
    name, _, instance = rest.partition("[")
    return Standard(
        name=variable(component, name, instance.rstrip("]") or None),
        native_key=native_key,
        data_type=data_type,
        unit=unit,
        minimum=low if low is not None else 0 if data_type is NUMBER else None,
        maximum=high,
        is_secret=is_secret,
        meaning=meaning,
    )


_ROWS: Final = (
    # Charging and id tokens
    _row("AuthCtrlr.AuthorizeRemoteStart", "AuthorizeRemoteTxRequests", FLAG, "Check the card before a remote start"),
    _row("AuthCtrlr.LocalAuthorizeOffline", "LocalAuthorizeOffline", FLAG, "Start known cards while offline"),
    _row("AuthCtrlr.LocalPreAuthorize", "LocalPreAuthorize", FLAG, "Start known cards without waiting for the answer"),
    _row("AuthCtrlr.OfflineTxForUnknownIdEnabled", "AllowOfflineTxForUnknownId", FLAG, "Start unknown cards offline"),
    _row("AuthCtrlr.MasterPassGroupId", None, TEXT, "Group whose cards may stop every transaction"),
    _row("AuthCtrlr.DisableRemoteAuthorization", None, FLAG, "Never ask about cards"),
    _row("AuthCacheCtrlr.Enabled", "AuthorizationCacheEnabled", FLAG, "Remember cards that were accepted"),
    _row("AuthCacheCtrlr.LifeTime", None, NUMBER, "How long a card is remembered", "s"),
    _row("LocalAuthListCtrlr.Enabled", "LocalAuthListEnabled", FLAG, "Use the local list of cards"),
    _row("LocalAuthListCtrlr.Entries", "LocalAuthListMaxLength", NUMBER, "Cards on the local list (1.6: at most)"),
    _row("LocalAuthListCtrlr.ItemsPerMessage", "SendLocalListMaxLength", NUMBER, "Cards in one message"),
    _row("TxCtrlr.EVConnectionTimeOut", "ConnectionTimeOut", NUMBER, "Time to plug in after the card", "s"),
    _row("TxCtrlr.MaxEnergyOnInvalidId", "MaxEnergyOnInvalidId", NUMBER, "Energy for a card found invalid", "Wh"),
    _row("TxCtrlr.StopTxOnEVSideDisconnect", "StopTransactionOnEVSideDisconnect", FLAG, "End when the car unplugs"),
    _row("TxCtrlr.StopTxOnInvalidId", "StopTransactionOnInvalidId", FLAG, "End when the card is found invalid"),
    _row("TxCtrlr.TxStartPoint", None, LIST, "What begins a transaction"),
    _row("TxCtrlr.TxStopPoint", None, LIST, "What ends a transaction"),
    _row("TxCtrlr.TxBeforeAcceptedEnabled", None, FLAG, "Charge before the boot was accepted"),
    # Metering
    _row("AlignedDataCtrlr.Interval", "ClockAlignedDataInterval", NUMBER, "Clock-aligned readings; 0: none", "s"),
    _row("AlignedDataCtrlr.Measurands", "MeterValuesAlignedData", LIST, "What clock-aligned readings hold"),
    _row("AlignedDataCtrlr.TxEndedMeasurands", "StopTxnAlignedData", LIST, "What the end holds, clock-aligned"),
    _row("AlignedDataCtrlr.TxEndedInterval", None, NUMBER, "Clock-aligned readings in the end; 0: none", "s"),
    _row("SampledDataCtrlr.TxUpdatedInterval", "MeterValueSampleInterval", NUMBER, "Readings while charging", "s"),
    _row("SampledDataCtrlr.TxUpdatedMeasurands", "MeterValuesSampledData", LIST, "What readings while charging hold"),
    _row("SampledDataCtrlr.TxStartedMeasurands", None, LIST, "What the reading at the start holds"),
    _row("SampledDataCtrlr.TxEndedMeasurands", "StopTxnSampledData", LIST, "What the readings at the end hold"),
    _row("SampledDataCtrlr.TxEndedInterval", None, NUMBER, "Readings kept for the end; 0: none", "s"),
    # Line and retries
    _row("OCPPCommCtrlr.HeartbeatInterval", "HeartbeatInterval", NUMBER, "Between signs of life", "s", low=1),
    _row("OCPPCommCtrlr.WebSocketPingInterval", "WebSocketPingInterval", NUMBER, "Between pings; 0: none", "s"),
    _row("OCPPCommCtrlr.OfflineThreshold", None, NUMBER, "Offline so long, all states are told again", "s"),
    _row("OCPPCommCtrlr.ResetRetries", "ResetRetries", NUMBER, "Tries of a reset"),
    _row("OCPPCommCtrlr.UnlockOnEVSideDisconnect", "UnlockConnectorOnEVSideDisconnect", FLAG, "Unlock the own end too"),
    _row(
        "OCPPCommCtrlr.MessageAttempts[TransactionEvent]", "TransactionMessageAttempts", NUMBER,
        "Tries of a message about a transaction",
    ),
    _row(
        "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]", "TransactionMessageRetryInterval", NUMBER,
        "Between these tries", "s",
    ),
    _row("OCPPCommCtrlr.MessageTimeout[Default]", "MessageTimeout", NUMBER, "How long it waits for our answers", "s"),
    _row("OCPPCommCtrlr.NetworkConfigurationPriority", None, SEQUENCE, "Network profiles in the order of use"),
    _row("OCPPCommCtrlr.NetworkProfileConnectionAttempts", None, NUMBER, "Tries of a profile before the next", low=1),
    _row("OCPPCommCtrlr.ActiveNetworkProfile", None, NUMBER, "The network profile in use"),
    _row("OCPPCommCtrlr.RetryBackOffRepeatTimes", None, NUMBER, "How often the wait to reconnect doubles"),
    _row("OCPPCommCtrlr.RetryBackOffRandomRange", None, NUMBER, "Random part of that wait", "s"),
    _row("OCPPCommCtrlr.RetryBackOffWaitMinimum", None, NUMBER, "Shortest wait to reconnect", "s"),
    _row("OCPPCommCtrlr.QueueAllMessages", None, FLAG, "Keep all messages while offline"),
    # Security
    _row("SecurityCtrlr.BasicAuthPassword", "AuthorizationKey", TEXT, "The station's password", is_secret=True),
    _row("SecurityCtrlr.SecurityProfile", "SecurityProfile", NUMBER, "Security profile", high=3),
    _row("SecurityCtrlr.OrganizationName", "CpoName", TEXT, "Operator's name in certificates"),
    _row(
        "SecurityCtrlr.AdditionalRootCertificateCheck", "AdditionalRootCertificateCheck", FLAG,
        "One root of the CSMS at a time, checked by the one before",
    ),
    _row("SecurityCtrlr.MaxCertificateChainSize", "CertificateSignedMaxChainSize", NUMBER, "Longest chain", "B"),
    _row("SecurityCtrlr.CertificateEntries", "CertificateStoreMaxLength", NUMBER, "Certificates kept"),
    _row("SecurityCtrlr.AllowSecurityProfileDowngrade", None, FLAG, "Whether a lower profile may be taken"),
    # Smart charging, reservation, display, tariff
    _row("SmartChargingCtrlr.ProfileStackLevel", "ChargeProfileMaxStackLevel", NUMBER, "Highest level of a profile"),
    _row("SmartChargingCtrlr.RateUnit", "ChargingScheduleAllowedChargingRateUnit", LIST, "Units of limits"),
    _row("SmartChargingCtrlr.PeriodsPerSchedule", "ChargingScheduleMaxPeriods", NUMBER, "Periods of a schedule"),
    _row("SmartChargingCtrlr.Entries[ChargingProfiles]", "MaxChargingProfilesInstalled", NUMBER, "Profiles there"),
    _row("SmartChargingCtrlr.Phases3to1", "ConnectorSwitch3to1PhaseSupported", FLAG, "Changes phases"),
    _row("SmartChargingCtrlr.LimitChangeSignificance", None, DECIMAL, "Change of a limit worth telling", "Percent"),
    _row("ReservationCtrlr.NonEvseSpecific", "ReserveConnectorZeroSupported", FLAG, "Reserves without naming an EVSE"),
    _row("TariffCostCtrlr.Currency", None, TEXT, "Currency shown"),
    _row("TariffCostCtrlr.TariffFallbackMessage", None, TEXT, "Shown while no tariff is known"),
    _row("TariffCostCtrlr.TotalCostFallbackMessage", None, TEXT, "Shown while no cost is known"),
    _row("ClockCtrlr.TimeSource", None, SEQUENCE, "Where the time comes from, in order"),
    _row("ClockCtrlr.TimeZone", None, TEXT, "Time zone of what it shows"),
    _row("DeviceDataCtrlr.ItemsPerMessage[GetVariables]", "GetConfigurationMaxKeys", NUMBER, "Values read at once"),
)  # fmt: skip

# What 1.6 alone has; they keep their own name.
_OF_16: Final = (
    ("BlinkRepeat", NUMBER, None, "Blinks of the lamp"),
    ("ConnectorPhaseRotation", TEXT, None, "Phases of each connector"),
    ("LightIntensity", NUMBER, "Percent", "Brightness of the lamps"),
    ("MinimumStatusDuration", NUMBER, "s", "How long a state lasts before it is told"),
    ("NumberOfConnectors", NUMBER, None, "Connectors"),
    ("StopTransactionMaxMeterValues", NUMBER, None, "Readings in the end at most"),
    ("SupportedFeatureProfiles", LIST, None, "Parts of OCPP it knows"),
)

STANDARD: Final[Mapping[str, Standard]] = MappingProxyType(
    {
        row.name.key: row
        for row in (
            *_ROWS,
            *(
                Standard(
                    name=variable(KEY_COMPONENT, key),
                    native_key=key,
                    data_type=kind,
                    unit=unit,
                    minimum=0 if kind is NUMBER else None,
                    meaning=meaning,
                )
                for key, kind, unit, meaning in _OF_16
            ),
        )
    }
)
_BY_NATIVE_KEY: Final[Mapping[str, Standard]] = MappingProxyType(
    {row.native_key.casefold(): row for row in STANDARD.values() if row.native_key is not None}
)
_SECRETS: Final = (
    "password",
    "passphrase",
    "secret",
    "authorizationkey",
    "privatekey",
    "sharedkey",
    "simpin",
    "apikey",
)
_NOT_ALPHANUMERIC: Final = str.maketrans("", "", "_-. ")


def of(name: VariableName) -> Standard | None:
    """Return what the standard says of a variable; None if it defines none of this name."""
    return STANDARD.get(name.key)


def of_native_key(key: str) -> VariableName:
    """Return the name of a key of 1.6: that of its counterpart, or one that says that there is none."""
    found = _BY_NATIVE_KEY.get(key.strip().casefold())
    return found.name if found is not None else variable(KEY_COMPONENT, key.strip())


def native_key(name: VariableName) -> str | None:
    """Return what 1.6 calls a variable; None if it has no word for it."""
    found = STANDARD.get(name.key)
    if found is not None:
        return found.native_key
    return name.variable if name.component.casefold() == KEY_COMPONENT.casefold() else None


def native_keys() -> tuple[str, ...]:
    """Return the keys of 1.6 that the standard knows."""
    return tuple(row.native_key for row in STANDARD.values() if row.native_key is not None)


def is_secret(name: VariableName) -> bool:
    """Return whether a variable holds a secret, by the standard or by its name."""
    found = STANDARD.get(name.key)
    if found is not None and found.is_secret:
        return True
    plain = name.variable.casefold().translate(_NOT_ALPHANUMERIC)
    return any(word in plain for word in _SECRETS)


def meaning(name: VariableName) -> str:
    """Return in a few words what a variable is; empty if the standard does not define it."""
    found = STANDARD.get(name.key)
    return "" if found is None else found.meaning
