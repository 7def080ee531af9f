"""OCPP 2.x: requests for services that this system does not offer, answered so that the station can go on."""

from ingufu.ocpp import notices
from ingufu.ocpp.table import CallContext
from ingufu.ocpp.v2 import types

_NOT_OFFERED = types.StatusInfo(reason_code="UnsupportedRequest")


async def data_transfer(context: CallContext, request: types.DataTransferRequest) -> types.DataTransferResponse:
    """Answer honestly: no vendor's messages are known here (P02.FR.06)."""
    del context, request
    return types.DataTransferResponse(status="UnknownVendorId")


async def sign_certificate(
    context: CallContext, request: types.SignCertificateRequest
) -> types.SignCertificateResponse:
    notices.note(context, "SignCertificate", request)
    return types.SignCertificateResponse(status="Rejected", status_info=_NOT_OFFERED)


async def ev_certificate(
    context: CallContext, request: types.Get15118EVCertificateRequest
) -> types.Get15118EVCertificateResponse:
    del context, request
    return types.Get15118EVCertificateResponse(status="Failed", exi_response="", status_info=_NOT_OFFERED)


async def charging_needs(
    context: CallContext, request: types.NotifyEVChargingNeedsRequest
) -> types.NotifyEVChargingNeedsResponse:
    """Say that no schedule will follow (2.0.1 K15.FR.04): the station charges within the limits it has."""
    notices.note(context, "NotifyEVChargingNeeds", request)
    return types.NotifyEVChargingNeedsResponse(status="Rejected", status_info=_NOT_OFFERED)


async def charging_needs_21(
    context: CallContext, request: types.NotifyEVChargingNeedsRequest
) -> types.NotifyEVChargingNeedsResponse:
    """Say that no schedule will follow; in 2.1 Rejected would forbid the energy transfer itself (Q01)."""
    notices.note(context, "NotifyEVChargingNeeds", request)
    return types.NotifyEVChargingNeedsResponse(status="NoChargingProfile")


async def dynamic_schedule(
    context: CallContext, request: types.PullDynamicScheduleUpdateRequest
) -> types.PullDynamicScheduleUpdateResponse:
    """Say that there is no such profile, as none was ever sent (K28.FR.08)."""
    del context, request
    return types.PullDynamicScheduleUpdateResponse(
        status="Rejected", status_info=types.StatusInfo(reason_code="InvalidProfile")
    )


async def vat_number(
    context: CallContext, request: types.VatNumberValidationRequest
) -> types.VatNumberValidationResponse:
    del context
    return types.VatNumberValidationResponse(
        status="Rejected", vat_number=request.vat_number, evse_id=request.evse_id, status_info=_NOT_OFFERED
    )
