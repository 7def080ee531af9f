"""OCPP 1.6: Plug & Charge by DataTransfer, as the alliance's note on ISO 15118 has it; no other vendor is known."""

import base64

import msgspec
from msgspec import UNSET, UnsetType, field

from ingufu.authorization.model import PresentedToken, TokenKind
from ingufu.certificates.model import CertificateId, Presented
from ingufu.certificates.ocsp import BadAnswer
from ingufu.core.errors import PartnerFailed
from ingufu.ocpp import contracts
from ingufu.ocpp.table import CallContext, given
from ingufu.ocpp.v16 import refusals, types

VENDOR = "org.openchargealliance.iso15118pnc"
RESULT_LIMIT = 5500  # characters of ocspResult


class HashData(msgspec.Struct, frozen=True):
    """A certificate to look up (OCSPRequestDataType of 2.0.1)."""

    hash_algorithm: str = field(name="hashAlgorithm")
    issuer_name_hash: str = field(name="issuerNameHash")
    issuer_key_hash: str = field(name="issuerKeyHash")
    serial_number: str = field(name="serialNumber")
    responder_url: str = field(name="responderURL", default="")


class Contract(msgspec.Struct, frozen=True):
    """An id token of 2.0.1."""

    id_token: str = field(name="idToken")
    type: str = TokenKind.EMAID


class Authorize(msgspec.Struct, frozen=True):
    """What a station asks about a contract."""

    id_token: Contract | str = field(name="idToken")
    certificate: str | UnsetType | None = UNSET
    hashes: tuple[HashData, ...] | UnsetType | None = field(name="iso15118CertificateHashData", default=UNSET)


class CertificateStatus(msgspec.Struct, frozen=True):
    """What a station asks about a certificate, for the vehicle."""

    data: HashData = field(name="ocspRequestData")


async def data_transfer(context: CallContext, request: types.DataTransferRequest) -> types.DataTransferResponse:
    """Answer what the note on ISO 15118 knows; other vendors' messages are none of ours (1.6 4.3)."""
    if request.vendor_id.casefold() != VENDOR:
        return await refusals.data_transfer(context, request)
    text = given(request.data) or ""
    try:
        match given(request.message_id):
            case "Authorize":
                return _accepted(await _authorize(context, msgspec.json.decode(text, type=Authorize)))
            case "GetCertificateStatus":
                return _accepted(await _certificate_status(context, msgspec.json.decode(text, type=CertificateStatus)))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return types.DataTransferResponse(status="Rejected")
    return types.DataTransferResponse(status="UnknownMessageId")


async def _authorize(context: CallContext, asked: Authorize) -> dict[str, object]:
    token = asked.id_token if isinstance(asked.id_token, Contract) else Contract(asked.id_token)
    hashes = given(asked.hashes) or ()
    pem = given(asked.certificate) or None
    presented = Presented(contract=token.id_token, pem=pem, ids=tuple(_id(one) for one in hashes[:4]))
    verdict, status = await contracts.authorize(
        context, PresentedToken(value=token.id_token, kind=token.type), presented
    )
    info: dict[str, object] = {"status": verdict.status.value}
    if verdict.expires_at is not None:
        info["cacheExpiryDateTime"] = verdict.expires_at
    if verdict.group_value is not None:
        info["groupIdToken"] = {"idToken": verdict.group_value[:36], "type": TokenKind.CENTRAL.value}
    return {"idTokenInfo": info, "certificateStatus": None if status is None else status.value}


async def _certificate_status(context: CallContext, asked: CertificateStatus) -> dict[str, object]:
    try:
        answer = await context.services.contracts.status(_id(asked.data))
    except (BadAnswer, PartnerFailed):
        return {"status": "Failed"}
    result = base64.b64encode(answer.der).decode()
    return {"status": "Failed"} if len(result) > RESULT_LIMIT else {"status": "Accepted", "ocspResult": result}


def _id(data: HashData) -> CertificateId:
    return CertificateId(
        algorithm=data.hash_algorithm,
        issuer_name_hash=data.issuer_name_hash,
        issuer_key_hash=data.issuer_key_hash,
        serial_number=data.serial_number,
        responder_url=data.responder_url,
    )


def _accepted(answer: dict[str, object]) -> types.DataTransferResponse:
    return types.DataTransferResponse(status="Accepted", data=msgspec.json.encode(answer).decode())
