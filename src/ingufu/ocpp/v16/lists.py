"""OCPP 1.6: the station's cache and its local list."""

from collections.abc import Mapping

from msgspec import UNSET

from ingufu.authorization.model import VerdictStatus
from ingufu.core.admission import ClearCache, GetListLimits, GetLocalListVersion, ListEntry, SendLocalList
from ingufu.core.commands import Outcome
from ingufu.ocpp.table import given
from ingufu.ocpp.v16 import types
from ingufu.ocpp.v16.authorization import STATUSES

ITEMS, ENTRIES, ENABLED = "SendLocalListMaxLength", "LocalAuthListMaxLength", "LocalAuthListEnabled"


def clear_cache(command: ClearCache) -> types.ClearCacheRequest:
    del command
    return types.ClearCacheRequest()


def plain_outcome(response: types.ClearCacheResponse | types.SendLocalListResponse) -> Outcome:
    return Outcome(status=response.status, is_accepted=response.status == "Accepted")


def get_version(command: GetLocalListVersion) -> types.GetLocalListVersionRequest:
    del command
    return types.GetLocalListVersionRequest()


def version_outcome(response: types.GetLocalListVersionResponse) -> Outcome:
    return Outcome(status="Accepted", is_accepted=True, details={"version": response.list_version})


def get_limits(command: GetListLimits) -> types.GetConfigurationRequest:
    del command
    return types.GetConfigurationRequest(key=(ITEMS, ENTRIES, ENABLED))


def limits_outcome(response: types.GetConfigurationResponse) -> Outcome:
    values = configured(response)
    details: dict[str, object] = {}
    for name, key in (("items", ITEMS), ("entries", ENTRIES)):
        text = values.get(key.casefold(), "")
        if text.isascii() and text.isdigit():
            details[name] = int(text)
    if ENABLED.casefold() in values:
        details["is_enabled"] = values[ENABLED.casefold()].casefold() == "true"
    return Outcome(status="Accepted", is_accepted=True, details=details)


def configured(response: types.GetConfigurationResponse) -> Mapping[str, str]:
    """Return the values of the keys by name, which is without regard to case."""
    found = given(response.configuration_key) or ()
    return {pair.key.casefold(): (given(pair.value) or "").strip() for pair in found}


def send_list(command: SendLocalList) -> types.SendLocalListRequest:
    entries = tuple(_entry(entry) for entry in command.entries)
    return types.SendLocalListRequest(
        list_version=command.version,
        update_type="Full" if command.is_full else "Differential",
        local_authorization_list=entries or UNSET,
    )


def _entry(entry: ListEntry) -> types.AuthorizationData:
    if entry.status is None:
        return types.AuthorizationData(id_tag=entry.value)
    info = types.IdTagInfo(
        status=STATUSES.get(VerdictStatus(entry.status), "Invalid"),
        expiry_date=UNSET if entry.expires_at is None else entry.expires_at,
        parent_id_tag=UNSET if entry.group is None else entry.group,
    )
    return types.AuthorizationData(id_tag=entry.value, id_tag_info=info)
