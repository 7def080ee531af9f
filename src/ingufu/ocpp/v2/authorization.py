"""OCPP 2.x: id tokens and what is said of them."""

from msgspec import UNSET

from ingufu.authorization.model import Occasion, PresentedToken, TokenKind, Verdict
from ingufu.ocpp.table import CallContext
from ingufu.ocpp.v2 import types

GROUP_LIMIT = 36  # characters of an id token in 2.0.1; a longer group cannot be told


async def authorize(context: CallContext, request: types.AuthorizeRequest) -> types.AuthorizeResponse:
    """Say whether the token may charge. Contract certificates are not verified here, so none is vouched for (C07)."""
    has_certificate = request.certificate is not UNSET or request.iso15118_certificate_hash_data is not UNSET
    verdict = await context.services.authorization.check(
        context.work,
        token(request.id_token),
        station_id=context.station_id,
        evse=None,
        at=context.received_at,
        occasion=Occasion.AUTHORIZE,
    )
    return types.AuthorizeResponse(
        id_token_info=id_token_info(verdict), certificate_status="CertChainError" if has_certificate else UNSET
    )


def token(id_token: types.IdToken) -> PresentedToken:
    return PresentedToken(value=id_token.id_token, kind=id_token.type)


def id_token_info(verdict: Verdict) -> types.IdTokenInfo:
    """Return what the station may keep in its cache."""
    group = verdict.group_value
    return types.IdTokenInfo(
        status=verdict.status.value,
        cache_expiry_date_time=UNSET if verdict.expires_at is None else verdict.expires_at,
        group_id_token=UNSET
        if group is None or len(group) > GROUP_LIMIT
        else types.IdToken(id_token=group, type=TokenKind.CENTRAL),
        language1=UNSET if verdict.language is None else verdict.language[:8],
    )
