"""Documents over the API: entered, billed, read in every form, credited, paid; and who may see them."""

import base64
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import msgspec
import pyarrow.parquet
import pytest

from billing.fiscal.fake_ebm import FakeEbm
from billing.invoices.trade import GROSS, record, terms
from ingufu.accounts.model import Role, Scope
from ingufu.billing.records import store as record_store
from ingufu.billing.records.model import ChargeRecord
from ingufu.core.clock import FrozenClock
from ingufu.core.errors import TooManyRequests
from ingufu.web.checking import PER_MINUTE, CheckPace
from web.api.conftest import House
from web.api.engines import both_engines

RWF = terms("RWF", "350", parking="1500", **GROSS)
KIGALI = {"street": "KN 3 Avenue", "city": "Kigali", "country": "RW"}
PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f0005000201a5f645400000000049454e44ae426082"
    )
).decode()
HOSTILE = '<script>alert(1)</script>"&#*_$`=1+1'


async def issue(house: House, *records: ChargeRecord) -> None:
    for one in records:
        fitting = msgspec.structs.replace(
            one, organisation_id=house.organisation_id, issued_at=house.clock.now() - timedelta(minutes=1)
        )
        async with house.database.work() as work:
            record_store.add(work, fitting, f"{one.transaction_id}")


async def seller(admin: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    given = {"key": "KGL", "name": "Ingufu Charging Ltd", "address": KIGALI, "tax_id": "102345678", "tax_id_name": "TIN",
             "time_zone": "Africa/Kigali", "is_default": True} | fields  # fmt: skip
    answer = await admin.post("/api/v1/legal-entities", json=given)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def customer(admin: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    given = {"name": "Moto Fleet Ltd", "kind": "business", "address": KIGALI, "tax_id": "108765432"} | fields
    answer = await admin.post("/api/v1/customers", json=given)
    assert answer.status_code == 201, answer.text
    return answer.json()


@both_engines
async def test_legal_entity_through_its_life(house: House, admin) -> None:
    site = await house.site("Kigali Heights")
    made = await seller(admin, site_ids=[site], logo=PNG, texts={"en": {"foot": "Thanks"}})
    assert made["numbers"]["invoice"] == "{entity}-{yyyy}-{seq:06d}"
    assert len(made["logo"]) == 64  # kept once, by its digest
    assert (await admin.get("/api/v1/legal-entities")).json() == [made]
    path = f"/api/v1/legal-entities/{made['id']}"
    changed = (await admin.patch(path, json={"automatic": "monthly", "receipt_limit": "100000"})).json()
    assert (changed["automatic"], changed["receipt_limit"], changed["name"]) == ("monthly", "100000", made["name"])
    for wrong in (
        {"tax_id": "12"}, {"time_zone": "Mars/One"}, {"numbers": made["numbers"] | {"invoice": "{seq}"}}, {"logo": "AAAA"},
        {"receipt_limit": "NaN"}, {"exchange_rates": {"EUR": "sNaN"}}, {"exchange_rates": {"EUR": "Infinity"}},
        {"site_ids": ["nowhere"]}, {"address": {"country": "XX"}}, {"fiscal_device_id": "none"}, {"email": "x"},
    ):  # fmt: skip
        answer = await admin.patch(path, json=wrong)
        assert answer.status_code == 422, f"{wrong}: {answer.text}"
    again = await admin.post("/api/v1/legal-entities", json={"key": "KGL", "name": "Twice"})
    assert again.status_code == 409
    retired = (await admin.post(f"{path}/retire")).json()
    assert retired["retired_at"]
    assert "is_default" not in retired


async def test_tax_numbers_are_checked_by_the_rules_of_their_country(admin) -> None:
    kenya = {"address": {"city": "Nairobi", "country": "KE"}}
    assert (
        await admin.post("/api/v1/customers", json={"name": "A", "tax_id": "P051234567M"} | kenya)
    ).status_code == 201
    assert (await admin.post("/api/v1/customers", json={"name": "A", "tax_id": "051234567"} | kenya)).status_code == 422
    wrong = {"name": "A", "tax_id": "DE136695977", "address": {"city": "Berlin", "country": "DE"}}
    assert (await admin.post("/api/v1/customers", json=wrong)).status_code == 422
    right = wrong | {"tax_id": "DE 136,695 976"}
    assert (await admin.post("/api/v1/customers", json=right)).json()["tax_id"] == "136695976"


@both_engines
async def test_document_through_its_life(house: House, admin) -> None:
    entity, buyer = await seller(admin, automatic="none"), await customer(admin, name=HOSTILE)
    await issue(house, record("r1", RWF, idle_min=20), record("r2", RWF, kwh="3"))
    body = {"legal_entity_id": entity["id"], "customer_id": buyer["id"], "charge_record_ids": ["r1", "r2"]}
    made = await admin.post("/api/v1/invoices", json=body)
    assert made.status_code == 201, made.text
    document = made.json()["document"]
    assert (made.json()["standing"], document.get("number")) == ("draft", None)
    assert (await admin.post("/api/v1/invoices", json=body)).status_code == 409
    path = f"/api/v1/invoices/{document['id']}"
    assert (await admin.get(f"{path}/ubl")).status_code == 409
    done = (await admin.post(f"{path}/finalise")).json()
    assert done["document"]["number"] == "KGL-2026-000001"
    assert (await admin.post(f"{path}/finalise")).json() == done
    assert (await admin.post(f"{path}/void")).status_code == 409
    assert done["document"]["payable"] == str(sum(Decimal(line["gross"]) for line in done["document"]["lines"]))

    html = await admin.get(f"{path}/html")
    assert "<script" not in html.text
    assert "&lt;script&gt;" in html.text
    assert "script-src" not in html.headers["content-security-policy"]
    pdf = await admin.get(f"{path}/pdf")
    assert pdf.content.startswith(b"%PDF")
    assert b"invoice.xml" in pdf.content
    assert (await admin.get(f"{path}/pdf")).content == pdf.content
    assert (await admin.get(f"{path}/pdf", headers={"If-None-Match": pdf.headers["etag"]})).status_code == 304
    root = ET.fromstring((await admin.get(f"{path}/ubl")).content)
    assert root.tag.endswith("Invoice")

    part = {"amount": "1000", "reference": "bank-1"}
    paid = (await admin.post(f"{path}/payments", json=part)).json()
    assert paid["standing"] == "partially-paid"
    assert (await admin.post(f"{path}/payments", json=part)).json()["settlements"] == paid["settlements"]
    assert (
        await admin.post(f"{path}/payments", json=part | {"amount": "999999999", "reference": "b2"})
    ).status_code == 422
    for amount in ("NaN", "1E+99", "-1", "0.5", "Infinity"):
        answer = await admin.post(f"{path}/payments", json={"amount": amount, "reference": "odd"})
        assert answer.status_code == 422, amount
    note = await admin.post(f"{path}/credit", json={"reason": "One session was not theirs.", "positions": [3]})
    assert note.status_code == 201, note.text
    assert note.json()["document"]["number"] == "KGL-C-2026-000001"
    assert (await admin.post(f"{path}/credit", json={"reason": "again", "positions": [3]})).status_code == 409
    known = (await admin.get(path)).json()
    assert [one["number"] for one in known["credit_notes"]] == ["KGL-C-2026-000001"]
    assert known["open_positions"] == [1, 2]
    rows = (await admin.get("/api/v1/invoices")).json()["items"]
    assert {row["number"]: (row["standing"], row["settled"]) for row in rows} == {
        "KGL-2026-000001": ("partially-paid", "1000"), "KGL-C-2026-000001": ("settled", "0"),
    }  # fmt: skip


async def test_lists_find_by_what_one_looks_for(house: House, admin) -> None:
    entity, buyer = await seller(admin), await customer(admin, driver_ids=["d1"])
    await issue(house, record("r1", RWF), record("r2", RWF, kwh="2", driver_id="d1"), record("r3", RWF, kwh="4"))
    await house.services.money.invoicing.sweep()

    async def found(**query: str) -> set[str]:
        answer = await admin.get("/api/v1/invoices", params=query)
        assert answer.status_code == 200, answer.text
        return {row["number"] for row in answer.json()["items"]}

    everything = {"KGL-R-2026-000001", "KGL-R-2026-000002", "KGL-2026-000001"}
    assert await found() == everything
    assert (
        await found(kind="invoice")
        == await found(customer_id=buyer["id"])
        == await found(q="moto fl")
        == {"KGL-2026-000001"}
    )
    assert await found(q="r-2026-000002") == {"KGL-R-2026-000002"}
    assert await found(charge_record_id="r2") == {"KGL-2026-000001"}
    assert await found(legal_entity_id=entity["id"], currency="RWF", state="finalised") == everything
    assert await found(needs_attention="true") == await found(currency="EUR") == set()
    first = (await admin.get("/api/v1/invoices", params={"limit": 2})).json()
    second = (await admin.get("/api/v1/invoices", params={"limit": 2, "cursor": first["next"]})).json()
    assert {row["number"] for row in first["items"] + second["items"]} == everything
    csv = (await admin.get("/api/v1/invoices/export.csv")).content.decode("utf-8-sig").splitlines()
    assert len(csv) == 4
    table = pyarrow.parquet.read_table(io.BytesIO((await admin.get("/api/v1/invoices/export.parquet")).content))
    assert set(table.column("number").to_pylist()) == everything


async def test_statement_over_the_api(house: House, admin) -> None:
    entity = await seller(admin, automatic="monthly")
    buyer = await customer(admin, driver_ids=["d1"])
    await issue(house, *(record(f"r{day}", RWF, kwh=f"{day}", driver_id="d1") for day in range(1, 4)))
    await house.services.money.invoicing.sweep()
    body = {"legal_entity_id": entity["id"], "customer_id": buyer["id"], "period": "2026-02", "currency": "RWF"}
    made = await admin.post("/api/v1/statements", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["document"]["number"] == "KGL-M-2026-000001"
    assert (await admin.post("/api/v1/statements", json=body)).json() == made.json()
    assert (await admin.post("/api/v1/statements", json=body | {"period": "2026-03"})).status_code == 422
    assert (await admin.post("/api/v1/statements", json=body | {"period": "2026-13"})).status_code == 422
    assert (await admin.post("/api/v1/statements", json=body | {"currency": "EUR"})).status_code == 409
    assert [row["period"] for row in (await admin.get("/api/v1/statements")).json()["items"]] == ["2026-02"]


@both_engines
async def test_who_sees_some_sites_sees_only_documents_of_these(house: House, admin) -> None:
    ours, theirs = await house.site("Kigali"), await house.site("Huye")
    entity = await seller(admin, automatic="none")
    await issue(
        house, record("r1", RWF, site_id=ours), record("r2", RWF, site_id=theirs), record("r3", RWF, site_id=ours, kwh="9"),
        record("r4", RWF, site_id=None),
    )  # fmt: skip
    made = {}
    for name, records in (("ours", ["r1"]), ("theirs", ["r2"]), ("nowhere", ["r4"])):
        body = {"legal_entity_id": entity["id"], "charge_record_ids": records, "kind": "receipt"}
        made[name] = (await admin.post("/api/v1/invoices", json=body)).json()["document"]["id"]
    both = {"legal_entity_id": entity["id"], "charge_record_ids": ["r3"], "kind": "receipt"}
    await house.user(Role.OPERATOR, ours)
    client = await house.log_in()
    assert [row["id"] for row in (await client.get("/api/v1/invoices")).json()["items"]] == [made["ours"]]
    csv = (await client.get("/api/v1/invoices/export.csv")).text
    assert made["theirs"] not in csv
    for name in ("theirs", "nowhere"):
        for part in ("", "/pdf", "/html", "/ubl"):
            assert (await client.get(f"/api/v1/invoices/{made[name]}{part}")).status_code == 404
        for what, given in (
            ("finalise", {}),
            ("void", {}),
            ("credit", {"reason": "x"}),
            ("payments", {"amount": "1", "reference": "x"}),
        ):
            answer = await client.post(f"/api/v1/invoices/{made[name]}/{what}", json=given)
            assert answer.status_code == 404, answer.text
    assert (await client.post(f"/api/v1/invoices/{made['ours']}/finalise")).status_code == 200
    for closed in ("legal-entities", "customers", "fiscal-devices"):
        assert (await client.get(f"/api/v1/{closed}")).status_code == 403
    assert (await client.post("/api/v1/invoices", json=both)).status_code == 403


async def test_reading_is_apart_from_writing(house: House) -> None:
    reader = house.client(await house.key(Scope.MONEY_READ))
    assert (await reader.get("/api/v1/invoices")).status_code == 200
    assert (await reader.post("/api/v1/legal-entities", json={"key": "A", "name": "A"})).status_code == 403
    nobody = house.client(await house.key(Scope.STATIONS_READ))
    assert (await nobody.get("/api/v1/invoices")).status_code == 403


async def test_check_page_tells_what_is_genuine_and_nothing_of_the_buyer(house: House, admin) -> None:
    await seller(admin, name="Ingufu <Charging> Ltd")
    await customer(admin, name="Secret Person", kind="consumer", driver_ids=["d1"], email="secret@example.org")
    await issue(house, record("r1", RWF, driver_id="d1"))
    await house.services.money.invoicing.sweep()
    [row] = (await admin.get("/api/v1/invoices")).json()["items"]
    path = (await admin.get(f"/api/v1/invoices/{row['id']}")).json()["check_url"]
    anybody = house.client()
    answer = await anybody.get(path)
    assert answer.status_code == 200
    assert "KGL-R-2026-000001" in answer.text
    assert "This document is genuine." in answer.text
    assert "Ingufu &lt;Charging&gt; Ltd" in answer.text
    assert "Secret" not in answer.text
    assert "secret@" not in answer.text
    wrong = [
        f"/check/{row['id']}/{'0' * 24}",
        f"/check/{'0' * 36}/{'0' * 24}",
        "/check/x/y",
        f"/check/{row['id']}/%3Cscript%3E",
    ]
    for one in wrong:
        lost = await anybody.get(one, headers={"Accept-Language": "fr"})
        assert lost.status_code == 404
        assert "Ce document nous est inconnu." in lost.text
        assert "script>" not in lost.text


async def test_check_page_is_not_for_trying_codes(house: House) -> None:
    anybody = house.client()
    codes = [(await anybody.get(f"/check/{'0' * 36}/{number:024x}")).status_code for number in range(62)]
    assert codes == [404] * 60 + [429] * 2
    house.clock.advance(60)
    assert (await anybody.get("/check/x/y")).status_code == 404


def test_one_network_of_ipv6_tries_codes_as_one(clock: FrozenClock) -> None:
    pace = CheckPace(clock)
    for number in range(PER_MINUTE):
        pace.note(f"2001:db8:1:2::{number:x}")
    pace.note("2001:db8:1:3::1")
    with pytest.raises(TooManyRequests):
        pace.note("2001:db8:1:2::ffff")


async def test_fiscal_device_over_the_api(house: House, admin) -> None:
    async with FakeEbm(key="very-secret") as ebm:
        items = {name: {"code": "RW3NTXU0000001", "class_code": "5020230100"} for name in ("energy", "parking")}
        entry = {"url": ebm.url, "tin": "102345678", "allows_private": True, "items": items,
                 "labels": [{"label": "B", "category": "S", "percent": "18"}]}  # fmt: skip
        made = await admin.post("/api/v1/fiscal-devices", json={"kind": "ebm-osdc", "name": "Till", "settings": entry})
        assert made.status_code == 201, made.text
        device = made.json()["id"]
        await seller(admin, fiscal_device_id=device)
        await issue(house, record("r1", RWF))
        await house.services.money.invoicing.sweep()
        [row] = (await admin.get("/api/v1/invoices")).json()["items"]
        assert row["awaits_signature"] is True
        [queued] = (await admin.get(f"/api/v1/fiscal-devices/{device}/queue")).json()
        assert queued["document_id"] == row["id"]
        ebm.code = "899"
        assert await house.services.money.fiscal.drain(device) == 0
        stopped = (await admin.get(f"/api/v1/fiscal-devices/{device}")).json()
        assert (stopped["state"], stopped["waiting"]) == ("stopped", 1)
        ebm.code = None
        assert (await admin.post(f"/api/v1/fiscal-devices/{device}/resume")).json()["state"] == "ready"
        assert await house.services.money.fiscal.drain(device) == 1
        listed = await admin.get("/api/v1/fiscal-devices")
        assert [one["device_id"] for one in listed.json()] == ["SDC010000001"]
        assert "very-secret" not in listed.text
        assert (await admin.get(f"/api/v1/invoices/{row['id']}")).json()["stamp"]["receipt_number"] == "1/1"
        for odd in (
            {"url": "ftp://x"},
            {"labels": [{"label": "B", "category": "S", "percent": "NaN"}]},
            {"routes": {"sale": "x"}},
        ):
            answer = await admin.patch(f"/api/v1/fiscal-devices/{device}", json={"settings": entry | odd})
            assert answer.status_code == 422, odd


@pytest.mark.parametrize(
    "logo",
    [
        '<svg xmlns="http://www.w3.org/2000/svg"><image href="http://evil.example/x"/></svg>',
        "<svg><script>1</script></svg>",
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><svg/>',
        "%PDF",
    ],
)
async def test_logos_bring_nothing_from_outside(admin, logo: str) -> None:
    body = {"key": "A", "name": "A", "logo": base64.b64encode(logo.encode()).decode()}
    assert (await admin.post("/api/v1/legal-entities", json=body)).status_code == 422
