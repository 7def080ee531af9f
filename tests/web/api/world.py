"""A network with two of everything: sites of two hosts, drivers of two fleets, and what came of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx

from billing.evidence.signing import Meter
from billing.records.world import per_kwh
from charging.stations import Station, reading
from ingufu.accounts.model import CEILINGS, ROLE_SCOPES, OrganisationKind, Role, Scope
from ingufu.authorization.model import DriverDetails, GroupDetails, Occasion, PresentedToken, TokenDetails
from ingufu.charging.control.model import RemoteStartState
from ingufu.charging.control.tables import remote_starts
from ingufu.infra.storage.statements import insert
from ingufu.ledger.model import Earned
from ingufu.ledger.service import retried
from ingufu.stations.model import Attempt, AttemptOutcome
from ingufu.stations.tables import attempts
from ingufu.tariffs.service import NewTariff
from ingufu.tariffs.situations import Target, Where
from kept import Sent, keep
from web.api.conftest import House

CURRENCY = "RWF"


@dataclass
class Side:
    """A site of a host with a station, and a driver of a fleet who charged there."""

    name: str
    ids: dict[str, str] = field(default_factory=dict)  # by the parameter of paths that it fills
    host_id: str = ""
    fleet_id: str = ""
    people: dict[OrganisationKind, dict[str, str]] = field(default_factory=dict)  # ids of its host's and its fleet's
    marks: set[str] = field(default_factory=set)  # what nobody else may be told
    personal: set[str] = field(default_factory=set)  # of the driver: what a host is not told of its own site either


@dataclass
class World:
    """The house, both sides, and keys by who holds them."""

    house: House
    admin: httpx.AsyncClient
    one: Side
    two: Side

    def show(self, kind: OrganisationKind) -> None:
        """Have the sides name the people of their fleets, or else of their hosts."""
        for side in (self.one, self.two):
            side.ids |= side.people[kind if kind is OrganisationKind.FLEET else OrganisationKind.HOST]


async def build(house: House) -> World:
    """Fill the house."""
    admin = house.client(await house.key())
    seller = await _made(
        admin, "legal-entities",
        {"key": "OPR", "name": "Operator Ltd", "time_zone": "Africa/Kigali", "is_default": True,
         "address": {"street": "KN 3 Avenue", "city": "Kigali", "country": "RW"}, "tax_id": "102345678"},
    )  # fmt: skip
    sides = [await _side(house, admin, name, seller["id"]) for name in ("Alpha", "Omega")]
    return World(house, admin, *sides)


async def key_of(
    world: World, role: Role, *, kind: OrganisationKind, side: Side | None = None, more: Iterable[Scope] = ()
) -> str:
    """Return the secret of a key that may what the role may, in the operator's or the side's organisation.

    With a side, a key of the operator sees only its site.
    """
    house = world.house
    owners = {OrganisationKind.HOST: side and side.host_id, OrganisationKind.FLEET: side and side.fleet_id}
    async with house.database.work() as work:
        _, secret = await house.services.accounts.create_key(
            work,
            organisation_id=owners.get(kind) or house.organisation_id,
            name=f"{role} {kind}",
            scopes=ROLE_SCOPES[role] & CEILINGS[kind] | set(more),
            site_ids=[side.ids["site_id"]] if side is not None and kind is OrganisationKind.OPERATOR else None,
        )
    return secret


async def _side(house: House, admin: httpx.AsyncClient, name: str, seller_id: str) -> Side:
    side = Side(name)
    services = house.services
    async with house.database.work() as work:
        host = await services.accounts.create_organisation(work, f"Host {name}", OrganisationKind.HOST)
        fleet = await services.accounts.create_organisation(work, f"Fleet {name}", OrganisationKind.FLEET)
        site = await services.sites.create(work, organisation_id=host.id, name=f"Site {name}", country="RW")
    side.host_id, side.fleet_id = host.id, fleet.id
    for kind, owner in ((OrganisationKind.HOST, host.id), (OrganisationKind.FLEET, fleet.id)):
        side.people[kind] = await _employ(house, side, kind, owner)
    side.ids |= side.people[OrganisationKind.HOST]
    identity = f"CP-{name}"
    station = await house.station(identity, is_online=True, site_id=site.id)
    side.ids |= {"site_id": site.id, "site": site.id, "station": station}
    async with house.database.work() as work:
        await services.stations.set_connector(work, station, 1, 1)
    await _register(house, side)
    await _agree(house, admin, side)
    await _charge(house, admin, side)
    await _ask_starts(house, side)
    await _observe(house, side)
    [frame] = (await admin.get("/api/v1/frames", params={"station": station})).json()["items"]
    side.ids["frame"] = str(frame["id"])
    await _paper(admin, side, seller_id)
    reserved = await _made(
        admin, f"stations/{station}/reservations",
        {"token": f"CARD-{name}", "expires_at": (house.clock.now() + timedelta(days=1)).isoformat(), "evse": 1},
    )  # fmt: skip
    side.ids["reservation_id"] = str(reserved["id"])
    side.marks |= {value for name_, value in side.ids.items() if name_ not in {"reservation_id", "frame"}}
    side.marks |= {name, side.host_id, side.fleet_id}
    return side


async def _employ(house: House, side: Side, kind: OrganisationKind, owner: str) -> dict[str, str]:
    """Have somebody who works for the organisation, and a key of it; return the ids by what they fill."""
    email = f"keza@{kind}-{side.name}.example"
    async with house.database.work() as work:
        user = await house.services.accounts.create_user(
            work, organisation_id=owner, email=email, name=f"Keza {side.name}", roles=[Role.ORGANISATION_ADMIN]
        )
        key, _ = await house.services.accounts.create_key(
            work, organisation_id=owner, name=f"Key {side.name}", scopes=[Scope.TRANSACTIONS_READ]
        )
    side.marks |= {user.id, key.id, email}
    return {"user_id": user.id, "key_id": key.id, "organisation_id": owner}


async def _register(house: House, side: Side) -> None:
    """Have a driver with a card in a group, of the side's fleet."""
    services, fleet = house.services, side.fleet_id
    async with house.database.work() as work:
        group = await services.authorization.create_group(
            work, GroupDetails(value=f"GROUP-{side.name}", name=f"Group {side.name}"), organisation_id=fleet
        )
        driver = await services.authorization.create_driver(
            work, DriverDetails(name=f"Driver {side.name}", email=f"{side.name}@example.org"), organisation_id=fleet
        )
    async with house.database.work() as work:
        token = await services.authorization.create_token(
            work, TokenDetails(value=f"CARD-{side.name}", group_id=group.id, driver_id=driver.id), organisation_id=fleet
        )
    side.ids |= {"group_id": group.id, "driver_id": driver.id, "token_id": token.id}
    side.personal |= {f"CARD-{side.name}", f"Driver {side.name}", f"{side.name}@example.org", f"Customer {side.name}"}
    side.personal |= {f"GROUP-{side.name}", driver.id, token.id}


async def _agree(house: House, admin: httpx.AsyncClient, side: Side) -> None:
    """Have a tariff at the site, and a host that shares in it."""
    async with house.database.work() as work:
        new = NewTariff(organisation_id=house.organisation_id, name=f"Tariff {side.name}", terms=per_kwh("100"))
        tariff, _ = await house.services.tariffs.create(work, new, by="test")
    async with house.database.work() as work:
        where = Where(target=Target.SITE, target_id=side.ids["site_id"])
        assigned = await house.services.tariffs.assign(work, tariff.id, where, by="test")
    agreed = await _made(
        admin, "ledger/agreements",
        {"site_id": side.ids["site_id"], "host_name": f"Host {side.name}", "host_id": side.host_id, "currency": CURRENCY,
         "percent": "10", "valid_from": house.clock.now().isoformat()},
    )  # fmt: skip
    side.ids |= {"tariff_id": tariff.id, "assignment_id": assigned.id, "agreement_id": agreed["id"]}
    house.clock.advance(1)


async def _charge(house: House, admin: httpx.AsyncClient, side: Side) -> None:
    """Have a session that ended, was judged, priced and shared, and one that waits for a decision."""
    services, site_id = house.services, side.ids["site_id"]
    meter = Meter()
    key = {"station": side.ids["station"], "public_key": meter.key.der_hex, "evse": 1, "note": f"Key {side.name}"}
    side.ids["key"] = (await _made(admin, "meter-keys", key))["id"]
    heard = Station(house.database, services.charging, house.clock, side.ids["station"], "2.1")
    card = {"token": f"CARD-{side.name}", "token_kind": "ISO14443"}
    sessions = []
    for number, end in enumerate((11_000, None)):
        at, reference = 100.0 * number, f"tx-{side.name}-{number}"
        begin = (reading(heard.at(at), 1000, context="Transaction.Begin"),)
        await heard.start(reference=reference, seq=0, minute=at, readings=begin, **card)
        last = () if end is None else (reading(heard.at(at + 60), end, context="Transaction.End"),)
        await heard.end(reference=reference, seq=1, minute=at + 60, readings=last)
        sessions.append((await heard.row(reference)).id)
    house.clock.advance(4 * 3600)
    for session in sessions:
        await services.evidence.judge(session)
    for _ in range(3):
        await services.charge_records.rater.collect()
        await services.charge_records.rater.rate_due()
    [record] = await services.charge_records.of_transaction(sessions[0])
    side.ids |= {"transaction_id": sessions[0], "session": sessions[0], "item": sessions[1], "record_id": record.id}
    side.marks |= set(sessions)
    now = house.clock.now()
    earned = Earned(
        organisation_id=house.organisation_id, record_id=f"r-{side.name}", site_id=site_id, at=now, started_at=now,
        currency=CURRENCY, energy_net=Decimal(5000), net=Decimal(5000), gross=Decimal(5900), energy_wh=Decimal(4000),
    )  # fmt: skip
    await retried(house.database, lambda work: services.hosts.share(work, earned))
    paid = await _made(admin, "ledger/payouts", {"site_id": site_id, "currency": CURRENCY, "amount": "100"})
    side.ids["payout_id"] = paid["id"]


async def _ask_starts(house: House, side: Side) -> None:
    """Have a start been asked for, of which the session came, and one that is awaited."""
    station = side.ids["station"]
    for transaction_id in (side.ids["transaction_id"], None):
        async with house.database.work() as work:
            asked = await house.services.control.ask_start(
                work, station, token=f"CARD-{side.name}", token_kind="ISO14443", actor="Keza", timeout_s=600
            )
        if transaction_id is not None:
            come = {"state": RemoteStartState.STARTED.value, "transaction_id": transaction_id}
            async with house.database.work() as work:
                work.execute_once(remote_starts.update().where(remote_starts.c.id == asked.id).values(**come))


async def _observe(house: House, side: Side) -> None:
    """Have a frame, an attempt to connect and a decision of the side's station."""
    now, station = house.clock.now(), side.ids["station"]
    async with house.database.work() as work:
        presented = PresentedToken(value=f"CARD-{side.name}")
        await house.services.authorization.check(
            work, presented, station_id=station, evse=1, at=now, occasion=Occasion.AUTHORIZE
        )
        text = f'[2,"{side.name}","MeterValues",{{"transactionId":"tx-{side.name}-0"}}]'
        keep(house.services.stations.frames, [Sent(now, station, text, f"c-{side.name}")])
        attempt = Attempt(
            id=house.services.ids.new(), at=now, listener="plain", address="192.0.2.1", identity=f"CP-{side.name}",
            station_id=station, outcome=AttemptOutcome.CONNECTED, last_at=now,
        )  # fmt: skip
        work.execute(insert(attempts), {column.name: getattr(attempt, column.name) for column in attempts.columns})


async def _paper(admin: httpx.AsyncClient, side: Side, seller_id: str) -> None:
    """Have a customer with an invoice."""
    customer = await _made(
        admin, "customers",
        {"name": f"Customer {side.name}", "kind": "business", "driver_ids": [side.ids["driver_id"]],
         "address": {"street": "KN 3 Avenue", "city": "Kigali", "country": "RW"}},
    )  # fmt: skip
    drawn = await _made(
        admin, "invoices",
        {"legal_entity_id": seller_id, "customer_id": customer["id"], "charge_record_ids": [side.ids["record_id"]]},
    )  # fmt: skip
    side.ids |= {"customer_id": customer["id"], "document_id": drawn["document"]["id"]}


async def _made(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(f"/api/v1/{path}", json=body)
    assert answer.status_code == 201, f"{path}: {answer.text}"
    made: dict[str, Any] = answer.json()
    return made
