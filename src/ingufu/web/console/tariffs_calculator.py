"""What would a session cost: by the tariff that applies somewhere, or by one that is named; two side by side."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import Forbidden, InvalidInput, NotFound
from ingufu.tariffs.priced import Price
from ingufu.tariffs.situations import StepCode
from ingufu.views import tariffs as views
from ingufu.views.console_sites import SitePlace
from ingufu.views.tariffs import TariffQuery
from ingufu.web import access
from ingufu.web.api import pricing
from ingufu.web.console import present, tariffs_places
from ingufu.web.console.pages import Pages, page, path_of
from ingufu.web.console.price_words import text
from ingufu.web.console.tariffs import words_of
from ingufu.web.console.tariffs_supposing import usage_of
from ingufu.web.console.tariffs_words import TariffWords
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.routes import function_of

OFFERED = 200
_Text = Annotated[str, Meta(max_length=255)]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked, as it stands in the address: a calculation can be sent to somebody."""

    kwh: _Text = ""
    minutes: _Text = ""
    idle: _Text = ""
    start: _Text = ""
    site: _Text = ""
    station: _Text = ""
    token: _Text = ""
    tariff: _Text = ""
    other: _Text = ""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a session costs by one tariff, and why by that one."""

    title: str
    href: str = ""
    price: Price | None = None
    steps: tuple[tuple[str, bool], ...] = ()
    note: str = ""


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks what, and in which zone."""

    web: WebContext
    principal: Principal
    question: Question
    words: TariffWords
    zone_name: str


@page("/tariffs/calculator", scope=Scope.TARIFFS_READ, query=Question)
async def show_calculator(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: Question
) -> Response[str]:
    """Show what a session would cost"""
    words = words_of(pages, request)
    sites = await tariffs_places.sites_of(web, principal)
    form = present.Entered(msgspec.structs.asdict(criteria))
    asking = Asking(
        web=web,
        principal=principal,
        question=criteria,
        words=words,
        zone_name=await _zone(web, principal, criteria, sites),
    )
    errors: list[tuple[str, str]] = []
    results: list[Result] = []
    if criteria.kwh or criteria.minutes or criteria.idle:
        try:
            results = await _results(asking)
        except (InvalidInput, NotFound, Forbidden) as error:
            errors = [(_field(error, criteria), error.message)]
    query = TariffQuery(is_retired=False, limit=OFFERED)
    offered = await views.list_tariffs(web.services.database, query, principal.site_ids, web.services.clock.now())
    return await pages.show(
        request,
        "pages/tariffs/calculator.html",
        status=422 if errors else 200,
        form=form,
        errors=errors,
        tariffs=[(row.id, row.name) for row in offered.items],
        sites=[(site.id, site.name) for site in sites],
        results=results,
        zone_name=asking.zone_name,
    )


async def _results(asking: Asking) -> list[Result]:
    question = asking.question
    first = await _by_tariff(asking, question.tariff) if question.tariff else await _by_situation(asking)
    return [first, await _by_tariff(asking, question.other)] if question.other else [first]


async def _by_tariff(asking: Asking, tariff_id: str) -> Result:
    given = pricing.PreviewRequest(usage=_usage(asking), tariff_id=tariff_id)
    found: pricing.Preview = await function_of(pricing.preview_price)(asking.web, asking.principal, given)
    return _result(asking, found, text(asking.words.speech, "Chosen by hand, wherever it applies."))


async def _by_situation(asking: Asking) -> Result:
    """Return the price by the tariff that applies there and then, with each step of the choice."""
    question = asking.question
    named, _, number = question.station.partition(":")
    if number and not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise InvalidInput(text(asking.words.speech, "Name station and EVSE, as in KGL-01:2."), field="station")
    situation = pricing.SituationQuery(
        station=named.strip() or None,
        evse=int(number) if number else None,
        site_id=question.site or None,
        token=question.token or None,
    )
    given = pricing.PreviewRequest(usage=_usage(asking), situation=situation)
    found: pricing.Preview = await function_of(pricing.preview_price)(asking.web, asking.principal, given)
    return _result(asking, found, "")


def _usage(asking: Asking) -> pricing.SupposedUsage:
    return usage_of(
        lambda name: getattr(asking.question, name).strip(),
        asking.words.speech,
        present.zone(asking.zone_name),
        asking.zone_name,
    )


def _result(asking: Asking, found: pricing.Preview, note: str) -> Result:
    words, zone = asking.words, present.zone(asking.zone_name)
    steps = found.choice.steps if found.choice is not None else ()
    applied = found.applied
    if applied is None:
        title, href = text(words.speech, "No tariff applies"), ""
        note = text(
            words.speech, "A session there has no price and is not billed. Give a tariff to the site, or to everyone."
        )
    else:
        title = text(words.speech, "%(name)s, version %(number)s", name=applied.name, number=applied.version)
        href = path_of("tariffs", applied.tariff_id)
    return Result(
        title=title,
        href=href,
        price=found.price,
        steps=tuple((words.step(step, zone), step.code is StepCode.WINS) for step in steps),
        note=note,
    )


async def _zone(web: WebContext, principal: Principal, question: Question, sites: Sequence[SitePlace]) -> str:
    """Return the zone of the place that is asked about, or the one that all sites share."""
    zones = {site.id: site.time_zone for site in sites}
    identity = question.station.partition(":")[0].strip()
    if identity:
        try:
            station = await access.station_of(web, principal, identity)
        except NotFound:
            return "UTC"  # said beside the field
        return zones.get(station.site_id or "", "UTC")
    return zones.get(question.site) or present.common_zone(list(zones.values()))


def _field(error: InvalidInput | NotFound | Forbidden, question: Question) -> str:
    if isinstance(error, Forbidden):
        return "token"
    if isinstance(error, NotFound):
        return "station" if question.station else "tariff"
    known = {"energy_kwh": "kwh", "charging_min": "minutes", "idle_min": "idle", "started_at": "start"}
    field = error.field or ""
    return known.get(field, field if field in Question.__struct_fields__ else "tariff")


ROUTES: tuple[HTTPRouteHandler, ...] = (show_calculator,)
