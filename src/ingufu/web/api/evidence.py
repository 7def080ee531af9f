"""Energy truth: what sessions' energy is held to be, the queue of doubtful ones, meter keys, and what sites demand."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.billing.evidence.model import Choice, Decision, NewMeterKey, SiteEvidence
from ingufu.core import errors
from ingufu.core.errors import NotFound
from ingufu.views import evidence as views
from ingufu.views import transactions as transaction_views
from ingufu.views.evidence import KeyQuery, KeyRow, ReviewQuery, ReviewRow, VerdictQuery, VerdictRow, VerdictView
from ingufu.views.paging import Page
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

AT_ONCE = 200  # decisions in one request
Instant = Annotated[datetime, Meta(tz=True)]
Id = Annotated[str, Meta(min_length=1, max_length=100)]
Number = Annotated[int, Meta(ge=1, lt=2**31, description="The verdict that was looked at.")]
Place = Annotated[int, Meta(ge=1, lt=2**31)]


class DecisionFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of a session that waits."""

    choice: Choice
    number: Number
    energy_wh: Annotated[Decimal | None, Meta(description="What is billed, with `bill-other`.")] = None
    note: Annotated[str, Meta(max_length=1000, description="Why; needed unless the proposal is billed.")] = ""


class Accepted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A proposal that is billed as it is."""

    transaction_id: Id
    number: Number


class AcceptProposals(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which proposals are billed."""

    items: Annotated[tuple[Accepted, ...], Meta(min_length=1, max_length=AT_ONCE)]


class AcceptResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one of them."""

    transaction_id: str
    is_done: bool
    problem: Annotated[str | None, Meta(description="Why not.")] = None


class NewKeyFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The public key of a meter, as its maker prints it."""

    station: Annotated[Id, Meta(description="Id or identity of the station.")]
    public_key: Annotated[
        str,
        Meta(
            min_length=8,
            max_length=10_000,
            description="Hexadecimal digits, Base64 or PEM of the key or of its point; `oca:…` as well.",
        ),
    ]
    curve: Annotated[str, Meta(max_length=40, description="Of a bare point that does not say it.")] | None = None
    evse: Annotated[Place | None, Meta(description="null: of every EVSE.")] = None
    connector: Annotated[Place | None, Meta(description="null: of every connector.")] = None
    meter_serial: (
        Annotated[str, Meta(max_length=80, description="As readings name it (OCMF MS or GS); null: any.")] | None
    ) = None
    valid_from: Annotated[Instant | None, Meta(description="null: always.")] = None
    valid_until: Annotated[Instant | None, Meta(description="null: until further notice.")] = None
    note: Annotated[str, Meta(max_length=400)] = ""


class RetireKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From when on a key holds no longer."""

    at: Annotated[Instant | None, Meta(description="null: from now on.")] = None


class SiteEvidenceFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a site asks of the evidence."""

    demands_signatures: bool


@route("GET", "/energy-verdicts", scope=Scope.MONEY_READ, query=VerdictQuery)
async def list_energy_verdicts(web: WebContext, principal: Principal, criteria: VerdictQuery) -> Page[VerdictRow]:
    """List energy verdicts

    What each session's energy is held to be, how sure it is, and why. With filters, the newest first.
    """
    return await views.list_verdicts(web.services.database, criteria, principal.site_ids)


@route(
    "GET",
    "/transactions/{transaction_id:str}/verdict",
    scope=Scope.MONEY_READ,
    raises=(errors.NotFound,),
)
async def get_verdict(web: WebContext, principal: Principal, transaction_id: str) -> VerdictView:
    """Get the energy verdict of a transaction

    With all verdicts before it, and what came of checking each signed value.
    """
    it = await transaction_views.get_transaction(web.services.database, transaction_id, principal.site_ids)
    return await see(web, it.id)


@route(
    "POST",
    "/transactions/{transaction_id:str}/verdict",
    status=200,
    scope=Scope.MONEY_WRITE,
    raises=(errors.NotFound, errors.Conflict),
)
async def judge_transaction(web: WebContext, principal: Principal, transaction_id: str) -> VerdictView:
    """Judge a transaction anew

    For instance after a key was registered. Nothing changes if nothing new is known; one that still runs is not judged,
    and returned as it is.
    """
    it = await transaction_views.get_transaction(web.services.database, transaction_id, principal.site_ids)
    if not it.is_open:
        await web.services.evidence.judge(it.id)
        async with web.services.database.work() as work:
            access.note(web, work, principal, "verdict.judge", it.id)
    return await see(web, it.id)


@route("GET", "/review-queue", scope=Scope.MONEY_READ, query=ReviewQuery)
async def list_review_queue(web: WebContext, principal: Principal, criteria: ReviewQuery) -> Page[ReviewRow]:
    """List the review queue

    Sessions whose energy is doubtful: nothing is billed of them until somebody decides. Those that wait longest first;
    with `is_open` false those that were decided, the newest first.
    """
    return await views.list_reviews(web.services.database, criteria, principal.site_ids)


@route("GET", "/review-queue/{item:str}", scope=Scope.MONEY_READ, raises=(errors.NotFound,))
async def get_review_item(web: WebContext, principal: Principal, item: str) -> ReviewRow:
    """Get an item of the review queue

    By the id of its transaction.
    """
    return await views.get_review(web.services.database, item, principal.site_ids)


@route(
    "POST",
    "/review-queue/{item:str}/decide",
    status=200,
    scope=Scope.MONEY_WRITE,
    body=DecisionFields,
    raises=(errors.NotFound, errors.InvalidInput, errors.Conflict),
)
async def decide_review(web: WebContext, principal: Principal, item: str, given: DecisionFields) -> VerdictView:
    """Decide what is billed of a transaction

    By the id of the transaction: bill what is proposed, bill another energy, or do not bill. A decision can be followed
    by another one, with a reason; what was billed is then corrected, never edited. Where the site demands signatures,
    a session with a bad signature is not billed.
    """
    it = await transaction_views.get_transaction(web.services.database, item, principal.site_ids)
    decision = Decision(choice=given.choice, number=given.number, energy_wh=given.energy_wh, note=given.note)
    await _decide(web, principal, it.id, decision)
    return await see(web, it.id)


@route(
    "POST",
    "/review-queue/accept",
    status=200,
    scope=Scope.MONEY_WRITE,
    body=AcceptProposals,
    raises=(errors.InvalidInput,),
)
async def accept_proposals(web: WebContext, principal: Principal, given: AcceptProposals) -> list[AcceptResult]:
    """Bill several proposals as they are

    Each is decided by itself; the result says of each whether it was, and why not.
    """
    results: list[AcceptResult] = []
    for item in given.items:
        problem: str | None = None
        try:
            known = await transaction_views.get_transaction(
                web.services.database, item.transaction_id, principal.site_ids
            )
            decision = Decision(choice=Choice.BILL_PROPOSED, number=item.number)
            await _decide(web, principal, known.id, decision)
        except (errors.NotFound, errors.Conflict, errors.InvalidInput) as error:
            problem = error.message
        results.append(AcceptResult(transaction_id=item.transaction_id, is_done=problem is None, problem=problem))
    return results


@route("GET", "/meter-keys", scope=Scope.MONEY_READ, query=KeyQuery)
async def list_meter_keys(web: WebContext, principal: Principal, criteria: KeyQuery) -> Page[KeyRow]:
    """List meter keys

    The public keys by which signed readings are checked, retired ones too, the newest first.
    """
    return await views.list_keys(web.services.database, criteria, principal.site_ids)


@route("GET", "/meter-keys/{key:str}", scope=Scope.MONEY_READ, raises=(errors.NotFound,))
async def get_meter_key(web: WebContext, principal: Principal, key: str) -> KeyRow:
    """Get a meter key

    With its fingerprint, which is the SHA-256 of its DER form.
    """
    return await views.get_key(web.services.database, key, principal.site_ids)


@route(
    "POST",
    "/meter-keys",
    scope=Scope.MONEY_WRITE,
    body=NewKeyFields,
    raises=(errors.NotFound, errors.InvalidInput, errors.Conflict),
)
async def add_meter_key(web: WebContext, principal: Principal, given: NewKeyFields) -> KeyRow:
    """Register a meter key

    It has to come from the maker or the meter's label: the key that a station sends with its readings proves nothing.
    Sessions of the station that wait for a decision are judged anew.
    """
    station = await access.station_of(web, principal, given.station)
    fields = msgspec.structs.asdict(given)
    del fields["station"]
    wanted = NewMeterKey(station_id=station.id, **fields)
    async with web.services.database.work() as work:
        key = await web.services.evidence.add_key(work, wanted, by=principal.name)
        access.note(web, work, principal, "meter_key.create", key.id, {"station": station.id}, after=key)
    await web.services.evidence.judge_waiting(station.id)
    return await views.get_key(web.services.database, key.id, principal.site_ids)


@route(
    "POST",
    "/meter-keys/{key:str}/retire",
    status=200,
    scope=Scope.MONEY_WRITE,
    body=RetireKey,
    raises=(errors.NotFound, errors.InvalidInput),
)
async def retire_meter_key(web: WebContext, principal: Principal, key: str, given: RetireKey) -> KeyRow:
    """Retire a meter key

    It still holds for sessions that began before. Nothing that was judged changes.
    """
    known = await views.get_key(web.services.database, key, principal.site_ids)
    at = given.at or web.services.clock.now()
    was, now = {"valid_until": known.valid_until}, {"valid_until": at}
    async with web.services.database.work() as work:
        await web.services.evidence.retire_key(work, known.id, at)
        details = {"station": known.station_id}
        access.note(web, work, principal, "meter_key.retire", known.id, details, before=was, after=now)
    return await views.get_key(web.services.database, known.id, principal.site_ids)


@route("GET", "/sites/{site_id:str}/evidence", scope=Scope.MONEY_READ, raises=(errors.NotFound,))
async def get_site_evidence(web: WebContext, principal: Principal, site_id: str) -> SiteEvidence:
    """Get what a site asks of the evidence

    Whether it bills only sessions whose signed readings were verified, and since when.
    """
    return await web.services.evidence.site(await _site(web, principal, site_id))


@route(
    "PUT",
    "/sites/{site_id:str}/evidence",
    scope=Scope.MONEY_WRITE,
    body=SiteEvidenceFields,
    raises=(errors.NotFound,),
)
async def set_site_evidence(
    web: WebContext, principal: Principal, site_id: str, given: SiteEvidenceFields
) -> SiteEvidence:
    """Set what a site asks of the evidence

    Where signatures are demanded, sessions that begin from then on are billed only if signed readings of both ends were
    verified with a registered key: nobody can decide otherwise.
    """
    known = await _site(web, principal, site_id)
    before = await web.services.evidence.site(known)
    async with web.services.database.work() as work:
        after = await web.services.evidence.set_site(work, known, demands_signatures=given.demands_signatures)
        access.note(web, work, principal, "site.evidence", known, before=before, after=after)
    return after


async def see(web: WebContext, transaction_id: str) -> VerdictView:
    """Return all that is said of a session's energy."""
    evidence = web.services.evidence
    history = await views.get_history(web.services.database, transaction_id)
    return VerdictView(
        transaction_id=transaction_id,
        verdict=history[-1] if history else None,
        history=history,
        checks=tuple(await evidence.checks_of(transaction_id)) if history else (),
        demands_signatures=await evidence.demands_signatures(transaction_id),
    )


async def _decide(web: WebContext, principal: Principal, transaction_id: str, decision: Decision) -> None:
    """Decide, with the line of the audit trail in the same unit."""
    async with web.services.database.work() as work:
        made = await web.services.evidence.decide(work, transaction_id, decision, by=principal.name)
        details = {"choice": decision.choice.value, "number": made.number, "energy_wh": str(made.energy_wh)}
        access.note(web, work, principal, "verdict.decide", transaction_id, details | {"note": made.note})


async def _site(web: WebContext, principal: Principal, site_id: str) -> str:
    """Return the site's id. Raises NotFound, also if it is not the principal's to see."""
    if principal.site_ids is not None and site_id not in principal.site_ids:
        raise NotFound("There is no such site.")
    return (await web.services.sites.get(site_id)).id


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_energy_verdicts, get_verdict, judge_transaction, list_review_queue, get_review_item, decide_review,
    accept_proposals, list_meter_keys, get_meter_key, add_meter_key, retire_meter_key, get_site_evidence,
    set_site_evidence,
)  # fmt: skip
