"""The ledger in a real browser: booked as people do it, accessible, whole on a phone."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ingufu.authorization.model import DriverDetails
from ingufu.infra.storage.database import Work
from ingufu.ledger.model import Earned
from ingufu.ledger.service import retried
from web.browser import OpenPage, accessibility_violations, overflows, take_picture
from web.console_server import Console, running_console

LIGHT, DARK, PHONE = ("light", 1440), ("dark", 1440), ("light", 390)
HOSTILE = "<script>alert(1)</script> Ltd"


class Booked:
    """What is booked in the console's network."""

    def __init__(self) -> None:
        self.driver = self.entry = self.account = self.report = ""


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console")) as console:
        yield console


@pytest.fixture(scope="module")
def booked(console: Console) -> Booked:
    found = Booked()
    console.run(fill(console, found))
    return found


async def fill(console: Console, booked: Booked) -> None:
    services, books = console.services, console.net.organisation_id
    now, site = console.clock.now(), console.net.sites["Kigali Heights"]
    async with services.database.work() as work:
        details = DriverDetails(name="Aline Uwase")
        booked.driver = (await services.authorization.create_driver(work, details, organisation_id=books)).id

    async def book(work: Work) -> None:
        for reference, amount, currency in (("M1", "12000", "RWF"), ("M2", "40.50", "EUR"), ("M3", "7.250", "KWD")):
            posted = await services.wallets.top_up(
                work, books, booked.driver, amount=Decimal(amount), currency=currency, reference=reference,
                provider="mobile-money",
            )  # fmt: skip
            booked.entry = booked.entry or posted.entry_id
        until = now + timedelta(days=30)
        await services.vouchers.issue(
            work, books, amount=Decimal(2000), currency="RWF", uses=20, expires_at=until, text="Fair"
        )
        await services.hosts.agree(
            work, books, site, host_name=HOSTILE, currency="RWF", percent=Decimal("12.5"), per_session=Decimal(20),
            valid_from=now - timedelta(days=9), bank_account="RW12 3456",
        )  # fmt: skip

    await retried(services.database, book)
    for number in range(3):
        earned = Earned(
            organisation_id=books, record_id=f"r{number}", site_id=site, at=now, started_at=now, currency="RWF",
            energy_net=Decimal(4000), net=Decimal(4000), gross=Decimal(4720), energy_wh=Decimal(12_000),
        )  # fmt: skip
        await retried(services.database, lambda work, it=earned: services.hosts.share(work, it))
    content = f"reference,date,amount,fee,currency\nM1,{now.date()},12000,60,RWF\nM9,{now.date()},800,4,RWF\n"
    report = await retried(
        services.database,
        lambda work: services.reconciliation.take_in(
            work, books, "mobile-money", content.encode(), name="march.csv", books_fees=True
        ),
    )
    booked.report = report.id
    wallet = await services.wallets.get(books, booked.driver, "RWF")
    assert wallet is not None
    booked.account = wallet.id


@pytest.fixture(scope="module")
def state(console: Console, booked: Booked) -> dict[str, Any]:
    return console.log_in()


def pages(booked: Booked) -> dict[str, str]:
    return {
        "books": "/console/ledger",
        "accounts": "/console/ledger/accounts?kind=wallet",
        "account": f"/console/ledger/accounts/{booked.account}",
        "entries": "/console/ledger/entries",
        "entry": f"/console/ledger/entries/{booked.entry}",
        "wallets": "/console/ledger/wallets",
        "vouchers": "/console/ledger/vouchers",
        "hosts": "/console/ledger/hosts",
        "reports": "/console/ledger/reports",
        "report": f"/console/ledger/reports/{booked.report}",
        "agree": "/console/ledger/do/agree",
        "take-in": "/console/ledger/do/report",
    }


@pytest.mark.parametrize(("scheme", "width"), [LIGHT, DARK, PHONE], ids=["light", "dark", "phone"])
@pytest.mark.parametrize("name", list(pages(Booked())))
def test_page_is_accessible_and_whole(
    booked: Booked, console: Console, state: dict[str, Any], open_page: OpenPage, name: str, scheme: str, width: int
) -> None:
    page = open_page(
        console.url + pages(booked)[name], scheme=scheme, width=width, height=844, storage_state=state, only_looks=True
    )
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    take_picture(page, f"ledger-{name}-{'phone' if width < 500 else scheme}")
    assert accessibility_violations(page) == []
    assert not overflows(page)


def test_hosts_in_french_are_whole_on_a_phone(
    booked: Booked, console: Console, state: dict[str, Any], open_page: OpenPage
) -> None:
    page = open_page(console.url + "/console/ledger/hosts", width=390, height=844, storage_state=state, locale="fr-FR")
    expect(page.get_by_role("heading", name="Hôtes et versements")).to_be_visible()
    take_picture(page, "ledger-hosts-french")
    assert not overflows(page)


def toast(page: Page) -> Any:
    return page.locator("#toasts .toast").last


def row(page: Page, text: str) -> Any:
    return page.get_by_role("row").filter(has_text=text)


def test_wallet_is_topped_up_in_a_dialog_that_says_what_is_wrong(
    booked: Booked, console: Console, state: dict[str, Any], open_page: OpenPage
) -> None:
    page = open_page(f"{console.url}/console/ledger/wallets", storage_state=state, allow="status of 422")
    wallet = row(page, "RWF")
    expect(wallet).to_contain_text("12,000")
    wallet.get_by_role("link", name="Top up…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Top a wallet up")).to_be_visible()
    expect(dialog.get_by_label("Driver")).to_have_value(booked.driver)
    expect(dialog.get_by_label("Currency")).to_have_value("RWF")
    dialog.get_by_label("Amount").fill("0")
    dialog.get_by_label("Reference").fill("CASH-1")
    dialog.get_by_role("button", name="Book it").click()
    expect(dialog.get_by_role("alert")).to_contain_text("greater than zero")
    dialog.get_by_label("Amount").fill("500")
    dialog.get_by_role("button", name="Book it").click()
    expect(toast(page)).to_contain_text("It is booked")
    expect(row(page, "RWF")).to_contain_text("12,500")
    page.goto(f"{console.url}/console/ledger")
    expect(page.locator("#books-RWF")).to_contain_text("Balanced")


def test_voucher_code_is_shown_once(
    booked: Booked, console: Console, state: dict[str, Any], open_page: OpenPage
) -> None:
    page = open_page(f"{console.url}/console/ledger/vouchers", storage_state=state)
    page.get_by_role("link", name="Issue…").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Amount").fill("2.500")
    dialog.get_by_label("Currency").fill("KWD")
    dialog.get_by_label("Last day").fill((console.clock.now() + timedelta(days=9)).date().isoformat())
    dialog.get_by_role("button", name="Issue it").click()
    code = dialog.locator("#voucher-code")
    expect(code).to_be_visible()
    told = code.inner_text()
    dialog.get_by_role("link", name="Done").click()
    expect(row(page, "KWD")).to_contain_text(told[-4:])
    expect(page.get_by_text(told)).to_have_count(0)


def test_host_is_paid_out_and_the_bank_has_paid(
    booked: Booked, console: Console, state: dict[str, Any], open_page: OpenPage
) -> None:
    page = open_page(f"{console.url}/console/ledger/hosts", storage_state=state, allow="status of 422")
    expect(page.get_by_text(HOSTILE).first).to_be_visible()
    page.get_by_role("link", name="Pay out to").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Amount")).to_have_value("1560")
    dialog.get_by_label("Amount").fill("1561")
    dialog.get_by_role("button", name="Make the payout").click()
    expect(dialog.get_by_role("alert")).to_contain_text("1560 RWF are due")
    dialog.get_by_label("Amount").fill("1560")
    dialog.get_by_role("button", name="Make the payout").click()
    expect(toast(page)).to_contain_text("It is booked")
    expect(page.get_by_role("cell").get_by_text("On its way")).to_be_visible()
    page.get_by_role("link", name="Paid…").click()
    dialog.get_by_label("Reference of the bank").fill("BK-2026-001")
    dialog.get_by_role("button", name="Book it").click()
    expect(page.get_by_text("BK-2026-001")).to_be_visible()
    expect(page.get_by_role("cell").get_by_text("On its way")).to_have_count(0)


def test_difference_in_a_report_is_resolved_by_booking_it(
    booked: Booked, console: Console, state: dict[str, Any], open_page: OpenPage
) -> None:
    page = open_page(f"{console.url}/console/ledger/reports/{booked.report}", storage_state=state)
    line = row(page, "M9")
    expect(line).to_contain_text("Not booked here")
    line.get_by_role("link", name="Resolve").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Book the difference against").select_option("receivable")
    dialog.get_by_label("Whose").fill(booked.driver)
    dialog.get_by_label("How it is resolved").fill("Paid at the counter")
    dialog.get_by_role("button", name="Resolve it").click()
    expect(row(page, "M9")).to_contain_text("Paid at the counter")
    expect(row(page, "M9")).to_contain_text("Resolved")


def test_entry_is_taken_back_after_asking_once(
    booked: Booked, console: Console, state: dict[str, Any], open_page: OpenPage
) -> None:
    page = open_page(f"{console.url}/console/ledger/entries?q=M3", storage_state=state)
    page.locator("#entry-list td.lead-cell a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Entry")
    page.get_by_role("link", name="Take back…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("cannot be undone")
    dialog.get_by_label("Why").fill("Charged back")
    dialog.get_by_role("button", name="Take it back").click()
    expect(page.locator("#entry")).to_contain_text("taken back")
