"""OCPP 2.x: id tokens and what is said of them, contract certificates included."""

from msgspec import UNSET

from ingufu.authorization.model import PresentedToken, TokenKind, Verdict
from ingufu.certificates.model import CertificateId, Presented
from ingufu.ocpp import contracts
from ingufu.ocpp.table import CallContext, given
from ingufu.ocpp.v2 import types

GROUP_LIMIT = 36  # characters of an id token in 2.0.1; a longer group cannot be told
MESSAGE_LIMIT = 512  # characters of a message in 2.0.1


async def authorize(context: CallContext, request: types.AuthorizeRequest) -> types.AuthorizeResponse:
    """Say whether the token may charge, and whether the certificate of its contract holds (C01 to C16)."""
    verdict, status = await contracts.authorize(context, token(request.id_token), _presented(request))
    return types.AuthorizeResponse(
        id_token_info=id_token_info(verdict), certificate_status=UNSET if status is None else status.value
    )


def token(id_token: types.IdToken) -> PresentedToken:
    return PresentedToken(value=id_token.id_token, kind=id_token.type)


def id_token_info(verdict: Verdict) -> types.IdTokenInfo:
    """Return what the station may keep in its cache."""
    group = verdict.group_value
    return types.IdTokenInfo(
        status=verdict.status.value,
        cache_expiry_date_time=UNSET if verdict.expires_at is None else verdict.expires_at,
        charging_priority=UNSET if verdict.priority is None else verdict.priority,
        group_id_token=UNSET
        if group is None or len(group) > GROUP_LIMIT
        else types.IdToken(id_token=group, type=TokenKind.CENTRAL),
        language1=UNSET if verdict.language is None else verdict.language[:8],
        language2=UNSET if verdict.second_language is None else verdict.second_language[:8],
        evse_id=verdict.evses or UNSET,
        personal_message=UNSET
        if verdict.message is None
        else types.MessageContent(format="UTF8", content=verdict.message[:MESSAGE_LIMIT]),
    )


def certificate_id(data: types.OCSPRequestData) -> CertificateId:
    return CertificateId(
        algorithm=data.hash_algorithm,
        issuer_name_hash=data.issuer_name_hash,
        issuer_key_hash=data.issuer_key_hash,
        serial_number=data.serial_number,
        responder_url=data.responder_url,
    )


def _presented(request: types.AuthorizeRequest) -> Presented | None:
    """Return what the station shows of a contract's certificate, None if nothing."""
    pem, hashes = given(request.certificate), given(request.iso15118_certificate_hash_data)
    if pem is None and hashes is None:
        return None
    ids = tuple(certificate_id(one) for one in hashes or ())
    return Presented(contract=request.id_token.id_token, pem=pem, ids=ids)
