"""A session step by step over the API, and as it was known at an instant."""

from decimal import Decimal
from typing import Any

import pytest

from ingufu.accounts.model import Scope
from kept import Sent, keep
from web.api.conftest import House
from web.api.test_charge_records import Billed


@pytest.fixture
async def billed(house: House) -> Billed:
    return await Billed(house).fill()


async def get(house: House, path: str, *scopes: Scope, **query: Any) -> Any:
    answer = await house.client(await house.key(*scopes)).get(f"/api/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_steps_are_told_in_the_order_in_which_we_knew_of_them(house: House, billed: Billed) -> None:
    session = billed.sessions[0]
    it = await house.services.charging.get(session)
    text = f'[2,"s","StartTransaction",{{"transactionId":{it.reference}}}]'
    keep(house.services.stations.frames, [Sent(it.started_at, it.station_id, text)])
    await house.database.settle()
    found = await get(house, f"/transactions/{session}/moments")
    kinds = [(one["kind"], (one.get("event") or one.get("report") or {}).get("kind")) for one in found["items"]]
    assert kinds[0][0] == "frame"
    assert ("report", "started") in kinds
    assert kinds.index(("report", "started")) < kinds.index(("event", "TransactionEnded"))
    assert kinds[-1] == ("event", "ChargeRecordIssued")
    assert [one["at"] for one in found["items"]] == sorted(one["at"] for one in found["items"])
    assert len({one["id"] for one in found["items"]}) == len(found["items"])
    assert not found["is_cut"]
    less = await get(house, f"/transactions/{session}/moments", Scope.TRANSACTIONS_READ)
    assert {one["kind"] for one in less["items"]} == {"report", "event"}


async def test_session_and_price_are_what_was_known_then(house: House, billed: Billed) -> None:
    session = billed.sessions[0]
    it = await house.services.charging.get(session)
    before, after = it.started_at.isoformat(), house.clock.now().isoformat()
    known = await get(house, f"/transactions/{session}/as-known", at=before)
    assert (known["session"]["is_open"], known["session"]["energy_wh"], known["is_whole"]) == (True, "0", True)
    known = await get(house, f"/transactions/{session}/as-known", at=after)
    assert (known["session"]["is_open"], Decimal(known["session"]["energy_wh"])) == (False, 10_000)
    assert (await get(house, f"/transactions/{session}/as-known", at="2026-01-01T00:00:00Z"))["session"] is None
    price = await get(house, f"/transactions/{session}/price-as-known", at=after)
    assert (price["record_id"], Decimal(price["price"]["billed"]["gross"])) == (billed.records[0], 2950)
    price = await get(house, f"/transactions/{session}/price-as-known", at=after, tariff_id=billed.staff)
    assert (price["record_id"], Decimal(price["price"]["billed"]["gross"])) == (None, 1180)
    price = await get(house, f"/transactions/{session}/price-as-known", at=before)
    assert Decimal(price["price"]["billed"]["gross"]) == 0


async def test_nothing_known_and_nonsense_are_said(house: House, billed: Billed) -> None:
    client = house.client(await house.key())
    path = f"/api/v1/transactions/{billed.sessions[0]}"
    assert (await client.get(f"{path}/price-as-known", params={"at": "2026-01-01T00:00:00Z"})).status_code == 404
    assert (await client.get(f"{path}/as-known", params={"at": "yesterday"})).status_code == 422
    assert (await client.get(f"{path}/as-known")).status_code == 422
    assert (await client.get("/api/v1/transactions/none/moments")).status_code == 404
