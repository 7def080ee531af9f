"""Connection attempts: who cannot connect, why, and what to do about it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.stations.model import AttemptOutcome
from ingufu.views import console_attempts
from ingufu.views.attempts import AttemptQuery
from ingufu.views.diagnosis import AttemptGroup, GroupQuery, list_groups
from ingufu.views.timeline import EventFilter
from ingufu.web.console import live, present
from ingufu.web.console.pages import Pages, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.live import LiveEvent, LiveHub
from ingufu.web.spreadsheets import export_hrefs

ROWS = 50
ADDRESSES = 20
_PERIODS = {"": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
_CHANGES = frozenset({"ConnectionRefused", "StationDiscovered", "StationChanged", "StationConnected"})


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list as its address has it."""

    q: Annotated[str, Meta(max_length=200)] = ""
    cause: AttemptOutcome | None = None
    period: Literal["7d", "30d"] | None = None
    cursor: Annotated[str, Meta(max_length=1000)] = ""


@page("/attempts", scope=Scope.STATIONS_READ, query=ListQuery)
async def list_attempts(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ListQuery
) -> Response[str]:
    """Show refused connection attempts"""
    since = web.services.clock.now() - _PERIODS[criteria.period or ""]
    found = await console_attempts.list_refusals(
        web.services.database,
        principal.site_ids,
        since=since,
        text=criteria.q,
        outcome=criteria.cause,
        limit=ROWS,
        cursor=criteria.cursor or None,
    )
    asked: dict[str, str] = msgspec.to_builtins(msgspec.structs.replace(criteria, cursor=""))
    words = pages.environment(request).get_template("parts/words.html").module
    causes = [
        (outcome.value, str(words.outcome_word(outcome)))  # type: ignore[attr-defined]  # a macro of it
        for outcome in AttemptOutcome
        if outcome is not AttemptOutcome.CONNECTED
    ]
    return await pages.show(
        request,
        "pages/attempts/list.html",
        refusals=[(one, present.zone(one.time_zone)) for one in found.items],
        query=criteria,
        causes=causes,
        is_filtered=bool(asked),
        next_href=_href({**asked, "cursor": found.next}) if found.next else None,
        first_href=_href(asked) if criteria.cursor else None,
        export_hrefs=export_hrefs("/connection-attempts", _exported(criteria, since)),
        by_address=await _by_address(web, principal, criteria),
        addresses=web.settings.ocpp_addresses,
        here_href=_here(request),
    )


@page("/live/attempts", scope=Scope.EVENTS_READ)
async def follow_attempts(hub: LiveHub, principal: Principal, request: Asked) -> Stream:
    """Tell that there is something new among the attempts"""

    async def tell(events: Sequence[LiveEvent] | None) -> live.Change:
        return live.Change(is_stale=events is None or bool(events))

    return live.stream(request, hub, principal, EventFilter(kinds=_CHANGES, site_ids=principal.site_ids), tell)


async def _by_address(web: WebContext, principal: Principal, criteria: ListQuery) -> list[AttemptGroup]:
    """Return the addresses that fail, where the list is not narrowed to something."""
    if criteria.q or criteria.cause or criteria.cursor:
        return []
    hours = int(_PERIODS[criteria.period or ""].total_seconds() // 3600)
    query = GroupQuery(hours=hours, limit=ADDRESSES)
    return await list_groups(web.services.database, query, web.services.clock.now(), principal.site_ids)


def _exported(criteria: ListQuery, since: datetime) -> AttemptQuery:
    """Return what the API is asked for the same attempts, each by itself."""
    return AttemptQuery(
        identity=criteria.q.strip() or None,
        outcome=(criteria.cause,) if criteria.cause else (),
        is_refused=True,
        since=since.replace(microsecond=0),
    )


def _href(asked: dict[str, str]) -> str:
    return path_of("attempts") + (f"?{urlencode(asked)}" if asked else "")


def _here(request: Asked) -> str:
    query = request.scope["query_string"].decode("latin-1")
    return request.url.path + (f"?{query}" if query else "")


ROUTES: tuple[HTTPRouteHandler, ...] = (list_attempts, follow_attempts)
