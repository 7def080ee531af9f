"""Authorization decisions: who was refused at which station and why, and who was let charge."""

import contextlib
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.authorization.model import VerdictReason, VerdictStatus
from ingufu.views import console_sites, decisions
from ingufu.views.decisions import DecisionQuery, DecisionRow
from ingufu.web.console import present
from ingufu.web.console.pages import Pages, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.spreadsheets import export_hrefs

ROWS = 50


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list as its address has it."""

    q: Annotated[str, Meta(max_length=255)] = ""  # the card
    station: Annotated[str, Meta(max_length=100)] = ""
    result: Literal["", "all", "accepted"] = ""  # refused, unless said otherwise
    reason: VerdictReason | None = None
    token: Annotated[str, Meta(max_length=100)] = ""  # a card that is known, by its id
    since: date | None = None
    until: date | None = None
    cursor: Annotated[str, Meta(max_length=1000)] = ""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as a row, in the time of its site, with the pages of what it names that the reader may open."""

    it: DecisionRow
    zone: Any  # tzinfo
    station_href: str | None
    card_href: str | None
    session_href: str | None


@page("/decisions", scope=Scope.TOKENS_READ, is_for_fleets=True, query=ListQuery)
async def show_decisions(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ListQuery
) -> Response[str]:
    """Show decisions on cards"""
    places = await console_sites.list_places(web.services.database, principal.site_ids)
    query = _wanted(criteria, present.zone(present.common_zone([place.time_zone for place in places])))
    found = await decisions.list_decisions(web.services.database, query, principal.site_ids, principal.fleet_id)
    asked: dict[str, str] = msgspec.to_builtins(msgspec.structs.replace(criteria, cursor=""))
    words: Any = pages.environment(request).get_template("parts/words.html").module
    reasons = sorted(((one.value, str(words.reason_word(one.value))) for one in VerdictReason), key=lambda one: one[1])
    return await pages.show(
        request,
        "pages/decisions/list.html",
        rows=[_row(one, principal) for one in found.items],
        query=criteria,
        reasons=reasons,
        is_filtered=bool(asked),
        next_href=_href({**asked, "cursor": found.next}) if found.next else None,
        first_href=_href(asked) if criteria.cursor else None,
        export_hrefs=export_hrefs("/authorization-decisions", query),
    )


def _wanted(criteria: ListQuery, zone: tzinfo) -> DecisionQuery:
    since = None if criteria.since is None else datetime.combine(criteria.since, time(), zone)
    until = None
    if criteria.until is not None:
        with contextlib.suppress(OverflowError):  # the last day that calendars know has no day after
            until = datetime.combine(criteria.until + timedelta(days=1), time(), zone)
    return DecisionQuery(
        token=criteria.q.strip() or None,
        token_id=criteria.token or None,
        station=criteria.station.strip() or None,
        status=VerdictStatus.ACCEPTED if criteria.result == "accepted" else None,
        is_refused=None if criteria.result else True,
        reason=criteria.reason,
        since=since,
        until=until,
        limit=ROWS,
        cursor=criteria.cursor or None,
    )


def _row(it: DecisionRow, principal: Principal) -> Row:
    is_tied = principal.site_ids is not None and principal.fleet_id is None
    opens_stations = Scope.STATIONS_READ in principal.scopes and principal.fleet_id is None
    return Row(
        it=it,
        zone=present.zone(it.time_zone),
        station_href=path_of("stations", it.station_id) if opens_stations and it.station_identity else None,
        card_href=path_of("tokens", it.token_id) if it.token_id and not is_tied else None,
        session_href=(
            path_of("sessions", it.transaction_id)
            if it.transaction_id and Scope.TRANSACTIONS_READ in principal.scopes
            else None
        ),
    )


def _href(asked: dict[str, str]) -> str:
    return path_of("decisions") + (f"?{urlencode(asked)}" if asked else "")


ROUTES: tuple[HTTPRouteHandler, ...] = (show_decisions,)
