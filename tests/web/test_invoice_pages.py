"""Invoices in the console, done as people do it: a seller is entered, sessions are billed, documents read, paid, credited."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from billing.invoices.trade import GROSS, record, terms
from ingufu.accounts.model import OrganisationKind
from ingufu.accounts.tables import organisations
from ingufu.billing.records import store as record_store
from web.browser import OpenPage, accessibility_violations, overflows, take_picture
from web.console_server import Console, running_console

RWF = terms("RWF", "350", parking="1500", **GROSS)
PAGES = {
    "invoices": "/console/invoices", "legal-entities": "/console/legal-entities", "legal-entity-new": "/console/legal-entities/new",
    "customers": "/console/customers", "customer-new": "/console/customers/new", "fiscal-devices": "/console/fiscal-devices",
}  # fmt: skip


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console")) as console:
        yield console


class Desk:
    """An operator logged in, in front of the console."""

    def __init__(self, console: Console, open_page: OpenPage) -> None:
        self.console = console
        self._open_page = open_page

    def open(self, path: str, **options: Any) -> Page:
        return self._open_page(
            self.console.url + path, storage_state=self.console.log_in(), allow="status of 422", **options
        )

    def look(self, path: str, **options: Any) -> Page:
        """Open a page, and leave nothing in the browser."""
        return self._open_page(
            self.console.url + path, storage_state=self.console.onlooker(), only_looks=True, **options
        )

    def sell(self, *ids: str, **fields: Any) -> None:
        """Have sessions be charged, and billed by what runs beside the pages."""
        self.console.run(_sell(self.console, ids, fields))


async def _sell(console: Console, ids: tuple[str, ...], fields: dict[str, Any]) -> None:
    database = console.services.database
    rows = await database.select(
        select(organisations.c.id).where(organisations.c.kind == OrganisationKind.OPERATOR.value)
    )
    for number, record_id in enumerate(ids):
        at = console.clock.now() - timedelta(days=3)
        made = record(record_id, RWF, kwh=f"{number + 7}.25", idle_min=20, started_at=at, site_id=None, **fields)
        issued_at = console.clock.now() - timedelta(seconds=1)
        async with database.work() as work:
            record_store.add(
                work,
                msgspec.structs.replace(made, organisation_id=rows[0]["id"], issued_at=issued_at),
                f"s-{record_id}",
            )
    await console.services.money.invoicing.sweep()


@pytest.fixture
def desk(console: Console, open_page: OpenPage) -> Desk:
    return Desk(console, open_page)


def toast(page: Page) -> Any:
    return page.locator("#toasts .toast").last


def test_from_the_first_seller_to_a_paid_and_a_credited_document(desk: Desk) -> None:
    page = desk.open("/console/invoices")
    expect(page.get_by_text("No document was written yet")).to_be_visible()
    page.locator("#page .empty").get_by_role("link", name="Legal entities").click()
    page.get_by_role("link", name="Enter a legal entity").first.click()
    page.get_by_label("Key").fill("kgl")
    page.get_by_label("Name", exact=True).fill("Ingufu Charging Ltd")
    page.get_by_label("Street").fill("KN 3 Avenue")
    page.get_by_label("City").fill("Kigali")
    page.get_by_label("Country").fill("rw")
    page.get_by_label("Tax number").fill("12")
    page.get_by_label("Time zone").fill("Africa/Kigali")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[role=alert]")).to_contain_text("does not look like a tax number")
    page.get_by_label("Tax number").fill("102345678")
    page.get_by_role("button", name="Save").click()
    expect(toast(page)).to_contain_text("It sells from now on")

    desk.sell("p1", "p2")
    page = desk.open("/console/invoices")
    page.get_by_role("link", name="KGL-R-2026-000001").click()
    paper = page.frame_locator("iframe.paper")
    expect(paper.get_by_role("heading", name="Receipt")).to_be_visible()
    expect(paper.get_by_text("TIN", exact=False).or_(paper.get_by_text("VAT 102345678")).first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON").click()
    assert download.value.suggested_filename == "KGL-R-2026-000001.json"
    page.get_by_label("Reference of the payment").fill("MoMo 4711")
    page.get_by_role("button", name="Enter the payment").click()
    expect(page.locator(".page-head")).to_contain_text("paid")
    expect(page.get_by_text("MoMo 4711")).to_be_visible()

    page = desk.open("/console/invoices")
    page.get_by_role("link", name="KGL-R-2026-000002").click()
    page.get_by_role("button", name="Write the credit note").click()
    page.get_by_label("Why").fill("The station was out of order.")
    page.get_by_role("button", name="Write the credit note").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("KGL-C-2026-000001")
    expect(page.frame_locator("iframe.paper").get_by_text("The station was out of order.")).to_be_visible()
    page.get_by_role("link", name="KGL-R-2026-000002").click()
    expect(page.locator(".page-head")).to_contain_text("credited")


def test_customer_gets_the_invoice_of_the_month(desk: Desk) -> None:
    page = desk.open("/console/customers")
    page.get_by_role("link", name="Enter a customer").first.click()
    page.get_by_label("Name", exact=True).fill("Moto Fleet Ltd")
    page.get_by_label("City").fill("Kigali")
    page.get_by_label("Country").fill("RW")
    page.get_by_label("A session becomes").select_option("monthly")
    page.get_by_text("Drivers for whom they pay", exact=True).first.click()
    page.locator("input[name=drivers]").first.check()
    page.get_by_role("button", name="Save").click()
    expect(toast(page)).to_contain_text("The customer is entered")
    page.get_by_role("button", name="Make the invoice").click()
    expect(page.locator("[role=alert]")).to_contain_text("Nothing of that time waits")
    found = desk.console.run(_first_customer(desk.console))
    desk.sell("m1", "m2", driver_id=found.driver_ids[0])
    page = desk.open(f"/console/customers/{found.id}")
    month = desk.console.clock.now().strftime("%Y-%m")
    page.locator("input[name=period]").fill(month)
    page.get_by_role("button", name="Make the invoice").click()
    expect(page.locator("[role=alert]")).to_contain_text("The month is not over")


async def _first_customer(console: Console) -> Any:
    from ingufu.billing.invoices.tables import customers

    rows = await console.services.database.select(select(customers.c.id))
    return await console.services.money.customers.get(rows[0]["id"])


def test_draft_says_what_is_missing_and_can_be_given_up(desk: Desk) -> None:
    desk.console.run(_limit(desk.console, "100"))
    desk.sell("d1")
    desk.console.run(_limit(desk.console, None))
    page = desk.open("/console/invoices?state=attention")
    page.get_by_role("link", name="Draft").first.click()
    expect(page.get_by_text("the buyer has to be named")).to_be_visible()
    page.get_by_role("button", name="Give it up").click()
    expect(toast(page)).to_contain_text("The draft is given up")
    expect(page.locator(".page-head")).to_contain_text("given up")


async def _limit(console: Console, limit: str | None) -> None:
    from decimal import Decimal

    [entity] = [one for one in await console.services.money.entities.all() if one.retired_at is None]
    async with console.services.database.work() as work:
        await console.services.money.entities.update(work, entity.id, receipt_limit=Decimal(limit) if limit else None)


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_accessible_and_fit_a_phone(desk: Desk, name: str) -> None:
    page = desk.look(PAGES[name])
    expect(page.locator("h1")).to_be_visible()
    assert accessibility_violations(page) == []
    take_picture(page, f"{name}-light")
    narrow = desk.look(PAGES[name], width=390, height=844, scheme="dark")
    expect(narrow.locator("h1")).to_be_visible()
    assert accessibility_violations(narrow) == []
    assert not overflows(narrow)
    take_picture(narrow, f"{name}-phone")


def test_document_page_is_accessible_and_fits_a_phone(desk: Desk) -> None:
    desk.sell("a1")
    page = desk.open("/console/invoices?state=finalised")
    link = page.locator("#invoice-list tbody a").first
    expect(link).to_be_visible()
    path = link.get_attribute("href") or ""
    for scheme, width in (("light", 1440), ("dark", 390)):
        shown = desk.open(path, width=width, scheme=scheme)
        expect(shown.frame_locator("iframe.paper").locator("h1")).to_be_visible()
        assert accessibility_violations(shown) == []
        assert not overflows(shown)
        take_picture(shown, f"invoice-{width}")


def test_check_page_is_accessible(desk: Desk) -> None:
    desk.sell("c1")
    found = desk.console.run(_last_document(desk.console))
    page = desk.open(f"/check/{found.id}/{found.code}")
    expect(page.get_by_role("heading", name="This document is genuine.")).to_be_visible()
    assert accessibility_violations(page) == []
    take_picture(page, "check")


async def _last_document(console: Console) -> Any:
    from ingufu.billing.invoices.tables import documents

    rows = await console.services.database.select(
        select(documents.c.id).where(documents.c.state == "finalised").order_by(documents.c.created_at.desc())
    )
    await asyncio.sleep(0)
    return await console.services.money.documents.get(rows[0]["id"])
