"""OCPP 1.6: requests for services that this system does not offer, answered so that the station can go on."""

from ingufu.ocpp import notices
from ingufu.ocpp.table import CallContext
from ingufu.ocpp.v16 import types


async def data_transfer(context: CallContext, request: types.DataTransferRequest) -> types.DataTransferResponse:
    """Answer honestly: no vendor's messages are known here (1.6 4.3)."""
    del context, request
    return types.DataTransferResponse(status="UnknownVendorId")


async def sign_certificate(
    context: CallContext, request: types.SignCertificateRequest
) -> types.SignCertificateResponse:
    notices.note(context, "SignCertificate", request)
    return types.SignCertificateResponse(status="Rejected")
