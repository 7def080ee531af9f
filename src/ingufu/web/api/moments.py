"""A session step by step, and as we knew it at an instant."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.billing.records.model import SessionPrice
from ingufu.core import errors
from ingufu.core.errors import NotFound
from ingufu.tariffs.model import AppliedTariff
from ingufu.views import moments as views
from ingufu.views import tariffs as tariff_views
from ingufu.views import transactions as transaction_views
from ingufu.views.moments import Moments, SessionAt
from ingufu.views.transactions import Instant
from ingufu.web.context import WebContext
from ingufu.web.routes import route


class AtQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At which instant."""

    at: Annotated[Instant, Meta(description="What had come by then counts, whenever it happened.")]


class PriceAtQuery(AtQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At which instant, and by which tariff."""

    tariff_id: (
        Annotated[str, Meta(max_length=100, description="As it was when the session began; else by its own.")] | None
    ) = None


@route("GET", "/transactions/{transaction_id:str}/moments", scope=Scope.TRANSACTIONS_READ, raises=(errors.NotFound,))
async def list_moments(web: WebContext, principal: Principal, transaction_id: str) -> Moments:
    """List a session step by step

    What the station reported and what came of it, with the messages as they went over the wire (`frames:read`) and
    the decisions on its id tokens with their rules (`tokens:read`), in the order in which we knew of each.
    """
    it = await transaction_views.get_transaction(web.services.database, transaction_id, principal.site_ids)
    return await views.list_moments(
        web.services.database,
        it,
        principal.site_ids,
        with_frames=Scope.FRAMES_READ in principal.scopes,
        with_decisions=Scope.TOKENS_READ in principal.scopes,
    )


@route(
    "GET",
    "/transactions/{transaction_id:str}/as-known",
    scope=Scope.TRANSACTIONS_READ,
    query=AtQuery,
    raises=(errors.NotFound,),
)
async def get_session_as_known(
    web: WebContext, principal: Principal, transaction_id: str, criteria: AtQuery
) -> SessionAt:
    """Get a session as we knew it at an instant

    Made anew from the reports and readings that had come by then, by the rules that hold now.
    """
    await transaction_views.get_transaction(web.services.database, transaction_id, principal.site_ids)
    known = await web.services.charging.as_known(transaction_id, criteria.at)
    return views.session_at(criteria.at, known, principal.site_ids)


@route(
    "GET",
    "/transactions/{transaction_id:str}/price-as-known",
    scope=Scope.MONEY_READ,
    query=PriceAtQuery,
    raises=(errors.NotFound, errors.InvalidInput),
)
async def get_price_as_known(
    web: WebContext, principal: Principal, transaction_id: str, criteria: PriceAtQuery
) -> SessionPrice:
    """Get what a session cost by what we knew at an instant

    Line by line: by its charge record if there was one by then, else as if it had ended at that instant. With
    `tariff_id`: by that tariff instead. Nothing is stored.
    """
    it = await transaction_views.get_transaction(web.services.database, transaction_id, principal.site_ids)
    records = web.services.charge_records
    tariffs: tuple[AppliedTariff, ...] = ()
    if criteria.tariff_id is not None:
        await tariff_views.check_seen(web.services.database, criteria.tariff_id, principal.site_ids)
        tariffs = (await records.tariff_at(criteria.tariff_id, it.started_at, until=it.ended_at),)
    found = await records.as_known(transaction_id, criteria.at, tariffs)
    if found is None:
        raise NotFound("Nothing of this session had come by then.")
    return found


ROUTES: tuple[HTTPRouteHandler, ...] = (list_moments, get_session_as_known, get_price_as_known)
