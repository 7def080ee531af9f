"""OCPP 2.x: the device model: values read and set, reports asked for and taken, network profiles."""

from collections.abc import Sequence
from typing import TypeVar

from msgspec import UNSET, UnsetType

from ingufu.configuration.model import DataType, Mutability, ReportPart, Told, ToldMonitor
from ingufu.core.commands import Outcome
from ingufu.core.configuration import (
    ACCEPTED,
    Apn,
    Place,
    ReadItem,
    ReadResult,
    ReadVariables,
    ReportBase,
    RequestBaseReport,
    RequestMonitors,
    RequestReport,
    SetNetworkProfile,
    VariablesRead,
    VariablesWritten,
    Vpn,
    WriteItem,
    WriteResult,
    WriteVariables,
)
from ingufu.core.variables import Attribute, VariableName
from ingufu.ocpp.table import CallContext, given
from ingufu.ocpp.v2 import types

T = TypeVar("T")

_BASES: dict[ReportBase, types.ReportBaseEnum] = {
    ReportBase.CONFIGURATION: "ConfigurationInventory",
    ReportBase.FULL: "FullInventory",
    ReportBase.SUMMARY: "SummaryInventory",
}
_ATTRIBUTES: dict[Attribute, types.AttributeEnum] = {
    Attribute.ACTUAL: "Actual",
    Attribute.TARGET: "Target",
    Attribute.MIN_SET: "MinSet",
    Attribute.MAX_SET: "MaxSet",
}
_TAKEN = frozenset({"Accepted", "RebootRequired"})

# What stations send


async def notify_report(context: CallContext, request: types.NotifyReportRequest) -> types.NotifyReportResponse:
    """Keep a part of a report of variables (B07, B08)."""
    told = [one for data in given(request.report_data) or () for one in _told(data)]
    part = ReportPart(
        request_id=request.request_id,
        number=max(request.seq_no, 0),
        is_last=not (given(request.tbc) or False),
        generated_at=request.generated_at,
        variables=tuple(told),
    )
    await context.services.configuration.keeping.take(context.work, context.station, part, context.received_at)
    return types.NotifyReportResponse()


async def notify_monitoring_report(
    context: CallContext, request: types.NotifyMonitoringReportRequest
) -> types.NotifyMonitoringReportResponse:
    """Keep a part of a report of monitors (N02)."""
    told = [
        ToldMonitor(
            name=name,
            number=one.id,
            kind=one.type,
            value=float(one.value),
            severity=one.severity,
            is_transaction_only=one.transaction,
            notification=given(one.event_notification_type),
        )
        for data in given(request.monitor) or ()
        if (name := _name(data.component, data.variable)) is not None
        for one in data.variable_monitoring
    ]
    part = ReportPart(
        request_id=request.request_id,
        number=max(request.seq_no, 0),
        is_last=not (given(request.tbc) or False),
        generated_at=request.generated_at,
        monitors=tuple(told),
        is_of_monitors=True,
    )
    await context.services.configuration.keeping.take(context.work, context.station, part, context.received_at)
    return types.NotifyMonitoringReportResponse()


# What we ask


def read(command: ReadVariables) -> types.GetVariablesRequest:
    """Ask for values (B06)."""
    return types.GetVariablesRequest(get_variable_data=tuple(_to_read(item) for item in command.items))


def read_outcome(response: types.GetVariablesResponse) -> VariablesRead:
    items = tuple(
        ReadResult(
            name=name,
            attribute=_attribute(one.attribute_type),
            status=one.attribute_status,
            value=given(one.attribute_value) if one.attribute_status == ACCEPTED else None,
            reason=_reason(one.attribute_status_info),
        )
        for one in response.get_variable_result
        if (name := _name(one.component, one.variable)) is not None
    )
    return VariablesRead(status=ACCEPTED, is_accepted=True, items=items)


def write(command: WriteVariables) -> types.SetVariablesRequest:
    """Set values (B05)."""
    return types.SetVariablesRequest(set_variable_data=tuple(_to_write(item) for item in command.items))


def write_outcome(response: types.SetVariablesResponse) -> VariablesWritten:
    items = tuple(
        WriteResult(
            name=name,
            attribute=_attribute(one.attribute_type),
            status=one.attribute_status,
            reason=_reason(one.attribute_status_info),
        )
        for one in response.set_variable_result
        if (name := _name(one.component, one.variable)) is not None
    )
    return VariablesWritten(status=ACCEPTED, is_accepted=all(one.status in _TAKEN for one in items), items=items)


def request_base_report(command: RequestBaseReport) -> types.GetBaseReportRequest:
    """Ask for a report that the standard defines (B07)."""
    return types.GetBaseReportRequest(request_id=command.request_id, report_base=_BASES[command.base])


def request_report(command: RequestReport) -> types.GetReportRequest:
    """Ask for a report of our choice (B08)."""
    return types.GetReportRequest(
        request_id=command.request_id,
        component_criteria=tuple(one.value for one in command.criteria) or UNSET,
        component_variable=_places(command.places),
    )


def request_monitors(command: RequestMonitors) -> types.GetMonitoringReportRequest:
    """Ask for the monitors of variables (N02)."""
    return types.GetMonitoringReportRequest(
        request_id=command.request_id,
        monitoring_criteria=tuple(one.value for one in command.criteria) or UNSET,
        component_variable=_places(command.places),
    )


def report_outcome(
    response: types.GetBaseReportResponse | types.GetReportResponse | types.GetMonitoringReportResponse,
) -> Outcome:
    return _outcome(response.status, response.status_info)


def set_network_profile(command: SetNetworkProfile) -> types.SetNetworkProfileRequest:
    """Have a network profile kept in a slot (B09). 2.0.1 writes its own version as OCPP20; 2.1 looks at it no more."""
    profile = command.profile
    data = types.NetworkConnectionProfile(
        ocpp_version=profile.ocpp_version or "OCPP20",  # type: ignore[arg-type]  # the guard knows the words
        ocpp_interface=profile.interface,  # type: ignore[arg-type]  # likewise
        ocpp_transport=profile.transport,  # type: ignore[arg-type]  # likewise
        message_timeout=profile.message_timeout_s,
        ocpp_csms_url=profile.url,
        security_profile=profile.security_profile,
        identity=_or_unset(profile.identity),
        basic_auth_password=_or_unset(profile.password),
        apn=UNSET if profile.apn is None else _apn(profile.apn),
        vpn=UNSET if profile.vpn is None else _vpn(profile.vpn),
    )
    return types.SetNetworkProfileRequest(configuration_slot=command.slot, connection_data=data)


def network_profile_outcome(response: types.SetNetworkProfileResponse) -> Outcome:
    return _outcome(response.status, response.status_info)


# Names and values


def _told(data: types.ReportData) -> list[Told]:
    name = _name(data.component, data.variable)
    if name is None:
        return []
    about = given(data.variable_characteristics)
    return [
        Told(
            name=name,
            attribute=_attribute(one.type),
            value=given(one.value),
            mutability=Mutability(given(one.mutability) or Mutability.READ_WRITE),
            is_persistent=given(one.persistent),
            is_constant=given(one.constant),
            data_type=None if about is None else DataType(about.data_type),
            unit=None if about is None else given(about.unit),
            min_limit=None if about is None else _float(about.min_limit),
            max_limit=None if about is None else _float(about.max_limit),
            max_elements=None if about is None else given(about.max_elements),
            values_list=None if about is None else given(about.values_list),
            supports_monitoring=None if about is None else about.supports_monitoring,
        )
        for one in data.variable_attribute
    ]


def _name(component: types.Component, variable: types.Variable) -> VariableName | None:
    """Return the name, None for one without letters; an empty instance is none."""
    if not component.name.strip() or not variable.name.strip():
        return None
    evse = given(component.evse)
    return VariableName(
        component=component.name,
        instance=given(component.instance) or None,
        evse=None if evse is None else evse.id,
        connector=None if evse is None else given(evse.connector_id),
        variable=variable.name,
        variable_instance=given(variable.instance) or None,
    )


def _to_read(item: ReadItem) -> types.GetVariableData:
    component, variable = _named(item.name)
    return types.GetVariableData(component=component, variable=variable, attribute_type=_attribute_type(item.attribute))


def _to_write(item: WriteItem) -> types.SetVariableData:
    component, variable = _named(item.name)
    return types.SetVariableData(
        component=component,
        variable=variable,
        attribute_type=_attribute_type(item.attribute),
        attribute_value=item.value,
    )


def _named(name: VariableName) -> tuple[types.Component, types.Variable]:
    return (
        _component(name.component, name.instance, name.evse, name.connector),
        types.Variable(name=name.variable, instance=_or_unset(name.variable_instance)),
    )


def _component(name: str, instance: str | None, evse: int | None, connector: int | None) -> types.Component:
    place = UNSET if evse is None else types.EVSE(id=evse, connector_id=_or_unset(connector))
    return types.Component(name=name, instance=_or_unset(instance), evse=place)


def _places(places: Sequence[Place]) -> tuple[types.ComponentVariable, ...] | UnsetType:
    found = tuple(
        types.ComponentVariable(
            component=_component(place.component, place.instance, place.evse, place.connector),
            variable=UNSET
            if place.variable is None
            else types.Variable(name=place.variable, instance=_or_unset(place.variable_instance)),
        )
        for place in places
    )
    return found or UNSET


def _attribute(kind: types.AttributeEnum | UnsetType) -> Attribute:
    return Attribute(given(kind) or Attribute.ACTUAL)


def _attribute_type(attribute: Attribute) -> types.AttributeEnum | UnsetType:
    return UNSET if attribute is Attribute.ACTUAL else _ATTRIBUTES[attribute]


def _float(number: object) -> float | None:
    return None if number is UNSET else float(str(number))


def _or_unset(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value


def _apn(apn: Apn) -> types.APN:
    return types.APN(
        apn=apn.apn,
        apn_user_name=_or_unset(apn.user_name),
        apn_password=_or_unset(apn.password),
        sim_pin=_or_unset(apn.sim_pin),
        preferred_network=_or_unset(apn.preferred_network),
        use_only_preferred_network=_or_unset(apn.uses_only_preferred),
        apn_authentication=apn.authentication,  # type: ignore[arg-type]  # the guard knows the words
    )


def _vpn(vpn: Vpn) -> types.VPN:
    return types.VPN(
        server=vpn.server,
        user=vpn.user,
        group=_or_unset(vpn.group),
        password=vpn.password,
        key=vpn.key,
        type=vpn.kind,  # type: ignore[arg-type]  # the guard knows the words
    )


def _reason(info: types.StatusInfo | UnsetType) -> str:
    if info is UNSET:
        return ""
    more = given(info.additional_info)
    return f"{info.reason_code}: {more}" if more else info.reason_code


def _outcome(status: str, info: types.StatusInfo | UnsetType) -> Outcome:
    reason = _reason(info)
    return Outcome(status=status, is_accepted=status == ACCEPTED, details={"reason": reason} if reason else {})
