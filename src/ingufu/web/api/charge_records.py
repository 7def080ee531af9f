"""Charge records: what sessions came to, corrected by credits, and told in OCPI's words, as CSV and as Parquet."""

from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.billing.records.columns import SHEET
from ingufu.billing.records.model import ChargeRecord, Rating, SessionPrice
from ingufu.billing.records.ocpi import OcpiVersion, Party, SignedReading, cdr_of, encode
from ingufu.core import errors
from ingufu.tariffs.conversion.ocpi import Version, to_ocpi
from ingufu.tariffs.model import Tariff, TariffVersion
from ingufu.views import charge_records as views
from ingufu.views import metering, record_sums
from ingufu.views import tariffs as tariff_views
from ingufu.views import transactions as transaction_views
from ingufu.views.charge_records import RatingQuery, RatingRow, RecordQuery, RecordRow, Sum
from ingufu.views.paging import Page
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route
from ingufu.web.spreadsheets import Batches, exports

Reason = Annotated[str, Meta(min_length=1, max_length=400, description="Why; it stands on the credit.")]
Id = Annotated[str, Meta(max_length=100)]
Changes = (errors.NotFound, errors.InvalidInput, errors.Conflict)


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    """A charge record with everything that it was made from, and what was issued for the same session."""

    record: ChargeRecord
    chain: Annotated[
        tuple[RecordRow, ...], Meta(description="Records of the session, their credits, and what replaced them.")
    ]
    is_standing: Annotated[bool, Meta(description="Neither a credit nor taken back by one.")]


class OcpiQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In whose name, and in which version's words."""

    version: OcpiVersion = OcpiVersion.V230
    country_code: Annotated[str, Meta(pattern="^[A-Za-z]{2}$")] | None = None
    party_id: Annotated[str, Meta(pattern="^[A-Za-z0-9]{3}$")] = "ING"


class Credit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a record is taken back."""

    reason: Reason


class Correction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a record is replaced, and by which tariff the session is priced anew."""

    reason: Reason
    tariff_id: Annotated[Id | None, Meta(description="null: by the same tariff, and by what is known now.")] = None


class RateAgain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a session is to be rated."""

    tariff_id: Annotated[
        Id | None, Meta(description="For a session to which no tariff applied; null: by the one that applies.")
    ] = None


class WhatIfQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By which tariff."""

    tariff_id: Id


@route("GET", "/charge-records", scope=Scope.MONEY_READ, is_for_fleets=True, query=RecordQuery)
async def list_charge_records(web: WebContext, principal: Principal, criteria: RecordQuery) -> Page[RecordRow]:
    """List charge records

    The last issued first. They are not counted: follow `next` until it is null.
    """
    return await views.list_records(web.services.database, criteria, principal.site_ids)


@route("GET", "/charge-records/sums", scope=Scope.MONEY_READ, is_for_fleets=True, query=RecordQuery)
async def sum_charge_records(web: WebContext, principal: Principal, criteria: RecordQuery) -> list[Sum]:
    """Sum up charge records

    By currency, credits taken off. Paging and order mean nothing here.
    """
    return list(await record_sums.sum_records(web.services.database, criteria, principal.site_ids))


@route("GET", "/charge-records/{record_id:str}", scope=Scope.MONEY_READ, is_for_fleets=True, raises=(errors.NotFound,))
async def get_charge_record(web: WebContext, principal: Principal, record_id: str) -> RecordView:
    """Get a charge record

    With its lines, its tariffs and what was used as they were when it was issued: none of it ever changes.
    """
    record = await views.get_record(web.services.database, record_id, principal.site_ids)
    return await view_of(web, principal, record)


@route(
    "GET",
    "/charge-records/{record_id:str}/ocpi",
    scope=Scope.MONEY_READ,
    is_for_fleets=True,
    query=OcpiQuery,
    result=dict[str, Any],
    raises=(errors.NotFound, errors.InvalidInput),
)
async def get_charge_record_as_ocpi(
    web: WebContext, principal: Principal, record_id: str, criteria: OcpiQuery
) -> Response[bytes]:
    """Get a charge record as an OCPI CDR

    In the words of OCPI 2.2.1 or 2.3.0. A credit is the same as its record with `total_cost` negated.
    """
    record = await views.get_record(web.services.database, record_id, principal.site_ids)
    country = criteria.country_code or record.snapshot.country or "ZZ"
    party = Party(country_code=country.upper(), party_id=criteria.party_id.upper())
    cdr = cdr_of(
        record,
        party,
        criteria.version,
        tariffs=_frozen_tariffs(record, party, criteria.version),
        signed=await _signed_readings(web, principal, record),
    )
    return Response(encode(cdr), media_type="application/json")


@route(
    "POST",
    "/charge-records/{record_id:str}/credit",
    scope=Scope.MONEY_WRITE,
    body=Credit,
    raises=Changes,
)
async def credit_charge_record(web: WebContext, principal: Principal, record_id: str, given: Credit) -> RecordView:
    """Take a charge record back

    By a credit; the session is then not billed any more. The record itself stays as it is, for ever.
    """
    record = await views.get_record(web.services.database, record_id, principal.site_ids)
    async with web.services.database.work() as work:
        credit = await web.services.charge_records.credit(work, record.id, reason=given.reason)
        details = {"reason": given.reason, "credit": credit.id}
        access.note(web, work, principal, "charge-record.credit", record.id, details)
    return await view_of(web, principal, credit)


@route(
    "POST",
    "/charge-records/{record_id:str}/correct",
    scope=Scope.MONEY_WRITE,
    body=Correction,
    raises=Changes,
)
async def correct_charge_record(web: WebContext, principal: Principal, record_id: str, given: Correction) -> RecordView:
    """Correct a charge record

    By a credit and a new record: of what is known of the session now, and by another tariff if one is named. If it
    would come out the same, nothing is done, and the answer is a conflict.
    """
    records = web.services.charge_records
    record = await views.get_record(web.services.database, record_id, principal.site_ids)
    tariff = None
    if given.tariff_id is not None:
        await tariff_views.check_seen(web.services.database, given.tariff_id, principal.site_ids)
        tariff = await records.tariff_at(given.tariff_id, record.started_at, until=record.ended_at)
    async with web.services.database.work() as work:
        rating = await records.correct(work, record.id, reason=given.reason, tariff=tariff)
        details = {"reason": given.reason, "tariff_id": given.tariff_id, "by": rating.record_id}
        access.note(web, work, principal, "charge-record.correct", record.id, details)
    return await view_of(web, principal, await records.get(rating.record_id or ""))


@route("GET", "/ratings", scope=Scope.MONEY_READ, query=RatingQuery)
async def list_ratings(web: WebContext, principal: Principal, criteria: RatingQuery) -> Page[RatingRow]:
    """List sessions on their way to a charge record

    What changed last first. `unpriced` are those to which no tariff applied: give them one with `rate`.
    """
    return await views.list_ratings(web.services.database, criteria, principal.site_ids)


@route(
    "POST",
    "/transactions/{transaction_id:str}/rate",
    status=200,
    scope=Scope.MONEY_WRITE,
    body=RateAgain,
    raises=Changes,
)
async def rate_transaction(web: WebContext, principal: Principal, transaction_id: str, given: RateAgain) -> Rating:
    """Rate a session again

    Without a tariff: it is looked at anew within seconds. With one: a session that has no charge record gets it by
    this tariff at once. Rating again never issues a second record where nothing has changed.
    """
    records = web.services.charge_records
    transaction = await transaction_views.get_transaction(web.services.database, transaction_id, principal.site_ids)
    details = {"tariff_id": given.tariff_id}
    if given.tariff_id is None:
        async with web.services.database.work() as work:
            rating = await records.rate_again(work, transaction.id)
            access.note(web, work, principal, "transaction.rate", transaction.id, details)
        return rating
    await tariff_views.check_seen(web.services.database, given.tariff_id, principal.site_ids)
    tariff = await records.tariff_at(given.tariff_id, transaction.started_at, until=transaction.ended_at)
    async with web.services.database.work() as work:
        rating = await records.bill(work, transaction.id, tariff)
        access.note(web, work, principal, "transaction.rate", transaction.id, details)
    return rating


@route(
    "GET",
    "/transactions/{transaction_id:str}/price",
    scope=Scope.MONEY_READ,
    is_for_fleets=True,
    raises=(errors.NotFound,),
)
async def get_transaction_price(web: WebContext, principal: Principal, transaction_id: str) -> SessionPrice:
    """Get what a session costs

    Line by line. Of one that runs: as if it ended now. `record_id` names the charge record once it is issued; until
    then the price may still change. `price` null: no tariff applies.
    """
    await transaction_views.get_transaction(web.services.database, transaction_id, principal.site_ids)
    return await web.services.charge_records.running(transaction_id)


@route(
    "GET",
    "/transactions/{transaction_id:str}/what-if",
    scope=Scope.MONEY_READ,
    query=WhatIfQuery,
    raises=(errors.NotFound, errors.InvalidInput),
)
async def get_transaction_what_if(
    web: WebContext, principal: Principal, transaction_id: str, criteria: WhatIfQuery
) -> SessionPrice:
    """Get what a session would cost by another tariff

    By its version at the beginning of the session. Nothing is stored.
    """
    transaction = await transaction_views.get_transaction(web.services.database, transaction_id, principal.site_ids)
    records = web.services.charge_records
    await tariff_views.check_seen(web.services.database, criteria.tariff_id, principal.site_ids)
    tariff = await records.tariff_at(criteria.tariff_id, transaction.started_at, until=transaction.ended_at)
    return await records.what_if(transaction_id, (tariff,))


def _frozen_tariffs(record: ChargeRecord, party: Party, version: OcpiVersion) -> list[dict[str, Any]]:
    """Return the tariffs as they were, in OCPI's words; one that cannot be said there is left out."""
    found: list[dict[str, Any]] = []
    for applied in record.tariffs:
        at = applied.from_at or record.started_at
        tariff = Tariff(
            id=applied.tariff_id,
            organisation_id=record.organisation_id,
            name=applied.name,
            created_at=at,
            updated_at=at,
        )
        frozen = TariffVersion(
            tariff_id=applied.tariff_id, number=applied.version, valid_from=at, terms=applied.terms, created_at=at
        )
        said = to_ocpi(tariff, frozen, Version(version.value), country_code=party.country_code, party_id=party.party_id)
        if said.tariff is not None:
            found.append(said.tariff)
    return found


async def _signed_readings(web: WebContext, principal: Principal, record: ChargeRecord) -> list[SignedReading]:
    """Return the signed readings of a record's session, the first, the last and those between."""
    if record.transaction_id is None:
        return []
    rows = await metering.list_signed(web.services.database, record.transaction_id, principal.site_ids)
    last = len(rows) - 1
    return [
        SignedReading(
            nature="Start" if place == 0 else "End" if place == last else "Intermediate",
            data=row.data,
            method=row.encoding or row.method or "OCMF",
            public_key=row.public_key,
        )
        for place, row in enumerate(rows)
    ]


async def view_of(web: WebContext, principal: Principal, record: ChargeRecord) -> RecordView:
    """Return a record with what was issued for the same session."""
    chain = await views.list_chain(web.services.database, record, principal.site_ids)
    return RecordView(record=record, chain=chain, is_standing=is_standing(record.id, chain))


def is_standing(record_id: str, chain: tuple[RecordRow, ...]) -> bool:
    """Return whether a record is neither a credit nor taken back by one."""
    taken_back = {row.corrects_id for row in chain if row.kind == "credit"}
    return record_id not in taken_back and all(row.id != record_id or row.kind == "charge" for row in chain)


def _whole(web: WebContext, principal: Principal, query: RecordQuery) -> Batches[ChargeRecord]:
    return views.export_records(web.services.database, query, principal.site_ids)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_charge_records, sum_charge_records,
    *exports(
        "/charge-records", SHEET, "charge records", _whole,
        scope=Scope.MONEY_READ, is_for_fleets=True, query=RecordQuery,
    ),
    get_charge_record, get_charge_record_as_ocpi, credit_charge_record, correct_charge_record, list_ratings,
    rate_transaction, get_transaction_price, get_transaction_what_if,
)  # fmt: skip
