"""Energy truth over HTTP: verdicts, the review queue, decisions with their trail, meter keys, and who sees what."""

import pytest
from sqlalchemy import select

from billing.evidence.signing import Meter
from charging.stations import Station, reading
from ingufu.accounts.model import Role, Scope
from ingufu.accounts.tables import audit
from ingufu.charging.model import MeterReading, Sample, SignedValue
from web.api.conftest import House
from web.api.engines import both_engines


class Place:
    """A site with a station whose sessions come and end."""

    def __init__(self, house, site, station_id, identity):
        self.house, self.site, self.id, self.identity = house, site, station_id, identity
        self.meter = Meter()
        self.heard = Station(house.database, house.services.charging, house.clock, station_id, "2.1")
        self.count = 0

    def _readings(self, minute, wh, context, texts):
        taken = self.heard.at(minute)
        samples = [] if wh is None else list(reading(taken, wh, context=context).samples)
        samples += [
            Sample(raw_value="", context=context, signed=SignedValue(data=text, encoding="OCMF")) for text in texts
        ]
        return (MeterReading(at=taken, samples=tuple(samples)),) if samples else ()

    async def session(self, start=1000, end=11_000, signed=(), judges=True):
        """Have an hour's session come and end, and be judged; without an end's register it is doubtful."""
        at, self.count = 100 * self.count, self.count + 1
        reference = f"{self.identity}-{self.count}"
        begin = self._readings(at, start, "Transaction.Begin", signed[:1])
        await self.heard.start(reference=reference, seq=0, minute=at, readings=begin)
        last = self._readings(at + 60, end, "Transaction.End", signed[1:])
        await self.heard.end(reference=reference, seq=1, minute=at + 60, readings=last)
        known = (await self.heard.row(reference)).id
        if judges:
            await self.house.services.evidence.judge(known)
        return known


@pytest.fixture
async def make(house):
    async def make(name):
        site = await house.site(name)
        return Place(house, site, await house.station(f"CP-{name}", site_id=site), f"CP-{name}")

    return make


async def trail(house):
    rows = await house.database.select(select(audit.c.action, audit.c.details).order_by(audit.c.id))
    return [(row["action"], row["details"]) for row in rows]


@both_engines
async def test_a_verdict_is_read_with_its_reasons(house: House, admin, make) -> None:
    place = await make("Kigali")
    session = await place.session()
    view = (await admin.get(f"/api/v1/transactions/{session}/verdict")).json()
    assert view["verdict"] == view["history"][0]
    assert (view["verdict"]["standing"], view["verdict"]["energy_wh"]) == ("billable", "10000")
    assert view["verdict"]["reasons"][0]["code"] == "registers-complete"
    listed = (await admin.get("/api/v1/energy-verdicts", params={"standing": "billable"})).json()["items"]
    assert [row["transaction_id"] for row in listed] == [session]
    assert (await admin.get("/api/v1/energy-verdicts?confidence=proven")).json()["items"] == []


@both_engines
async def test_a_session_that_was_not_judged_has_none_until_it_is(house: House, admin, make) -> None:
    place = await make("Kigali")
    session = await place.session(judges=False)
    assert (await admin.get(f"/api/v1/transactions/{session}/verdict")).json()["verdict"] is None
    judged = await admin.post(f"/api/v1/transactions/{session}/verdict")
    assert judged.json()["verdict"]["number"] == 1
    assert (await admin.post(f"/api/v1/transactions/{session}/verdict")).json() == judged.json()
    assert (await admin.post("/api/v1/transactions/nothing/verdict")).status_code == 404


@both_engines
async def test_the_queue_is_filtered_and_paged(house: House, admin, make) -> None:
    place, other = await make("Kigali"), await make("Huye")
    sessions = []
    for where in (place, place, other):
        sessions.append(await where.session(end=None))
        house.clock.advance(60)
    whole = (await admin.get("/api/v1/review-queue?limit=2")).json()
    rest = (await admin.get("/api/v1/review-queue", params={"limit": 2, "cursor": whole["next"]})).json()
    assert [row["transaction_id"] for row in (*whole["items"], *rest["items"])] == sessions
    row = whole["items"][0]
    assert (row["number"], row["proposed_wh"], row["site_name"]) == (1, "0", "Kigali")
    assert row["reasons"][0]["code"] == "register-missing"
    for query, count in (
        ({"site_id": other.site}, 1),
        ({"station": "cp-kigali"}, 2),
        ({"reason": "register-missing"}, 3),
        ({"reason": "register"}, 0),
        ({"reason": "%"}, 0),
        ({"is_open": False}, 0),
    ):
        assert len((await admin.get("/api/v1/review-queue", params=query)).json()["items"]) == count, query


@both_engines
async def test_a_decision_is_a_verdict_with_a_trail(house: House, admin, make) -> None:
    session = await (await make("Kigali")).session(end=None)
    target = f"/api/v1/review-queue/{session}/decide"
    refused = await admin.post(target, json={"choice": "bill-other", "number": 1, "energy_wh": "500"})
    assert refused.status_code in {400, 422}
    body = {"choice": "bill-other", "number": 1, "energy_wh": "500.5", "note": "Read at the meter."}
    view = (await admin.post(target, json=body)).json()
    assert [one["standing"] for one in view["history"]] == ["review", "decided"]
    assert (view["verdict"]["energy_wh"], view["verdict"]["note"]) == ("500.5", "Read at the meter.")
    assert (await admin.post(target, json=body)).status_code == 409
    assert (await admin.get("/api/v1/review-queue")).json()["items"] == []
    closed = (await admin.get("/api/v1/review-queue?is_open=false")).json()["items"]
    assert [row["transaction_id"] for row in closed] == [session]
    action, details = (await trail(house))[-1]
    assert action == "verdict.decide"
    assert (details["choice"], details["energy_wh"], details["number"]) == ("bill-other", "500.5", 2)


@both_engines
async def test_proposals_are_accepted_one_by_one(house: House, admin, make) -> None:
    place = await make("Kigali")
    one, other, sure = await place.session(end=None), await place.session(end=None), await place.session()
    body = {"items": [{"transaction_id": key, "number": n} for key, n in ((one, 1), (other, 7), (sure, 1), ("no", 1))]}
    results = (await admin.post("/api/v1/review-queue/accept", json=body)).json()
    assert [result["is_done"] for result in results] == [True, False, False, False]
    assert "changed" in results[1]["problem"]
    assert [row["transaction_id"] for row in (await admin.get("/api/v1/review-queue")).json()["items"]] == [other]
    assert (await admin.post("/api/v1/review-queue/accept", json={"items": []})).status_code >= 400


@both_engines
async def test_where_signatures_are_demanded_a_bad_one_is_not_billed(house: House, admin, make) -> None:
    place = await make("Kigali")
    demanded = await admin.put(f"/api/v1/sites/{place.site}/evidence", json={"demands_signatures": True})
    assert demanded.json()["since"] is not None
    key = {"station": place.identity, "public_key": place.meter.key.der_hex, "meter_serial": "M1"}
    assert (await admin.post("/api/v1/meter-keys", json=key)).status_code == 201
    begin, end = place.meter.session("1.0", "11.0")
    session = await place.session(signed=[begin, end.replace("11.0", "12.0")])
    view = (await admin.get(f"/api/v1/transactions/{session}/verdict")).json()
    assert (view["demands_signatures"], view["verdict"]["signature"]) == (True, "invalid")
    assert [check["state"] for check in view["checks"]] == ["verified", "invalid"]
    for body in (
        {"choice": "bill-proposed", "number": 1},
        {"choice": "bill-other", "number": 1, "energy_wh": "1", "note": "x"},
    ):
        answer = await admin.post(f"/api/v1/review-queue/{session}/decide", json=body)
        assert answer.status_code == 409
        assert "not billed where the site demands signatures" in answer.json()["detail"]
    done = await admin.post(
        f"/api/v1/review-queue/{session}/decide", json={"choice": "do-not-bill", "number": 1, "note": "Forged."}
    )
    assert done.json()["verdict"]["standing"] == "not-billable"


@both_engines
async def test_a_key_through_its_life(house: House, admin, make) -> None:
    place = await make("Kigali")
    session = await place.session(signed=place.meter.session("1.0", "11.0"))
    body = {"station": place.identity, "public_key": place.meter.key.der_hex, "evse": 1, "note": "<b>label</b>"}
    made = await admin.post("/api/v1/meter-keys", json=body)
    assert made.status_code == 201
    key = made.json()
    assert (key["fingerprint"], key["curve"], key["note"]) == (place.meter.key.fingerprint, "secp256r1", "<b>label</b>")
    assert (await admin.post("/api/v1/meter-keys", json=body)).status_code == 409
    unreadable = await admin.post("/api/v1/meter-keys", json=body | {"public_key": "not a key at all"})
    assert unreadable.status_code in {400, 422}
    assert "brainpoolP256r1" in unreadable.text
    assert (await admin.get(f"/api/v1/meter-keys/{key['id']}")).json() == key
    by_print = await admin.get("/api/v1/meter-keys", params={"fingerprint": key["fingerprint"][:10].upper()})
    assert by_print.json()["items"] == [key]
    judged = await admin.post(f"/api/v1/transactions/{session}/verdict")
    assert judged.json()["verdict"]["signature"] == "verified"
    retired = await admin.post(f"/api/v1/meter-keys/{key['id']}/retire", json={})
    assert retired.json()["valid_until"] is not None
    assert [action for action, _ in await trail(house)] == ["meter_key.create", "verdict.judge", "meter_key.retire"]


@both_engines
async def test_who_looks_after_one_site_sees_only_its_evidence(house: House, admin, make) -> None:
    ours, theirs = await make("Kigali"), await make("Huye")
    mine, foreign = await ours.session(end=None), await theirs.session(end=None)
    body = {"public_key": theirs.meter.key.der_hex, "station": theirs.identity}
    key = (await admin.post("/api/v1/meter-keys", json=body)).json()["id"]
    await house.user(Role.OPERATOR, ours.site)
    client = await house.log_in()
    for path in ("energy-verdicts", "review-queue", "meter-keys"):
        answer = await client.get(f"/api/v1/{path}")
        assert answer.status_code == 200
        assert foreign not in answer.text
        assert theirs.id not in answer.text
    decision = {"choice": "bill-proposed", "number": 1}
    for method, path, given in (
        ("GET", f"review-queue/{foreign}", None),
        ("POST", f"review-queue/{foreign}/decide", decision),
        ("GET", f"meter-keys/{key}", None),
        ("POST", f"meter-keys/{key}/retire", {}),
        ("POST", "meter-keys", body),
    ):
        assert (await client.request(method, f"/api/v1/{path}", json=given)).status_code == 404, path
    accepted = await client.post(
        "/api/v1/review-queue/accept",
        json={"items": [{"transaction_id": key, "number": 1} for key in (foreign, mine)]},
    )
    assert [result["is_done"] for result in accepted.json()] == [False, True]
    assert (await house.services.evidence.verdict_of(foreign)).standing.value == "review"


async def test_reading_money_does_not_decide(house: House, make) -> None:
    session = await (await make("Kigali")).session(end=None)
    client = house.client(await house.key(Scope.MONEY_READ))
    assert (await client.get("/api/v1/review-queue")).status_code == 200
    body = {"choice": "bill-proposed", "number": 1}
    assert (await client.post(f"/api/v1/review-queue/{session}/decide", json=body)).status_code == 403
