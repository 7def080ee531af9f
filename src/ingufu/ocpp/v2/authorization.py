"""OCPP 2.x: id tokens and what is said of them, contract certificates included."""

from collections.abc import Mapping

from msgspec import UNSET

from ingufu.authorization.model import Occasion, PresentedToken, TokenKind, Verdict, VerdictStatus
from ingufu.certificates.model import CertificateId, ContractStatus, ContractVerdict, Presented
from ingufu.ocpp.table import CallContext, given
from ingufu.ocpp.v2 import types

GROUP_LIMIT = 36  # characters of an id token in 2.0.1; a longer group cannot be told
MESSAGE_LIMIT = 512  # characters of a message in 2.0.1
_REFUSALS: Mapping[ContractStatus, VerdictStatus] = {
    ContractStatus.EXPIRED: VerdictStatus.EXPIRED
}  # every other one is "Invalid" (C07.FR.05 to 11)


async def authorize(context: CallContext, request: types.AuthorizeRequest) -> types.AuthorizeResponse:
    """Say whether the token may charge, and whether the certificate of its contract holds (C01 to C16).

    Responders are asked before anything is written: other stations do not wait.
    """
    contract = await _judge_contract(context, request)
    refused = None
    if contract is not None and not contract.is_accepted:
        refused = _REFUSALS.get(contract.status, VerdictStatus.INVALID)
    verdict = await context.services.authorization.check(
        context.work,
        token(request.id_token),
        station_id=context.station_id,
        evse=None,
        at=context.received_at,
        occasion=Occasion.AUTHORIZE,
        refused=refused,
    )
    return types.AuthorizeResponse(
        id_token_info=id_token_info(verdict),
        certificate_status=UNSET if contract is None else _certificate_status(contract, verdict),
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


async def _judge_contract(context: CallContext, request: types.AuthorizeRequest) -> ContractVerdict | None:
    """Return what holds of the contract's certificate, None if the station shows none."""
    pem, hashes = given(request.certificate), given(request.iso15118_certificate_hash_data)
    if pem is None and hashes is None:
        return None
    presented = Presented(
        contract=request.id_token.id_token, pem=pem, ids=tuple(certificate_id(one) for one in hashes or ())
    )
    return await context.services.contracts.judge(presented)


def _certificate_status(contract: ContractVerdict, verdict: Verdict) -> types.AuthorizeCertificateStatusEnum:
    """Return the word for the certificate; one that holds for a contract that was blocked is cancelled (C07)."""
    if contract.is_accepted and verdict.status is VerdictStatus.BLOCKED:
        return "ContractCancelled"
    word: types.AuthorizeCertificateStatusEnum = contract.status.value
    return word
