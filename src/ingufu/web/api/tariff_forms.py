"""Tariffs in other forms: texts for displays, OCPI for partners, OCPP 2.1 for stations; and another one mid-session."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.core.errors import InvalidInput
from ingufu.tariffs import texts
from ingufu.tariffs.conversion import Converted, Note, Refusal
from ingufu.tariffs.conversion.ocpi import Version, from_ocpi, to_ocpi
from ingufu.tariffs.conversion.ocpp import to_ocpp
from ingufu.tariffs.model import AppliedTariff, Tariff, TariffVersion
from ingufu.tariffs.service import NewTariff
from ingufu.views.tariffs import TariffRow
from ingufu.web import access
from ingufu.web.api import tariffs as tariff_routes
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Instant = Annotated[datetime, Meta(tz=True)]
Number = Annotated[
    Annotated[int, Meta(ge=1, le=2**31 - 1)] | None, Meta(description="Of the tariff; null: the one in force now.")
]
Party = Annotated[str, Meta(pattern="^[A-Za-z0-9]{3}$", description="party_id of OCPI.")]
Country = Annotated[str, Meta(pattern="^[A-Za-z]{2}$", description="ISO 3166-1 alpha-2.")]
RAISES = (errors.NotFound, errors.InvalidInput)
_encode = msgspec.json.Encoder(decimal_format="number").encode


class VersionQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which version."""

    version: Number = None


class OcpiQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For which release of OCPI, and in whose name."""

    version: Number = None
    release: Version = Version.V230
    country_code: Country = "RW"
    party_id: Party = "ING"


class OcpiTariff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A partner's tariff."""

    tariff: Annotated[msgspec.Raw, Meta(description="As OCPI 2.2.1 or 2.3.0 has it.")]
    name: Annotated[str, Meta(min_length=1, max_length=100, description="What it is called here.")]
    valid_from: Annotated[Instant | None, Meta(description="null: its own start if it is to come, else now.")] = None


class SwitchTariff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To which tariff a session changes."""

    tariff_id: Annotated[str, Meta(max_length=100)]
    from_at: Annotated[Instant | None, Meta(description="null: now.")] = None


class PriceText(msgspec.Struct, frozen=True, kw_only=True):
    """What a tariff costs in plain words."""

    language: str
    text: str
    ascii: Annotated[str, Meta(description="For displays with few letters.")]
    is_own: Annotated[bool, Meta(description="The operator's words; else they are made of the terms.")]


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A tariff in another form; `tariff` null: it cannot be said there, for these reasons."""

    tariff: Annotated[msgspec.Raw | None, Meta(description="Numbers are exact.")] = None
    refusals: tuple[Refusal, ...] = ()
    notes: Annotated[tuple[Note, ...], Meta(description="What is said there a little differently.")] = ()


@route("GET", "/tariffs/{tariff_id:str}/texts", scope=Scope.TARIFFS_READ, query=VersionQuery, raises=RAISES)
async def get_price_texts(
    web: WebContext, principal: Principal, tariff_id: str, criteria: VersionQuery
) -> list[PriceText]:
    """Get what a tariff costs in plain words

    In English, French, Kinyarwanda and Swahili, and in the languages of the operator's own texts.
    """
    tariff, version = await _of(web, principal, tariff_id, criteria.version)
    languages = dict.fromkeys((*texts.LANGUAGES, *tariff.texts))
    return [
        PriceText(
            language=language,
            text=texts.text_of(tariff, version.terms, language),
            ascii=texts.text_of(tariff, version.terms, language, is_ascii=True),
            is_own=language in tariff.texts,
        )
        for language in languages
    ]


@route("GET", "/tariffs/{tariff_id:str}/ocpi", scope=Scope.TARIFFS_READ, query=OcpiQuery, raises=RAISES)
async def export_ocpi(web: WebContext, principal: Principal, tariff_id: str, criteria: OcpiQuery) -> Form:
    """Get a tariff as OCPI has it

    What OCPI cannot hold is told in `refusals`: grace for idle time, price feeds, several taxes on one price.
    """
    tariff, version = await _of(web, principal, tariff_id, criteria.version)
    country, party = criteria.country_code.upper(), criteria.party_id.upper()
    return _form(to_ocpi(tariff, version, criteria.release, country_code=country, party_id=party))


@route("GET", "/tariffs/{tariff_id:str}/ocpp", scope=Scope.TARIFFS_READ, query=VersionQuery, raises=RAISES)
async def export_ocpp(web: WebContext, principal: Principal, tariff_id: str, criteria: VersionQuery) -> Form:
    """Get a tariff as OCPP 2.1 has it

    The TariffType of SetDefaultTariff, with what displays show in four languages. What a station could not price as we
    do is told in `refusals`.
    """
    tariff, version = await _of(web, principal, tariff_id, criteria.version)
    said = texts.texts(tariff, version.terms) | tariff.texts
    return _form(to_ocpp(tariff, version, texts=said, names_start=True))


@route(
    "POST",
    "/tariffs/import-ocpi",
    scope=Scope.TARIFFS_WRITE,
    is_for_network=True,
    body=OcpiTariff,
    raises=tariff_routes.CHANGES,
)
async def import_ocpi(web: WebContext, principal: Principal, given: OcpiTariff) -> TariffRow:
    """Take in a tariff of OCPI

    It becomes a tariff of ours. What cannot be held is refused with its place: nothing of a price is dropped.
    """
    found = from_ocpi(bytes(given.tariff))
    if found.terms is None:
        reasons = "; ".join(f"{one.field}: {one.detail or one.code.value}" for one in found.refusals)
        raise InvalidInput(f"The tariff cannot be held. {reasons}", field="tariff")
    now = web.services.clock.now()
    starts = found.valid_from if found.valid_from is not None and found.valid_from > now else None
    new = NewTariff(
        organisation_id=await access.organisation_of(web, principal),
        name=given.name,
        terms=found.terms,
        kind=found.kind,
        texts=found.texts,
        valid_from=given.valid_from or starts,
    )
    async with web.services.database.work() as work:
        tariff, version = await web.services.tariffs.create(work, new, by=principal.name)
        after = msgspec.structs.asdict(tariff) | {"terms": version.terms}
        access.note(web, work, principal, "tariff.import", tariff.id, after=after)
    return await tariff_routes.row(web, principal, tariff.id)


@route(
    "POST",
    "/transactions/{transaction_id:str}/tariff",
    status=200,
    scope=Scope.TARIFFS_WRITE,
    is_for_network=True,
    body=SwitchTariff,
    raises=tariff_routes.CHANGES,
)
async def switch_tariff(
    web: WebContext, principal: Principal, transaction_id: str, given: SwitchTariff
) -> AppliedTariff:
    """Let a session be priced by another tariff

    From now or another instant of the session on; what was used before keeps its price. The currency stays.
    """
    services = web.services
    transaction = await services.charging.get(transaction_id)
    running = await services.charge_records.running(transaction_id)
    if running.record_id is not None:
        raise errors.Conflict("The session is billed already; correct its charge record instead.")
    at = given.from_at or services.clock.now()
    if at < transaction.started_at or (transaction.ended_at is not None and at >= transaction.ended_at):
        raise InvalidInput("That is not within the session.", field="from_at")
    currency = None if running.price is None else running.price.currency
    async with services.database.work() as work:
        made = await services.tariffs.switch(
            work, transaction_id, given.tariff_id, at, by=principal.name, currency=currency
        )
        details: dict[str, Any] = {"tariff": given.tariff_id, "version": made.version, "from": at.isoformat()}
        access.note(web, work, principal, "transaction.switch-tariff", transaction_id, details)
    return made


async def _of(
    web: WebContext, principal: Principal, tariff_id: str, number: int | None
) -> tuple[Tariff, TariffVersion]:
    """Return the tariff and the version that is asked for. Raises NotFound, InvalidInput if none is in force."""
    await tariff_routes.row(web, principal, tariff_id)
    service = web.services.tariffs
    now = web.services.clock.now()
    version = await service.version_at(tariff_id, now) if number is None else await service.version(tariff_id, number)
    if version is None:
        raise InvalidInput("The tariff has no version in force now; name one.", field="version")
    return await service.get(tariff_id), version


def _form(converted: Converted) -> Form:
    tariff = None if converted.tariff is None else msgspec.Raw(_encode(converted.tariff))
    return Form(tariff=tariff, refusals=converted.refusals, notes=converted.notes)


ROUTES: tuple[HTTPRouteHandler, ...] = (get_price_texts, export_ocpi, export_ocpp, import_ocpi, switch_tariff)
