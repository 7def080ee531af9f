"""Sellers, fiscal devices and documents on pages: what people enter is kept, what is wrong is said, and who may not cannot."""

import re
from decimal import Decimal

import msgspec

from billing.invoices.trade import GROSS, credit_of, record, terms
from ingufu.accounts.model import Role
from ingufu.billing.fiscal.model import DeviceKind, ItemCode
from ingufu.billing.records import store
from web.console.conftest import House, person, words
from web.console.network import Network

DEVICE = {
    "name": "Till", "kind": "ebm-vsdc", "url": "http://10.0.0.5:8080", "allows_private": "true", "tin": "102345678",
    "branch": "00", "labels": "A E 0\nB S 18", "items": "energy RW1 5020", "payment_code": "06", "read_back_path": "/x",
}  # fmt: skip
SELLER = {
    "key": "kgl", "name": "Ingufu <Charging> Ltd", "city": "Kigali", "country": "rw", "tax_id": "102345678",
    "tax_id_name": "TIN", "language": "en", "time_zone": "Africa/Kigali", "automatic": "receipt", "rounding": "half-up",
    "tax_rounding": "line", "zero_category": "Z", "untaxed_category": "O", "payment_days": "14", "retention_years": "10",
    "is_default": "true", "exchange_rates": "EUR 1612.5\n\nUSD 1450", "tax_currency": "rwf", "foot-fr": "Merci",
    "number-receipt": "{entity}-R-{yyyy}-{seq:06d}", "number-invoice": "{entity}-{yyyy}-{seq:06d}",
    "number-credit-note": "{entity}-C-{yyyy}-{seq:06d}", "number-statement": "{entity}-M-{yyyy}-{seq:06d}",
    "logo": '<svg xmlns="http://www.w3.org/2000/svg"/>',
}  # fmt: skip


async def test_fiscal_device_is_entered_changed_and_tried_again_by_who_may(house: House) -> None:
    admin = await person(house, Role.ADMIN)
    assert " object at 0x" not in await admin.page("/console/fiscal-devices/new")
    assert (await admin.send("/console/fiscal-devices/new", **DEVICE)).status_code == 303
    [made] = await house.services.money.fiscal.devices()
    assert (made.kind, made.settings.tin, made.settings.allows_private) == (DeviceKind.EBM_VSDC, "102345678", True)
    assert [(one.label, f"{one.percent:f}") for one in made.settings.labels] == [("A", "0"), ("B", "18")]
    path = f"/console/fiscal-devices/{made.id}"
    assert "B S 18" in await admin.page(path)
    for name, wrong in (
        ("labels", "Q"),
        ("labels", "B S much"),
        ("items", "energy"),
        ("tin", "1"),
        ("url", "ftp://x"),
        ("name", ""),
    ):
        answer = await admin.send(path, **DEVICE | {name: wrong})
        assert answer.status_code == 422, name
        assert 'role="alert"' in answer.text
    assert (await admin.send(path, **DEVICE | {"name": "Till 2"})).status_code == 303
    assert (await admin.send(f"{path}/resume")).status_code == 303
    operator = await person(house, Role.OPERATOR, email="op@example.org")
    assert "Till 2" in words(await operator.page("/console/fiscal-devices"))
    await operator.page("/console/fiscal-devices/new", 403)
    assert (await operator.send(path, **DEVICE)).status_code == 403


async def test_what_the_form_of_a_device_does_not_have_is_kept(house: House) -> None:
    admin = await person(house, Role.ADMIN)
    await admin.send("/console/fiscal-devices/new", **DEVICE)
    [made] = await house.services.money.fiscal.devices()
    settings = msgspec.structs.replace(
        made.settings,
        time_zone="Africa/Bujumbura",
        currency="USD",
        timeout_s=60.0,
        routes={"sale": "/v2/sale"},
        items={"energy": ItemCode(code="RW1", class_code="5020", package_unit="BX", quantity_unit="KWH")},
    )
    async with house.database.work() as work:
        await house.services.money.fiscal.update(work, made.id, settings=settings)
    answer = await admin.send(f"/console/fiscal-devices/{made.id}", **DEVICE | {"name": "Till 2"})
    assert answer.status_code == 303
    [after] = await house.services.money.fiscal.devices()
    assert (after.name, after.settings) == ("Till 2", settings)


async def test_seller_comes_back_as_entered_and_is_retired(house: House) -> None:
    operator = await person(house, Role.OPERATOR)
    assert (await operator.send("/console/legal-entities/new", **SELLER)).status_code == 303
    [made] = await house.services.money.entities.all()
    assert (made.key, made.address.country, made.tax_currency) == ("KGL", "RW", "RWF")
    assert {name: f"{rate:f}" for name, rate in made.exchange_rates.items()} == {"EUR": "1612.5", "USD": "1450"}
    assert made.texts["fr"].foot == "Merci"
    path = f"/console/legal-entities/{made.id}"
    page = await operator.page(path)
    assert "Ingufu &lt;Charging&gt; Ltd" in page
    assert "<Charging>" not in page
    for name, wrong in (
        ("exchange_rates", "EUR"),
        ("number-invoice", "{seq}"),
        ("payment_days", "x"),
        ("automatic", "never"),
        ("receipt_limit", "much"),
        ("receipt_limit", "50,000"),
        ("exchange_rates", "EUR 1,612"),
        ("logo", "<svg><script/></svg>"),
    ):
        assert (await operator.send(path, **SELLER | {name: wrong})).status_code == 422, name
    asked = await operator.send(path, **SELLER | {"receipt_limit": "50,000"})
    assert "Is that 50000 or 50.000? Write it so." in words(asked.text)
    inverse = f"{1 / Decimal('1612.5'):f}"
    rates = {"exchange_rates": f"EUR 1612,5\nUSD {inverse}", "receipt_limit": "50 000"}
    assert (await operator.send(path, **SELLER | rates)).status_code == 303
    [changed] = await house.services.money.entities.all()
    assert changed.receipt_limit == 50_000
    assert changed.exchange_rates == {"EUR": Decimal("1612.5"), "USD": Decimal(inverse)}
    assert (await operator.send(path, **SELLER | {"name": "Other Ltd", "logo": ""})).status_code == 303
    [changed] = await house.services.money.entities.all()
    assert (changed.name, changed.logo) == ("Other Ltd", made.logo)
    assert (await operator.send(f"{path}/retire")).status_code == 303
    assert "sells no more" in words(await operator.page("/console/legal-entities"))


async def test_credit_note_that_the_device_refuses_is_told_on_the_overview_until_it_is_given_up(
    house: House, net: Network
) -> None:
    admin = await person(house, Role.ADMIN)
    await admin.send("/console/fiscal-devices/new", **DEVICE | {"items": "energy RW1 5020\nparking RW3 5020"})
    [device] = await house.services.money.fiscal.devices()
    await admin.send("/console/legal-entities/new", **SELLER, fiscal_device_id=device.id)
    sold = record(
        "r1", terms("RWF", "350", parking="1500", **GROSS), idle_min=20, organisation_id=house.organisation_id
    )
    taken = credit_of(sold, "c1")
    async with house.database.work() as work:
        store.add(work, sold, "s1")
        store.add(work, taken, "s2")
    money = house.services.money
    receipt = await money.invoicing.bill(sold)
    assert receipt is not None
    assert "Documents that were not finalised" not in await admin.page("/console")
    await money.documents.credit(receipt.id, reason="energy", positions=[1])
    note = await money.invoicing.bill(taken)  # all that is left: a second refund
    assert note is not None
    house.clock.advance(10)
    overview = await admin.page("/console")
    assert "Documents that were not finalised" in overview
    assert "The fiscal device takes one refund of a receipt" in words(overview)
    path = f"/console/invoices/{note.id}"
    assert f'href="{path}"' in overview
    page = words(await admin.page(path))
    assert "or give it up: the ledger has taken the amount back already" in page
    assert "made anew from its sessions" not in page
    technician = await person(house, Role.TECHNICIAN, email="technician@example.org")
    assert "Documents that were not finalised" not in await technician.page("/console")
    assert (await admin.send(path, do="finalise")).status_code == 422
    assert (await admin.send(path, do="void")).status_code == 303
    house.clock.advance(10)
    assert "Documents that were not finalised" not in await admin.page("/console")
    assert (await money.documents.get(note.id)).number == ""


async def test_who_only_reads_is_offered_nothing_and_can_do_nothing(house: House) -> None:
    operator = await person(house, Role.OPERATOR)
    await operator.send("/console/legal-entities/new", **SELLER)
    one = record("r1", terms("RWF", "350", **GROSS), organisation_id=house.organisation_id)
    async with house.database.work() as work:
        store.add(work, one, "s1")
    document = await house.services.money.invoicing.bill(one)
    assert document is not None
    path = f"/console/invoices/{document.id}"
    viewer = await person(house, Role.VIEWER, email="viewer@example.org")
    page = await viewer.page(path)
    assert "KGL-R-2026-000001" in page
    assert not re.search(r'<form[^>]*action="/console/invoices', page)
    for do in ("credit", "pay", "void", "finalise"):
        answer = await viewer.send(path, do=do, reason="x", amount="1", reference="x")
        assert answer.status_code == 403
    for do, fields in (
        ("pay", {"amount": "NaN", "reference": "x"}),
        ("pay", {"amount": "1e99", "reference": "x"}),
        ("pay", {"amount": "1,180", "reference": "x"}),
        ("credit", {"reason": ""}),
        ("sing", {}),
    ):
        assert (await operator.send(path, do=do, **fields)).status_code == 422, do
    site = await house.site("Huye")
    elsewhere = await person(house, Role.OPERATOR, site, email="huye@example.org")
    await elsewhere.page(path, 404)
    assert "KGL-R" not in await elsewhere.page("/console/invoices")
    await elsewhere.page("/console/legal-entities", 403)
