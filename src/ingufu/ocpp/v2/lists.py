"""OCPP 2.x: the station's cache and its local list."""

from typing import Any

from msgspec import UNSET

from ingufu.authorization.model import TokenKind, VerdictStatus
from ingufu.core.admission import ClearCache, GetListLimits, GetLocalListVersion, ListEntry, SendLocalList
from ingufu.core.commands import Outcome
from ingufu.ocpp.table import given
from ingufu.ocpp.v2 import types

LIST = "LocalAuthListCtrlr"
_NAMES = {"itemspermessage": "items", "bytespermessage": "bytes"}


def clear_cache(command: ClearCache) -> types.ClearCacheRequest:
    del command
    return types.ClearCacheRequest()


def plain_outcome(response: types.ClearCacheResponse | types.SendLocalListResponse) -> Outcome:
    return Outcome(status=response.status, is_accepted=response.status == "Accepted", details=reason(response))


def get_version(command: GetLocalListVersion) -> types.GetLocalListVersionRequest:
    del command
    return types.GetLocalListVersionRequest()


def version_outcome(response: types.GetLocalListVersionResponse) -> Outcome:
    return Outcome(status="Accepted", is_accepted=True, details={"version": response.version_number})


def get_limits(command: GetListLimits) -> types.GetVariablesRequest:
    del command
    component = types.Component(name=LIST)
    asked = [
        types.GetVariableData(component=component, variable=types.Variable(name=name))
        for name in ("ItemsPerMessage", "BytesPerMessage", "Enabled", "Available")
    ]
    entries = types.GetVariableData(
        component=component, variable=types.Variable(name="Entries"), attribute_type="MaxSet"
    )
    return types.GetVariablesRequest(get_variable_data=(*asked, entries))


def limits_outcome(response: types.GetVariablesResponse) -> Outcome:
    details: dict[str, Any] = {}
    for name, value in variables(response).items():
        if name in _NAMES and value.isascii() and value.isdigit():
            details[_NAMES[name]] = int(value)
        elif name == "entries" and value.isascii() and value.isdigit() and int(value) > 0:
            details["entries"] = int(value)
        elif name in ("enabled", "available") and value.casefold() == "false":
            details["is_enabled"] = False
    return Outcome(status="Accepted", is_accepted=True, details=details)


def variables(response: types.GetVariablesResponse) -> dict[str, str]:
    """Return the values of the variables that the station has, by their names without regard to case."""
    return {
        one.variable.name.casefold(): (given(one.attribute_value) or "").strip()
        for one in response.get_variable_result
        if one.attribute_status == "Accepted"
    }


def send_list(command: SendLocalList) -> types.SendLocalListRequest:
    entries = tuple(_entry(entry) for entry in command.entries)
    return types.SendLocalListRequest(
        version_number=command.version,
        update_type="Full" if command.is_full else "Differential",
        local_authorization_list=entries or UNSET,
    )


def reason(response: Any) -> dict[str, Any]:
    """Return what the answer says beside its status; every response with a `status_info` may be given."""
    info = given(response.status_info)
    return {} if info is None else {"reason": info.reason_code, "info": given(info.additional_info) or ""}


def _entry(entry: ListEntry) -> types.AuthorizationData:
    token = types.IdToken(id_token=entry.value, type=entry.kind)
    if entry.status is None:
        return types.AuthorizationData(id_token=token)
    info = types.IdTokenInfo(
        status=VerdictStatus(entry.status).value,
        cache_expiry_date_time=UNSET if entry.expires_at is None else entry.expires_at,
        charging_priority=UNSET if entry.priority is None else entry.priority,
        group_id_token=UNSET if entry.group is None else types.IdToken(id_token=entry.group, type=TokenKind.CENTRAL),
        language1=UNSET if entry.language is None else entry.language[:8],
        evse_id=entry.evses or UNSET,
    )
    return types.AuthorizationData(id_token=token, id_token_info=info)
