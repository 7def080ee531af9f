"""OCPP 2.x: what stations ask about certificates of others, for the vehicles to verify."""

import asyncio
import base64
from collections.abc import Mapping
from datetime import datetime

from ingufu.certificates.model import CertificateId, Revocation, RevocationAnswer
from ingufu.certificates.ocsp import BadAnswer
from ingufu.core.errors import PartnerFailed
from ingufu.ocpp.table import CallContext
from ingufu.ocpp.v2 import types
from ingufu.ocpp.v2.authorization import certificate_id

RESULT_LIMITS: Mapping[str, int] = {"2.0.1": 5500, "2.1": 18_000}  # characters of ocspResult
CHAIN_WAIT_S = 12.0  # for everything that one request asks about
_WORDS: Mapping[Revocation, types.CertificateStatusEnum] = {
    Revocation.GOOD: "Good",
    Revocation.REVOKED: "Revoked",
    Revocation.UNKNOWN: "Unknown",
}


async def certificate_status(
    context: CallContext, request: types.GetCertificateStatusRequest
) -> types.GetCertificateStatusResponse:
    """Hand on the responder's own signed answer (M06)."""
    try:
        answer = await context.services.contracts.status(certificate_id(request.ocsp_request_data))
    except (BadAnswer, PartnerFailed) as error:
        return _failed(str(error))
    result = base64.b64encode(answer.der).decode()
    if len(result) > RESULT_LIMITS[context.version]:
        return _failed("The responder's answer is longer than this version can carry.")
    return types.GetCertificateStatusResponse(status="Accepted", ocsp_result=result)


async def certificate_chain_status(
    context: CallContext, request: types.GetCertificateChainStatusRequest
) -> types.GetCertificateChainStatusResponse:
    """Say of each certificate whether it is revoked, and until when that holds (2.1 M07)."""
    asked = request.certificate_status_requests
    found = await asyncio.gather(*(_look_up(context, one) for one in asked))
    return types.GetCertificateChainStatusResponse(certificate_status=tuple(found))


async def _look_up(context: CallContext, asked: types.CertificateStatusRequestInfo) -> types.CertificateStatus:
    """Ask the addresses in their order, until one has an answer."""
    status: types.CertificateStatusEnum = "Failed"
    until: datetime = context.received_at
    try:
        async with asyncio.timeout(CHAIN_WAIT_S):
            for url in asked.urls:
                answer = await _try(context, asked, url)
                if answer is not None:
                    status, until = _WORDS[answer.status], answer.next_update or context.received_at
                    break
    except TimeoutError:
        status = "Failed"
    return types.CertificateStatus(
        certificate_hash_data=asked.certificate_hash_data, source=asked.source, status=status, next_update=until
    )


async def _try(context: CallContext, asked: types.CertificateStatusRequestInfo, url: str) -> RevocationAnswer | None:
    data, contracts = asked.certificate_hash_data, context.services.contracts
    id_ = CertificateId(
        algorithm=data.hash_algorithm,
        issuer_name_hash=data.issuer_name_hash,
        issuer_key_hash=data.issuer_key_hash,
        serial_number=data.serial_number,
        responder_url=url,
    )
    try:
        return await (contracts.listed(id_, url) if asked.source == "CRL" else contracts.status(id_))
    except (BadAnswer, PartnerFailed):
        return None


def _failed(why: str) -> types.GetCertificateStatusResponse:
    info = types.StatusInfo(reason_code="InternalError", additional_info=why[:512])
    return types.GetCertificateStatusResponse(status="Failed", status_info=info)
