"""OCPP 1.6: places kept for somebody. Connector 0 is any of them, where the station says that it can."""

from msgspec import UNSET

from ingufu.core.admission import CancelReservation, GetReservationSupport, ReserveNow
from ingufu.core.commands import Outcome
from ingufu.core.errors import StationUnsupported
from ingufu.ocpp.v16 import types
from ingufu.ocpp.v16.authorization import PARENT_LIMIT
from ingufu.ocpp.v16.lists import configured

PROFILES, ANY = "SupportedFeatureProfiles", "ReserveConnectorZeroSupported"


def get_support(command: GetReservationSupport) -> types.GetConfigurationRequest:
    del command
    return types.GetConfigurationRequest(key=(PROFILES, ANY))


def support_outcome(response: types.GetConfigurationResponse) -> Outcome:
    values = configured(response)
    profiles = values.get(PROFILES.casefold())
    details = {"any_evse": values.get(ANY.casefold(), "").casefold() == "true"}
    if profiles is not None:
        details["is_supported"] = "reservation" in {one.strip().casefold() for one in profiles.split(",")}
    return Outcome(status="Accepted", is_accepted=True, details=details)


def reserve(command: ReserveNow) -> types.ReserveNowRequest:
    if command.plug is not None:
        raise StationUnsupported("OCPP 1.6 cannot reserve by the kind of plug: name an EVSE.")
    if len(command.token) > PARENT_LIMIT:
        raise StationUnsupported(f"OCPP 1.6 carries tokens of at most {PARENT_LIMIT} characters.")
    group = command.group
    return types.ReserveNowRequest(
        connector_id=command.evse or 0,
        expiry_date=command.expires_at,
        id_tag=command.token,
        parent_id_tag=UNSET if group is None or len(group) > PARENT_LIMIT else group,
        reservation_id=command.reservation_id,
    )


def cancel(command: CancelReservation) -> types.CancelReservationRequest:
    return types.CancelReservationRequest(reservation_id=command.reservation_id)


def outcome(response: types.ReserveNowResponse | types.CancelReservationResponse) -> Outcome:
    return Outcome(status=response.status, is_accepted=response.status == "Accepted")
