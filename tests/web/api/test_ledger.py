"""Money over HTTP: what is booked, who sees it, what is exported, and what hosts of sites see of it."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from ingufu.accounts.model import Role, Scope
from ingufu.authorization.model import DriverDetails
from ingufu.ledger.model import Earned
from ingufu.ledger.service import retried
from web.api.conftest import House
from web.api.engines import both_engines


@pytest.fixture
async def driver(house: House) -> str:
    async with house.database.work() as work:
        made = await house.services.authorization.create_driver(
            work, DriverDetails(name="=Aline()"), organisation_id=house.organisation_id
        )
    return made.id


@pytest.fixture
async def filled(admin, driver: str) -> str:
    """A wallet with 5000 RWF; returns the entry's id."""
    given = {"amount": "5000", "currency": "RWF", "provider": "momo", "reference": "M1"}
    answer = await admin.post(f"/api/v1/ledger/wallets/{driver}/top-ups", json=given)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


@both_engines
async def test_top_up_spend_and_refund_are_entries_that_balance(admin, driver: str, filled: str) -> None:
    wallet = f"/api/v1/ledger/wallets/{driver}"
    given = {"amount": "5000", "currency": "RWF", "provider": "momo", "reference": "M1"}
    again = await admin.post(f"{wallet}/top-ups", json=given)
    assert again.json()["id"] == filled
    paid = await admin.post(f"{wallet}/payments", json={"amount": "1200", "currency": "RWF", "reference": "r1"})
    assert (paid.status_code, paid.json()["kind"]) == (201, "payment")
    too_much = await admin.post(f"{wallet}/payments", json={"amount": "9000", "currency": "RWF"})
    assert too_much.status_code == 409
    refund = {"amount": "1200", "reason": "Did not charge"}
    given_back = await admin.post(f"/api/v1/ledger/entries/{paid.json()['id']}/refunds", json=refund)
    assert given_back.status_code == 201
    assert (await admin.post(f"/api/v1/ledger/entries/{paid.json()['id']}/refunds", json=refund)).status_code == 409
    [row] = (await admin.get(f"/api/v1/ledger/wallets?driver_id={driver}")).json()["items"]
    assert (row["balance"], row["held"], row["limit"]) == ("5000", "0", "0")
    balance = (await admin.get("/api/v1/ledger/trial-balance")).json()
    assert [(one["currency"], one["debit"], one["credit"]) for one in balance["totals"]] == [("RWF", "5000", "5000")]
    assert (await admin.get("/api/v1/ledger/verification")).json()["findings"] == []
    actions = {one["action"] for one in (await admin.get("/api/v1/audit")).json()["items"]}
    assert actions >= {"wallet.top-up", "wallet.payment", "ledger.refund"}


@both_engines
async def test_hold_is_captured_in_part_and_the_rest_goes_back(admin, driver: str, filled: str) -> None:
    hold = {"estimate": "6000", "currency": "RWF", "reference": "tx-1"}
    held = (await admin.post(f"/api/v1/ledger/wallets/{driver}/holds", json=hold)).json()
    assert (held["amount"], held["status"]) == ("5000", "held")
    assert (await admin.post("/api/v1/ledger/holds/tx-1/capture", json={"amount": "5001"})).status_code == 409
    captured = await admin.post("/api/v1/ledger/holds/tx-1/capture", json={"amount": "1800"})
    assert (captured.status_code, captured.json()["captured"]) == (200, "1800")
    assert (await admin.post("/api/v1/ledger/holds/tx-1/release")).status_code == 409
    [listed] = (await admin.get(f"/api/v1/ledger/wallets/{driver}/holds")).json()
    assert listed["status"] == "captured"
    [row] = (await admin.get("/api/v1/ledger/wallets?q=ALINE")).json()["items"]
    assert row["balance"] == "3200"


async def test_wallet_is_adjusted_and_limited_with_reasons(admin, driver: str, filled: str) -> None:
    wallet = f"/api/v1/ledger/wallets/{driver}"
    assert (await admin.post(f"{wallet}/adjustments", json={"amount": "5", "currency": "RWF"})).status_code == 422
    limited = await admin.put(f"{wallet}/limit", json={"limit": "500", "currency": "RWF"})
    assert limited.json()["limit"] == "500"
    taken = {"amount": "-5500", "currency": "RWF", "reason": "Fraud", "against": "bank"}
    assert (await admin.post(f"{wallet}/adjustments", json=taken)).status_code == 201
    assert (await admin.post(f"{wallet}/adjustments", json=taken)).status_code == 409
    assert (await admin.put(f"{wallet}/limit", json={"limit": "100", "currency": "RWF"})).status_code == 409
    assert (await admin.post("/api/v1/ledger/wallets/nobody/top-ups", json={
        "amount": "1", "currency": "RWF", "reference": "x"})).status_code == 404  # fmt: skip


@pytest.mark.parametrize(("currency", "amount"), [("RWF", "1180"), ("KES", "11.80"), ("EUR", "0.59"), ("KWD", "1.239")])
async def test_adjustment_is_booked_in_every_currency(admin, currency: str, amount: str) -> None:
    lines = [
        {"account": "bank", "amount": amount, "currency": currency},
        {"account": "rounding", "amount": f"-{amount}", "currency": currency},
    ]
    made = await admin.post("/api/v1/ledger/adjustments", json={"postings": lines, "reason": "Found", "reference": "a"})
    assert made.status_code == 201, made.text
    again = await admin.post(
        "/api/v1/ledger/adjustments", json={"postings": lines, "reason": "Found", "reference": "a"}
    )
    assert again.json()["id"] == made.json()["id"]
    entry = (await admin.get(f"/api/v1/ledger/entries/{made.json()['id']}")).json()
    assert {Decimal(one["amount"]) for one in entry["postings"]} == {Decimal(amount), -Decimal(amount)}
    taken = await admin.post(f"/api/v1/ledger/entries/{entry['id']}/take-back", json={"reason": "Wrong"})
    assert (taken.status_code, taken.json()["reverses_id"]) == (201, entry["id"])
    lines[0]["amount"] = "1"
    crooked = {"postings": lines, "reason": "x"}
    assert (await admin.post("/api/v1/ledger/adjustments", json=crooked)).status_code == 422


async def test_payment_fee_settlement_and_write_off_are_booked(admin, driver: str) -> None:
    common = {"currency": "EUR", "reference": "p1"}
    assert (await admin.post("/api/v1/ledger/payments", json={"owner": driver, "amount": "10", "provider": "stripe", **common})).status_code == 201  # fmt: skip
    assert (await admin.post("/api/v1/ledger/fees", json={"provider": "stripe", "amount": "0.30", **common})).status_code == 201  # fmt: skip
    assert (await admin.post("/api/v1/ledger/settlements", json={"provider": "stripe", "amount": "9.70", **common})).status_code == 201  # fmt: skip
    nothing = {"owner": driver, "amount": "1", "currency": "EUR", "reason": "Gone"}
    assert (await admin.post("/api/v1/ledger/write-offs", json=nothing)).status_code == 409
    accounts = (await admin.get("/api/v1/ledger/accounts?kind=clearing")).json()["items"]
    assert [(one["owner"], one["balance"]) for one in accounts] == [("stripe", "0")]
    entries = (await admin.get(f"/api/v1/ledger/entries?account={accounts[0]['id']}&limit=2")).json()
    assert [one["kind"] for one in entries["items"]] == ["payout", "fee"]
    assert (await admin.get(f"/api/v1/ledger/accounts/{accounts[0]['id']}")).json()["entries"] == 3


@both_engines
async def test_entries_are_exported_whole_and_harmless(admin, driver: str, filled: str) -> None:
    answer = await admin.get("/api/v1/ledger/entries/export.csv")
    assert answer.headers["content-disposition"].startswith('attachment; filename="ledger-')
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(one["number"], one["account"], one["amount"]) for one in rows] == [
        ("1", "clearing", "5000"),
        ("1", "wallet", "-5000"),
    ]
    assert rows[1]["owner_name"] == "'=Aline()"
    table = pq.read_table(io.BytesIO((await admin.get("/api/v1/ledger/entries/export.parquet")).content)).to_pylist()
    assert sum(one["amount"] for one in table) == 0
    assert {one["account"] for one in table} == {"clearing", "wallet"}


async def test_trial_balance_of_an_instant_is_what_it_was_then(house: House, admin, driver: str, filled: str) -> None:
    before = (house.clock.now() - timedelta(days=1)).isoformat()
    answer = await admin.get("/api/v1/ledger/trial-balance", params={"at": before})
    assert answer.json()["kinds"] == []
    answer = await admin.get("/api/v1/ledger/trial-balance", params={"at": house.clock.now().isoformat()})
    assert {one["kind"]: one["balance"] for one in answer.json()["kinds"]} == {"clearing": "5000", "wallet": "-5000"}


async def test_voucher_code_is_told_once_and_guesses_are_limited(house: House, admin, driver: str) -> None:
    until = (house.clock.now() + timedelta(days=30)).isoformat()
    made = await admin.post(
        "/api/v1/ledger/vouchers", json={"amount": "2.500", "currency": "KWD", "uses": 2, "expires_at": until}
    )
    assert made.status_code == 201, made.text
    code, voucher = made.json()["code"], made.json()["voucher"]
    assert code not in (await admin.get(f"/api/v1/ledger/vouchers/{voucher['id']}")).text
    redeemed = await admin.post("/api/v1/ledger/vouchers/redeem", json={"code": code, "driver_id": driver})
    assert (redeemed.status_code, redeemed.json()["number"]) == (200, 1)
    again = await admin.post("/api/v1/ledger/vouchers/redeem", json={"code": code.lower(), "driver_id": driver})
    assert again.json()["entry_id"] == redeemed.json()["entry_id"]
    [use] = (await admin.get(f"/api/v1/ledger/vouchers/{voucher['id']}/uses")).json()
    assert use["driver_id"] == driver
    for _ in range(10):
        wrong = {"code": "AAAA-BBBB-CCCC-DDDD", "driver_id": driver}
        assert (await admin.post("/api/v1/ledger/vouchers/redeem", json=wrong)).status_code == 404
    stopped = await admin.post("/api/v1/ledger/vouchers/redeem", json={"code": code, "driver_id": driver})
    assert stopped.status_code == 429
    assert int(stopped.headers["retry-after"]) > 0
    withdrawn = await admin.post(f"/api/v1/ledger/vouchers/{voucher['id']}/withdraw")
    assert withdrawn.json()["state"] == "ended"
    [listed] = (await admin.get("/api/v1/ledger/vouchers?state=ended")).json()["items"]
    assert listed["used"] == 1


async def share(house: House, site: str, number: int = 1) -> None:
    now = house.clock.now()
    earned = Earned(
        organisation_id=house.organisation_id, record_id=f"r{number}", site_id=site, at=now, started_at=now,
        currency="RWF", energy_net=Decimal(1000), net=Decimal(1000), gross=Decimal(1180), energy_wh=Decimal(4000),
    )  # fmt: skip
    await retried(house.database, lambda work: house.services.hosts.share(work, earned))


@both_engines
async def test_host_is_paid_what_is_due_and_not_more(house: House, admin) -> None:
    site = await house.site("Mall")
    terms = {"site_id": site, "host_name": "Mall Ltd", "currency": "RWF", "percent": "12.5", "per_kwh": "3"}
    now = house.clock.now().isoformat()
    agreed = await admin.post("/api/v1/ledger/agreements", json={**terms, "valid_from": now})
    assert agreed.status_code == 201, agreed.text
    assert (await admin.post("/api/v1/ledger/agreements", json={**terms, "valid_from": now})).status_code == 409
    await share(house, site)
    [payable] = (await admin.get("/api/v1/ledger/payables")).json()
    assert (payable["due"], payable["host_name"]) == ("137", "Mall Ltd")
    [row] = (await admin.get(f"/api/v1/ledger/shares?site_id={site}")).json()["items"]
    assert row["parts"] == {"percent": "125", "kwh": "12"}
    asked = {"site_id": site, "currency": "RWF"}
    assert (await admin.post("/api/v1/ledger/payouts", json={**asked, "amount": "138"})).status_code == 409
    payout = (await admin.post("/api/v1/ledger/payouts", json=asked)).json()
    assert (payout["amount"], payout["status"]) == ("137", "made")
    assert (await admin.post("/api/v1/ledger/payouts", json=asked)).status_code == 409
    exported = (await admin.get("/api/v1/ledger/payouts/export.csv?status=made")).content.decode("utf-8-sig")
    assert "Mall Ltd" in exported
    paid = await admin.post(f"/api/v1/ledger/payouts/{payout['id']}/paid", json={"bank_reference": "BK-1"})
    assert (paid.json()["status"], paid.json()["bank_reference"]) == ("paid", "BK-1")
    assert (await admin.post(f"/api/v1/ledger/payouts/{payout['id']}/cancel")).status_code == 409
    span = {"currency": "RWF", "since": "2020-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"}
    statement = (await admin.get(f"/api/v1/ledger/sites/{site}/statement", params=span)).json()
    assert (statement["records"], statement["shared"], statement["paid"], statement["due"]) == (1, "137", "137", "0")
    later = (house.clock.now() + timedelta(days=1)).isoformat()
    ended = await admin.post(f"/api/v1/ledger/agreements/{agreed.json()['id']}/end", json={"until": later})
    assert ended.json()["valid_until"] is not None


async def test_host_sees_its_own_payables_and_payouts_alone(house: House, admin) -> None:
    mall, street = await house.site("Mall"), await house.site("Street")
    now = house.clock.now().isoformat()
    for number, site in enumerate((mall, street)):
        terms = {"site_id": site, "host_name": f"Host {number}", "currency": "RWF", "percent": "10", "valid_from": now}
        await admin.post("/api/v1/ledger/agreements", json=terms)
        await share(house, site, number)
        await admin.post("/api/v1/ledger/payouts", json={"site_id": site, "currency": "RWF"})
    await house.user(Role.OPERATOR, mall, email="host@example.org")
    host = await house.log_in("host@example.org")
    for path in ("payables", "agreements"):
        assert [one["site_id"] for one in (await host.get(f"/api/v1/ledger/{path}")).json()] == [mall]
    for path in ("payouts", "shares"):
        assert [one["site_id"] for one in (await host.get(f"/api/v1/ledger/{path}")).json()["items"]] == [mall]
    assert "Host 1" not in (await host.get("/api/v1/ledger/payouts/export.csv")).text
    [other] = [one for one in (await admin.get("/api/v1/ledger/payouts")).json()["items"] if one["site_id"] == street]
    assert (await host.get(f"/api/v1/ledger/payouts/{other['id']}")).status_code == 404
    span = {"currency": "RWF", "since": "2020-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"}
    assert (await host.get(f"/api/v1/ledger/sites/{street}/statement", params=span)).status_code == 404
    assert (await host.get(f"/api/v1/ledger/sites/{mall}/statement", params=span)).status_code == 200
    for path in ("trial-balance", "entries", "accounts", "wallets", "vouchers", "reports", "entries/export.csv"):
        assert (await host.get(f"/api/v1/ledger/{path}")).status_code == 403, path
    for path in ("payouts", "agreements"):
        assert (await host.post(f"/api/v1/ledger/{path}", json={})).status_code == 403


async def test_report_is_taken_in_compared_and_resolved(house: House, admin, driver: str, filled: str) -> None:
    day = house.clock.now().date()
    content = f"id;when;sum;fee\nM1;{day};5000;50\nM2;{day};-70;0\n"
    columns = {"reference": "id", "date": "when", "amount": "sum", "fee": "fee", "currency": "", "kind": ""}
    given = {"provider": "momo", "content": content, "columns": columns, "currency": "RWF", "books_fees": True}
    made = await admin.post("/api/v1/ledger/reports", json=given)
    assert made.status_code == 201, made.text
    report = made.json()
    assert (report["states"], report["unresolved"]) == ({"matched": 1, "missing-here": 1}, 1)
    assert (await admin.post("/api/v1/ledger/reports", json=given)).json()["id"] == report["id"]
    path = f"/api/v1/ledger/reports/{report['id']}"
    [line] = (await admin.get(f"{path}/lines?state=missing-here")).json()["items"]
    resolution = {"note": "Refunded at the counter", "against": "receivable", "owner": driver}
    done = await admin.post(f"{path}/lines/{line['line']}/resolve", json=resolution)
    assert (done.status_code, done.json()["resolution"]) == (200, "Refunded at the counter")
    assert (await admin.post(f"{path}/lines/{line['line']}/resolve", json=resolution)).status_code == 409
    assert (await admin.post(f"{path}/lines/x/resolve", json=resolution)).status_code == 404
    assert (await admin.get(path)).json()["unresolved"] == 0
    [clearing] = (await admin.get("/api/v1/ledger/accounts?kind=clearing")).json()["items"]
    assert clearing["balance"] == "4880"
    bad = {"provider": "momo", "content": "reference,date,amount,currency\nx,never,1,RWF\n"}
    refused = await admin.post("/api/v1/ledger/reports", json=bad)
    assert refused.status_code == 422
    assert "Line 2" in refused.text


async def test_reading_money_is_apart_from_moving_it(house: House, driver: str) -> None:
    reader = house.client(await house.key(Scope.MONEY_READ))
    assert (await reader.get("/api/v1/ledger/trial-balance")).status_code == 200
    given = {"amount": "1", "currency": "RWF", "reference": "x"}
    assert (await reader.post(f"/api/v1/ledger/wallets/{driver}/top-ups", json=given)).status_code == 403
    other = house.client(await house.key(Scope.TRANSACTIONS_READ))
    assert (await other.get("/api/v1/ledger/trial-balance")).status_code == 403
