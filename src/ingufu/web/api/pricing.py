"""What a session would cost: which tariff applies to it and why, and the price line by line."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.core.errors import Forbidden, InvalidInput
from ingufu.tariffs import decide
from ingufu.tariffs.checking import Warned, warnings
from ingufu.tariffs.feeds import feed_ids, zone_of
from ingufu.tariffs.model import AppliedTariff, TariffKind, Terms
from ingufu.tariffs.price import price
from ingufu.tariffs.priced import Price, RoundingRule
from ingufu.tariffs.situations import Choice, Situation, kind_of_session
from ingufu.tariffs.supposing import suppose
from ingufu.tariffs.usage import Usage
from ingufu.web import access
from ingufu.web.api import tariffs as tariff_routes
from ingufu.web.api.ledger import books_of
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Instant = Annotated[datetime, Meta(tz=True)]
Id = Annotated[str, Meta(max_length=100)]
RAISES = (errors.NotFound, errors.InvalidInput, errors.Forbidden)
SHOWN = timedelta(days=2)  # of what feeds say
_MOST = Decimal(10_000_000)  # kWh or minutes: beyond any session


class AskedSituation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who charges where."""

    station: Annotated[Id | None, Meta(description="Id or identity of the station.")] = None
    evse: Annotated[Annotated[int, Meta(ge=1, le=2**31 - 1)] | None, Meta(description="Its number.")] = None
    site_id: Annotated[Id | None, Meta(description="Where no station is named.")] = None
    token: Annotated[str, Meta(max_length=255, description="Value of an id token.")] | None = None
    token_kind: Annotated[str, Meta(max_length=20, description="OCPP IdTokenEnumType.")] | None = None
    driver_id: Id | None = None
    group_id: Id | None = None
    plan: Annotated[Id | None, Meta(description="null: what the driver has subscribed to then.")] = None
    kind: Annotated[
        TariffKind | None,
        Meta(description="null: REGULAR if the token, driver, group or plan is known, else AD_HOC_PAYMENT."),
    ] = None


class SituationQuery(AskedSituation, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who charges where and when."""

    at: Annotated[Instant | None, Meta(description="When the session begins; null: now.")] = None


class SupposedUsage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is used: charging, then plugged in without asking for power."""

    energy_kwh: Decimal = Decimal(0)
    charging_min: Decimal = Decimal(0)
    idle_min: Decimal = Decimal(0)
    reserved_min: Annotated[Decimal, Meta(description="Reserved before the start.")] = Decimal(0)
    is_expired: Annotated[bool, Meta(description="Nobody came for the reservation.")] = False
    power_kw: Annotated[Decimal | None, Meta(description="null: energy by time.")] = None
    current_a: Annotated[Decimal | None, Meta(description="Summed over phases.")] = None
    started_at: Annotated[Instant | None, Meta(description="null: now.")] = None
    time_zone: Annotated[
        Annotated[str, Meta(max_length=64)] | None, Meta(description="null: that of the site, or UTC.")
    ] = None


class PreviewRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked: exactly one of a tariff, a situation that chooses one, and terms that are not stored."""

    usage: SupposedUsage
    tariff_id: Id | None = None
    version: Annotated[
        Annotated[int, Meta(ge=1, le=2**31 - 1)] | None, Meta(description="Of the tariff; null: the one in force then.")
    ] = None
    situation: AskedSituation | None = None
    terms: Terms | None = None


class Applying(msgspec.Struct, frozen=True, kw_only=True):
    """Which tariff applies, and each step of the choice in the order in which it was made."""

    situation: Situation
    at: datetime
    choice: Choice


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What the usage would cost. `price` null: no tariff applies."""

    price: Price | None = None
    applied: AppliedTariff | None = None
    choice: Choice | None = None
    warnings: Annotated[
        tuple[Warned, ...], Meta(description="What in the terms is allowed, and may still not be meant.")
    ] = ()


@route("GET", "/tariffs/applying", scope=Scope.TARIFFS_READ, query=SituationQuery, raises=RAISES)
async def get_applying_tariff(web: WebContext, principal: Principal, criteria: SituationQuery) -> Applying:
    """Get which tariff applies, and why

    The order is: driver, group, plan, EVSE, station, site, everyone. `choice.steps` says of each what was found there,
    and why it won or lost.
    """
    at = criteria.at or web.services.clock.now()
    situation, _ = await situation_of(web, principal, criteria, at)
    choice = await web.services.tariffs.applying(situation, at, until=at + SHOWN)
    return Applying(situation=situation, at=at, choice=choice)


@route("POST", "/tariffs/preview", status=200, scope=Scope.TARIFFS_READ, body=PreviewRequest, raises=RAISES)
async def preview_price(web: WebContext, principal: Principal, given: PreviewRequest) -> Preview:
    """Preview what a session would cost

    Line by line, by a tariff, by the one that applies in a situation, or by terms that are not stored yet. Nothing is
    changed.
    """
    asked = [part for part in (given.tariff_id, given.situation, given.terms) if part is not None]
    if len(asked) != 1:
        raise InvalidInput("Give either a tariff, a situation or terms.", field="tariff_id")
    usage = given.usage
    at = usage.started_at or web.services.clock.now()
    zone = None if usage.time_zone is None else zone_of(usage.time_zone).key
    choice: Choice | None = None
    applied: AppliedTariff | None
    rounding = RoundingRule()
    if given.situation is not None:
        situation, site_zone = await situation_of(web, principal, given.situation, at)
        choice = await web.services.tariffs.applying(situation, at, until=at)
        applied, zone = choice.applied, zone or site_zone
        rounding = await _rounding(web, situation)
    elif given.terms is not None:
        if principal.site_ids is not None and feed_ids(given.terms):
            raise Forbidden("You may not look at price feeds.")
        await web.services.tariffs.check(given.terms)
        applied = AppliedTariff(tariff_id="", version=0, terms=given.terms)
    else:
        applied = await _applied(web, principal, str(given.tariff_id), given.version, at)
    if applied is None:
        return Preview(choice=choice)
    supposed = _supposed(usage, at, zone or "UTC")
    until = max((stretch.ended_at for stretch in supposed.stretches), default=at)
    applied = await web.services.tariffs.applied_span(applied, at, until)
    return Preview(
        price=price(supposed, (applied,), rounding=rounding),
        applied=applied,
        choice=choice,
        warnings=warnings(applied.terms),
    )


async def situation_of(
    web: WebContext, principal: Principal, asked: AskedSituation, at: datetime
) -> tuple[Situation, str]:
    """Return the situation at an instant with all that is known of its station and its token, and its site's time zone.

    Raises NotFound, and Forbidden for people if the principal may not see them.
    """
    services = web.services
    group_id, driver_id, token_kind = asked.group_id, asked.driver_id, asked.token_kind
    if any((asked.token, asked.driver_id, asked.group_id, asked.plan)):
        if principal.site_ids is not None or Scope.TOKENS_READ not in principal.scopes:
            raise Forbidden("You may not look at drivers and tokens.")
        token = await services.authorization.find_token(asked.token, token_kind) if asked.token else None
        if token is not None:
            group_id, driver_id, token_kind = group_id or token.group_id, driver_id or token.driver_id, token.kind
            is_known = True
        else:
            is_known = any((driver_id, group_id, asked.plan))
    else:
        is_known = False
    plan = asked.plan or (None if driver_id is None else await services.authorization.plan_at(driver_id, at))
    station = None if asked.station is None else await access.station_of(web, principal, asked.station)
    site_id = asked.site_id if station is None else station.site_id
    if station is None and principal.site_ids is not None and site_id not in principal.site_ids:
        raise InvalidInput("Name a station or a site.", field="station")
    zone = "UTC" if site_id is None else (await services.sites.get(site_id)).time_zone
    situation = Situation(
        station_id=None if station is None else station.id,
        evse=asked.evse,
        site_id=site_id,
        driver_id=driver_id,
        group_id=group_id,
        plan=plan,
        kind=asked.kind or kind_of_session(token_kind, is_known=is_known),
    )
    return situation, zone


async def _rounding(web: WebContext, situation: Situation) -> RoundingRule:
    """Return how whoever sells at the site rounds; where no site is known, as usual."""
    if situation.site_id is None:
        return RoundingRule()
    return await web.services.money.entities.rounding_for(situation.site_id, await books_of(web))


async def _applied(
    web: WebContext, principal: Principal, tariff_id: str, number: int | None, at: datetime
) -> AppliedTariff:
    tariff = await tariff_routes.row(web, principal, tariff_id)
    service = web.services.tariffs
    version = await service.version_at(tariff_id, at) if number is None else await service.version(tariff_id, number)
    if version is None:
        raise InvalidInput("The tariff has no version in force at that time.", field="started_at")
    return decide.applied(tariff.name, version)


def _supposed(usage: SupposedUsage, at: datetime, zone: str) -> Usage:
    for name in ("energy_kwh", "charging_min", "idle_min", "reserved_min", "power_kw", "current_a"):
        value = getattr(usage, name)
        if value is not None and not (value.is_finite() and 0 <= value <= _MOST):
            raise InvalidInput("Give a number that is not negative, and not beyond any session.", field=name)
    return suppose(
        started_at=at,
        energy_kwh=usage.energy_kwh,
        charging_min=usage.charging_min,
        idle_min=usage.idle_min,
        power_kw=usage.power_kw,
        current_a=usage.current_a,
        time_zone=zone,
        reserved_min=usage.reserved_min,
        is_expired=usage.is_expired,
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (get_applying_tariff, preview_price)
