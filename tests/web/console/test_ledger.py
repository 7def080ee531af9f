"""The ledger's pages: what is booked is seen, jobs are done by forms, and hosts see what is theirs."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest

from ingufu.accounts.model import OrganisationKind, Role
from ingufu.authorization.model import DriverDetails
from ingufu.ledger.model import AccountKind, Earned
from ingufu.ledger.service import retried
from web.console.conftest import House, Person, person, words


@pytest.fixture
async def driver(house: House) -> str:
    async with house.database.work() as work:
        made = await house.services.authorization.create_driver(
            work, DriverDetails(name="Aline <b>"), organisation_id=house.organisation_id
        )
    return made.id


async def available(house: House, driver: str, currency: str = "RWF") -> Decimal:
    return await house.services.wallets.available(house.organisation_id, driver, currency)


async def top_up(operator: Person, driver: str, amount: str = "5000", currency: str = "rwf", **more: str) -> None:
    fields = {"driver": driver, "amount": amount, "currency": currency, "provider": "momo", "reference": "M1"} | more
    answer = await operator.send("/console/ledger/do/top-up", **fields)
    assert answer.status_code == 303, answer.text


async def test_empty_ledger_says_what_to_do_next(operator: Person) -> None:
    for path, text in (
        ("", "Nothing is booked yet"),
        ("/entries", "Nothing is booked yet"),
        ("/wallets", "No driver has a wallet yet"),
        ("/vouchers", "No voucher was issued yet"),
        ("/hosts", "Nothing is agreed with hosts yet"),
        ("/reports", "No report was taken in yet"),
        ("/accounts", "No account fits"),
    ):
        assert text in words(await operator.page(f"/console/ledger{path}"))


async def test_top_up_is_in_the_wallet_and_on_every_page(house: House, operator: Person, driver: str) -> None:
    await top_up(operator, driver)
    await top_up(operator, driver)  # the same reference
    assert await available(house, driver) == 5000
    assert "Aline <b> RWF 5,000" in words(await operator.page("/console/ledger/wallets"))
    books = words(await operator.page("/console/ledger"))
    assert "Balanced" in books
    assert "Both sides RWF 5,000 RWF 5,000" in books
    entries = await operator.page("/console/ledger/entries")
    assert "Top-up" in words(entries)
    href = re.findall(r'href="(/console/ledger/entries/[^"]+)"', entries)[0]
    entry = words(await operator.page(href))
    assert "Entry 1" in entry
    assert "top-up:momo:M1" in entry
    account = re.findall(r'href="(/console/ledger/accounts/[0-9a-f]{32})"', await operator.page(href))[0]
    assert "RWF 5,000" in words(await operator.page(account))
    assert "Everything is as it must be" in words(await operator.page("/console/ledger?verify=yes"))
    assert "Nothing is booked yet" in words(await operator.page("/console/ledger?at=2020-01-01"))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"amount": "lots"}, "Write a plain number, as in 1250 or 0.25."),
        ({"amount": ""}, "A number is needed here."),
        ({"amount": "5,000"}, "Is that 5000 or 5.000? Write it so."),
        ({"amount": "0"}, "greater than zero"),
        ({"amount": "1.5"}, "smallest unit"),
        ({"currency": "12"}, "three letters"),
        ({"currency": "XXX"}, "not a currency"),
        ({"reference": ""}, "This is needed."),
        ({"driver": ""}, "This is needed."),
    ],
)
async def test_form_says_what_is_wrong_and_keeps_what_was_entered(
    operator: Person, driver: str, fields: dict[str, str], says: str
) -> None:
    given = {"driver": driver, "amount": "5000", "currency": "RWF", "provider": "momo", "reference": "M77"} | fields
    answer = await operator.send("/console/ledger/do/top-up", **given)
    assert answer.status_code == 422
    assert says in words(answer.text)
    assert 'value="momo"' in answer.text


async def test_comma_is_a_point_where_it_can_be_nothing_else(house: House, operator: Person, driver: str) -> None:
    await top_up(operator, driver, amount="12,50", currency="EUR")
    await top_up(operator, driver, amount="1 250", reference="M2")
    assert await available(house, driver, "EUR") == Decimal("12.5")
    assert await available(house, driver) == 1250


async def test_wallet_is_adjusted_with_a_reason_and_never_below_its_limit(
    house: House, operator: Person, driver: str
) -> None:
    await top_up(operator, driver)
    who = {"driver": driver, "currency": "RWF"}
    answer = await operator.send("/console/ledger/do/adjust-wallet", amount="-6000", reason="x", against="bank", **who)
    assert answer.status_code == 422
    assert "5000 RWF can be used" in words(answer.text)
    await operator.send("/console/ledger/do/limit", limit="1000", **who)
    answer = await operator.send("/console/ledger/do/adjust-wallet", amount="-6000", reason="x", against="bank", **who)
    assert answer.status_code == 303
    assert await available(house, driver) == 0


async def test_entry_is_taken_back_and_given_back_of_once(house: House, operator: Person, driver: str) -> None:
    await top_up(operator, driver)
    entry = await house.services.ledger.find_entry(house.organisation_id, "top-up:momo:M1")
    assert entry is not None
    page = await operator.page(f"/console/ledger/entries/{entry.id}")
    assert "Take back…" in words(page)
    answer = await operator.send("/console/ledger/do/refund", entry=entry.id, amount="6000", reason="Too much")
    assert answer.status_code == 422
    assert (
        await operator.send("/console/ledger/do/refund", entry=entry.id, amount="1000", reason="x")
    ).status_code == 303
    page = words(await operator.page(f"/console/ledger/entries/{entry.id}"))
    assert "Given back" in page
    assert "Take back…" not in page
    assert await available(house, driver) == 4000


async def test_voucher_code_is_shown_once_and_fills_a_wallet(house: House, operator: Person, driver: str) -> None:
    until = (house.clock.now() + timedelta(days=30)).date().isoformat()
    answer = await operator.send(
        "/console/ledger/do/issue", amount="2.500", currency="KWD", uses="2", until=until, text="Fair"
    )
    assert answer.status_code == 200
    code = re.findall(r'id="voucher-code">([^<]+)<', answer.text)[0]
    page = await operator.page("/console/ledger/vouchers")
    assert code not in page
    assert f"…{code[-4:]}" in words(page)
    assert (await operator.send("/console/ledger/do/redeem", code="WRONG", driver=driver)).status_code == 422
    assert (await operator.send("/console/ledger/do/redeem", code=code.lower(), driver=driver)).status_code == 303
    assert await available(house, driver, "KWD") == Decimal("2.5")
    voucher = re.findall(r"voucher=([0-9a-f-]{36})", page)[0]
    assert "Nobody can use it any more" in words(await operator.page(f"/console/ledger/do/withdraw?voucher={voucher}"))
    assert (await operator.send("/console/ledger/do/withdraw", voucher=voucher)).status_code == 303
    assert "Ended" in words(await operator.page("/console/ledger/vouchers"))


async def shared(house: House, site: str, number: int = 1) -> None:
    now = house.clock.now()
    earned = Earned(
        organisation_id=house.organisation_id, record_id=f"r{number}", site_id=site, at=now, started_at=now,
        currency="RWF", energy_net=Decimal(1000), net=Decimal(1000), gross=Decimal(1000), energy_wh=Decimal(1000),
    )  # fmt: skip
    await retried(house.database, lambda work: house.services.hosts.share(work, earned))


async def test_host_is_agreed_with_and_paid_out(house: House, operator: Person) -> None:
    site = await house.site("Mall")
    agreed = await operator.send(
        "/console/ledger/do/agree", site=site, host_name="Mall Ltd", currency="RWF", percent="10", bank_account="RW1"
    )
    assert agreed.status_code == 303, agreed.text
    await shared(house, site)
    page = words(await operator.page("/console/ledger/hosts"))
    assert "10 % of the energy, before taxes" in page
    assert "Mall Mall Ltd RWF 100" in page
    made = {"site": site, "currency": "RWF"}
    assert (await operator.send("/console/ledger/do/payout", amount="101", **made)).status_code == 422
    assert (await operator.send("/console/ledger/do/payout", amount="100", **made)).status_code == 303
    page = await operator.page("/console/ledger/hosts")
    assert "On its way" in words(page)
    payout = re.findall(r"payout=([0-9a-f-]{36})", page)[0]
    assert (await operator.send("/console/ledger/do/paid", payout=payout, bank_reference="BK 1")).status_code == 303
    assert "Paid" in words(await operator.page("/console/ledger/hosts"))
    assert await house.services.ledger.balance(house.organisation_id, AccountKind.BANK, currency="RWF") == -100


async def test_host_sees_what_is_due_at_its_sites_and_nothing_else(house: House, operator: Person) -> None:
    mall, street = await house.site("Mall"), await house.site("Street")
    for site, host in ((mall, "Mall Ltd"), (street, "Street Ltd")):
        await operator.send("/console/ledger/do/agree", site=site, host_name=host, currency="RWF", percent="10")
    await shared(house, street)
    host = await person(house, Role.VIEWER, mall, email="host@example.org")
    page = words(await host.page("/console/ledger/hosts"))
    assert "Mall Ltd" in page
    assert "Street" not in page
    assert "Agree…" not in page
    assert (await host.client.get("/console/ledger")).status_code == 303
    for path in ("/accounts", "/entries", "/wallets", "/vouchers", "/reports", "/do/top-up"):
        await host.page(f"/console/ledger{path}", status=403)


async def test_each_host_of_a_site_is_paid_its_own_and_the_change_is_said(house: House, operator: Person) -> None:
    site, accounts = await house.site("Mall"), house.services.accounts
    async with house.database.work() as work:
        old, new = [await accounts.create_organisation(work, one, OrganisationKind.HOST) for one in ("Old", "New")]
    admin = await person(house, Role.ADMIN, email="root@example.org")
    assert "ends when it changes hands" in words(await admin.page(f"/console/organisations/{old.id}"))
    for name, host, number in (("Old", old, 1), ("New", new, 2)):
        path = f"/console/organisations/{host.id}"
        assert (await admin.send(path, name=name, sites=site)).status_code == 303
        terms = {"site": site, "host_name": f"{name} Ltd", "currency": "RWF", "percent": "10"}
        assert (await operator.send("/console/ledger/do/agree", **terms)).status_code == 303
        await shared(house, site, number)
        house.clock.advance(60)
        if host is old:
            page = await admin.client.get((await admin.send(path, name=name)).headers["location"])
            assert "What was agreed with the former host has ended" in words(page.text)
    page = await operator.page("/console/ledger/hosts")
    links = re.findall(r'href="(/console/ledger/do/payout[^"]+)"', page)
    assert len(links) == 2
    for link in links:
        form = await operator.page(link.replace("&amp;", "&"))
        host = re.findall(r'name="host" value="([^"]+)"', form)[0]
        made = {"site": site, "currency": "RWF", "amount": "100", "host": host}
        assert (await operator.send("/console/ledger/do/payout", **made)).status_code == 303
    for host in (old, new):
        assert await house.services.hosts.due(house.organisation_id, site, "RWF", host.id) == 0


async def test_each_host_known_by_name_alone_is_paid_its_own(house: House, operator: Person) -> None:
    site = await house.site("Mall")
    for number, name in enumerate(("Old & Co", "New Ltd"), 1):
        terms = {"site": site, "host_name": name, "currency": "RWF", "percent": "10"}
        assert (await operator.send("/console/ledger/do/agree", **terms)).status_code == 303
        await shared(house, site, number)
        house.clock.advance(60)
    page = await operator.page("/console/ledger/hosts")
    links = [unescape(link) for link in re.findall(r'href="(/console/ledger/do/payout[^"]+)"', page)]
    assert len(links) == 2
    for link in links:
        form = await operator.page(link)
        host = unescape(re.findall(r'name="host" value="([^"]+)"', form)[0])
        made = {"site": site, "currency": "RWF", "amount": "100", "host": host}
        assert (await operator.send("/console/ledger/do/payout", **made)).status_code == 303
        assert (await operator.send("/console/ledger/do/payout", **made)).status_code == 422
    for name in ("Old & Co", "New Ltd"):
        assert await house.services.hosts.due(house.organisation_id, site, "RWF", host_name=name) == 0


async def test_report_is_compared_and_its_differences_resolved(house: House, operator: Person, driver: str) -> None:
    await top_up(operator, driver)
    day = house.clock.now().date()
    bad = await operator.send("/console/ledger/do/report", provider="momo", content="a,b\n1,2\n")
    assert bad.status_code == 422
    assert "no column" in words(bad.text)
    content = f"Ref,Day,Sum,Ccy\nM1,{day},5000,RWF\nM2,{day},700,RWF\n"
    columns = {"column_reference": "Ref", "column_date": "Day", "column_amount": "Sum", "column_currency": "Ccy"}
    answer = await operator.send("/console/ledger/do/report", provider="momo", content=content, **columns)
    assert answer.status_code == 303
    page = await operator.page(answer.headers["location"])
    assert "Matched" in words(page)
    assert "M2 Not booked here" in words(page)
    report = answer.headers["location"].rpartition("/")[2]
    done = await operator.send(
        "/console/ledger/do/resolve", report=report, line="3", against="receivable", owner=driver, note="Paid twice"
    )
    assert done.status_code == 303, done.text
    assert "Paid twice" in words(await operator.page(answer.headers["location"]))
    assert (
        await house.services.ledger.balance(house.organisation_id, AccountKind.CLEARING, "momo", currency="RWF") == 5700
    )


async def test_viewer_is_offered_nothing_that_books(
    house: House, operator: Person, viewer: Person, driver: str
) -> None:
    await top_up(operator, driver)
    for path in ("", "/wallets", "/vouchers", "/hosts", "/reports"):
        assert "/ledger/do/" not in await viewer.page(f"/console/ledger{path}")
    assert (await viewer.send("/console/ledger/do/top-up", driver=driver, amount="1")).status_code == 403
