"""OCPP 1.6: id tags and what is said of them."""

from collections.abc import Mapping

from msgspec import UNSET

from ingufu.authorization.model import Occasion, PresentedToken, TokenKind, Verdict, VerdictStatus
from ingufu.ocpp.table import CallContext
from ingufu.ocpp.v16 import types

PARENT_LIMIT = 20  # characters of an IdToken in 1.6; a longer group cannot be told

STATUSES: Mapping[VerdictStatus, types.IdTagInfoStatusEnum] = {
    VerdictStatus.ACCEPTED: "Accepted",
    VerdictStatus.BLOCKED: "Blocked",
    VerdictStatus.EXPIRED: "Expired",
    VerdictStatus.CONCURRENT_TX: "ConcurrentTx",
}  # all else is "Invalid"


async def authorize(context: CallContext, request: types.AuthorizeRequest) -> types.AuthorizeResponse:
    verdict = await context.services.authorization.check(
        context.work,
        token(request.id_tag, context),
        station_id=context.station_id,
        evse=None,
        at=context.received_at,
        occasion=Occasion.AUTHORIZE,
    )
    return types.AuthorizeResponse(id_tag_info=id_tag_info(verdict))


def token(id_tag: str, context: CallContext) -> PresentedToken:
    """Return what was presented; some stations have cards that stand for charging without one (quirks 42, 44)."""
    if context.coping is not None and context.coping.is_free(id_tag):
        return PresentedToken(value=id_tag, kind=TokenKind.NO_AUTHORIZATION)
    return PresentedToken(value=id_tag)


def id_tag_info(verdict: Verdict) -> types.IdTagInfo:
    """Return what the station may keep in its cache."""
    group = verdict.group_value
    return types.IdTagInfo(
        status=STATUSES.get(verdict.status, "Invalid"),
        expiry_date=UNSET if verdict.expires_at is None else verdict.expires_at,
        parent_id_tag=UNSET if group is None or len(group) > PARENT_LIMIT else group,
    )
