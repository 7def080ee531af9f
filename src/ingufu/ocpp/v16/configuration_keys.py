"""OCPP 1.6: configuration keys, read and set as the variables that they mean."""

from ingufu.configuration import standard
from ingufu.core.configuration import (
    ACCEPTED,
    REBOOT_REQUIRED,
    UNKNOWN_VARIABLE,
    ReadResult,
    ReadVariables,
    VariablesRead,
    VariablesWritten,
    WriteVariables,
)
from ingufu.core.errors import InvalidInput, StationUnsupported
from ingufu.core.variables import VariableName
from ingufu.ocpp.table import given
from ingufu.ocpp.v16 import types

VALUE_LONGEST = 500


def read(command: ReadVariables) -> types.GetConfigurationRequest:
    """Ask for the keys of these variables, or for all (5.8)."""
    if not command.items:
        return types.GetConfigurationRequest()
    return types.GetConfigurationRequest(key=tuple(_key(item.name) for item in command.items))


def read_outcome(response: types.GetConfigurationResponse) -> VariablesRead:
    """Return the keys as variables; those that the station does not know are told of as unknown."""
    known = tuple(
        ReadResult(
            name=standard.of_native_key(pair.key),
            status=ACCEPTED,
            value=given(pair.value),
            is_readonly=pair.readonly,
            native_key=pair.key,
        )
        for pair in given(response.configuration_key) or ()
        if pair.key.strip()
    )
    unknown = tuple(
        ReadResult(name=standard.of_native_key(key), status=UNKNOWN_VARIABLE, native_key=key)
        for key in given(response.unknown_key) or ()
        if key.strip()
    )
    return VariablesRead(status=ACCEPTED, is_accepted=True, items=(*known, *unknown))


def write(command: WriteVariables) -> types.ChangeConfigurationRequest:
    """Set one key (5.3)."""
    if len(command.items) != 1:
        raise InvalidInput("OCPP 1.6 sets one key at a time.", field="values")
    item = command.items[0]
    if len(item.value) > VALUE_LONGEST:
        raise InvalidInput(f"A value of OCPP 1.6 has at most {VALUE_LONGEST} characters.", field="values")
    return types.ChangeConfigurationRequest(key=_key(item.name), value=item.value)


def write_outcome(response: types.ChangeConfigurationResponse) -> VariablesWritten:
    """Return the answer, which is about the one key that was set."""
    return VariablesWritten(
        status=response.status, is_accepted=response.status in (ACCEPTED, REBOOT_REQUIRED), items=()
    )


def _key(name: VariableName) -> str:
    key = standard.native_key(name)
    if key is None:
        raise StationUnsupported(f"OCPP 1.6 has no key for {name.text}.")
    return key
