"""OCPP 2.x: places kept for somebody, and what stations say became of them."""

from collections.abc import Mapping

from msgspec import UNSET

from ingufu.authorization.model import TokenKind
from ingufu.core.admission import CancelReservation, GetReservationSupport, ReserveNow
from ingufu.core.commands import Outcome
from ingufu.ocpp import notices
from ingufu.ocpp.table import CallContext
from ingufu.ocpp.v2 import lists, types
from ingufu.ocpp.v2.authorization import GROUP_LIMIT
from ingufu.reservations.model import ReservationStatus

CONTROLLER = "ReservationCtrlr"
_ENDS: Mapping[str, ReservationStatus] = {
    "Expired": ReservationStatus.EXPIRED,
    "Removed": ReservationStatus.REMOVED,
    "NoTransaction": ReservationStatus.NO_TRANSACTION,
}


async def status_update(
    context: CallContext, request: types.ReservationStatusUpdateRequest
) -> types.ReservationStatusUpdateResponse:
    """Keep what became of a reservation (H04); one that is not this station's is noted and changes nothing."""
    status = _ENDS.get(request.reservation_update_status, ReservationStatus.REMOVED)
    is_known = await context.services.reservations.end_by_station(
        context.work, context.station_id, request.reservation_id, status, context.received_at
    )
    if not is_known:
        notices.note(context, "ReservationStatusUpdate", request)
    return types.ReservationStatusUpdateResponse()


def get_support(command: GetReservationSupport) -> types.GetVariablesRequest:
    del command
    component = types.Component(name=CONTROLLER)
    return types.GetVariablesRequest(
        get_variable_data=tuple(
            types.GetVariableData(component=component, variable=types.Variable(name=name))
            for name in ("Enabled", "Available", "NonEvseSpecific")
        )
    )


def support_outcome(response: types.GetVariablesResponse) -> Outcome:
    found = {name: value.casefold() == "true" for name, value in lists.variables(response).items()}
    details: dict[str, bool] = {"any_evse": found.get("nonevsespecific", False)}
    known = [found[name] for name in ("enabled", "available") if name in found]
    if known:
        details["is_supported"] = all(known)
    return Outcome(status="Accepted", is_accepted=True, details=dict(details))


def reserve(command: ReserveNow) -> types.ReserveNowRequest:
    group = command.group
    return types.ReserveNowRequest(
        id=command.reservation_id,
        expiry_date_time=command.expires_at,
        connector_type=UNSET if command.plug is None else command.plug,
        id_token=types.IdToken(id_token=command.token, type=command.token_kind),
        evse_id=UNSET if command.evse is None else command.evse,
        group_id_token=UNSET
        if group is None or len(group) > GROUP_LIMIT
        else types.IdToken(id_token=group, type=TokenKind.CENTRAL),
    )


def cancel(command: CancelReservation) -> types.CancelReservationRequest:
    return types.CancelReservationRequest(reservation_id=command.reservation_id)


def outcome(response: types.ReserveNowResponse | types.CancelReservationResponse) -> Outcome:
    return Outcome(status=response.status, is_accepted=response.status == "Accepted", details=lists.reason(response))
