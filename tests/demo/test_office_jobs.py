"""What people in the office do, with drivers, prices, money and configuration, as a person does it in the running demo."""

import re

import pytest
from playwright.sync_api import Page, expect

from demo.living import LATER_MS, Person, eventually, is_live, menu, toast, unlike
from demo.visitor import knock, visiting
from web.browser import take_picture

PASSWORD = "long enough for a station"

pytestmark = pytest.mark.timeout(400)  # some wait for what takes time in a demo, beside other demos


def add_station(page: Page, identity: str) -> None:
    """Enter a station with the tests' password."""
    menu(page, "Stations")
    page.get_by_role("link", name="Add a station").click()
    page.get_by_label("Identity").fill(identity)
    page.get_by_label("The one that the station has").check()
    page.get_by_label("Its password").fill(PASSWORD)
    page.get_by_role("button", name="Add the station").click()
    expect(page.get_by_role("heading", level=1, name=f"{identity} was added")).to_be_visible()


def test_driver_gets_a_card_whose_refusal_is_explained(person: Person) -> None:
    name, number, identity = unlike("Chantal"), unlike("C0FFEE"), unlike("VISITOR")
    page = person.choose("Drivers")
    page.get_by_role("link", name="Register a driver").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("E-mail").fill(f"{name.lower()}@example.rw")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    driver = page.url
    page.get_by_role("link", name="Register a card").first.click()
    page.get_by_label("Number", exact=True).fill(number)
    expect(page.get_by_label("Driver").locator("option:checked")).to_contain_text(name)
    page.get_by_role("button", name="Register").click()
    expect(toast(page)).to_be_visible()

    add_station(page, identity)
    with visiting(person.demo.stations, identity, PASSWORD) as station:
        assert station.boot()["status"] == "Accepted"
        assert station.call("Authorize", {"idTag": number})["idTagInfo"]["status"] == "Accepted"
        page.goto(driver)
        page.locator("#cards").get_by_role("link", name=number).click()
        page.get_by_label("Why").fill("lost on the bus")
        page.get_by_role("button", name="Block").click()
        expect(page.get_by_text("lost on the bus")).to_be_visible()
        assert station.call("Authorize", {"idTag": number})["idTagInfo"]["status"] == "Blocked"
    page.goto(driver)
    refusals = page.locator("#refusals li")
    eventually(lambda: page.reload() is not None and refusals.count())
    expect(refusals).to_contain_text("blocked")
    expect(refusals).to_contain_text(identity)
    take_picture(page, "job-driver")
    page.get_by_role("link", name="Who changed it").click()
    expect(page.locator("#audit-list")).to_contain_text("driver.create")


def test_drivers_come_from_a_file_and_a_bad_row_is_shown(person: Person) -> None:
    eric, diane, group, number = unlike("Eric"), unlike("Diane"), unlike("MOTO"), unlike("C0FFEE")
    page = person.choose("Drivers")
    page.get_by_role("link", name="Import…").click()
    rows = (
        "Name;E-mail;Phone",
        f"{eric};{eric.lower()}@example.rw;",
        f"{diane};{diane.lower()}@example.rw;+250 788 1",
        "Bad;no address;",
    )
    file = "\r\n".join(rows).encode()
    page.get_by_label("CSV file").set_input_files({"name": "new.csv", "mimeType": "text/csv", "buffer": file})
    page.get_by_role("button", name="Look at the file").click()
    expect(page.get_by_label("E-mail is read as")).to_have_value("email")
    page.get_by_role("button", name="Judge every row").click()
    wrong = page.get_by_role("row").filter(has_text="Bad")
    expect(wrong).to_contain_text("Wrong")
    expect(wrong).to_contain_text("email")
    take_picture(page, "job-import")
    page.get_by_role("button", name="Import 2 rows").click()
    expect(page.get_by_role("link", name="Results as CSV")).to_be_visible()
    page.locator("#run").get_by_role("link", name="Drivers").click()
    page.get_by_role("searchbox", name="Name, e-mail or telephone").fill("@example.rw")
    expect(page.get_by_role("link", name=eric)).to_be_visible()
    expect(page.get_by_role("link", name=diane)).to_be_visible()
    page.get_by_role("link", name=eric).click()
    expect(page.get_by_text(f"{eric.lower()}@example.rw")).to_be_visible()

    menu(page, "Groups")
    page.get_by_role("link", name="Make a group").click()
    page.get_by_label("Known to stations as").fill(group)
    page.get_by_label("Name", exact=False).last.fill(f"Taxis {group}")
    page.get_by_role("button", name="Make the group").click()
    page.get_by_role("link", name="Register a card").click()
    page.get_by_label("Number", exact=True).fill(number)
    page.get_by_role("button", name="Register").click()
    menu(page, "Groups")
    page.get_by_role("link", name=f"Taxis {group}").click()
    expect(page.locator("#members").get_by_role("link", name=number)).to_be_visible()
    take_picture(page, "job-group")


def test_tariff_is_drawn_tried_and_put_in_force(person: Person) -> None:
    name = unlike("Evening")
    page = person.choose("Stations")
    station = page.locator("#station-list tbody .lead-cell a").last.inner_text()
    menu(page, "Tariffs")
    page.get_by_role("link", name="New tariff").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Currency").fill("RWF")
    page.get_by_label("Energy, per kWh").fill("400")
    expect(page.locator("#week .week-block").first).to_be_visible()
    page.get_by_role("button", name="Add a price rule").click()
    expect(page.get_by_label("Energy, per kWh")).to_have_count(2)
    page.get_by_label("Energy, per kWh").last.fill("250")
    first = page.locator("fieldset.rule").first
    first.get_by_label("Time of day: from").fill("18:00")
    first.get_by_label("Time of day: until before").fill("22:00")
    expect(page.locator("#week")).to_contain_text("250")
    expect(page.locator("#week")).to_contain_text("400")
    page.get_by_text("What would a session cost?").click()
    page.get_by_label("Energy", exact=False).and_(page.locator("#calc-kwh")).fill("10")
    page.locator("#calc-minutes").fill("60")
    page.locator("#calc-start").fill("2026-11-20T19:00")
    expect(page.locator("#preview .sum")).to_contain_text("4,000")
    take_picture(page, "job-tariff-editor")
    page.get_by_role("button", name="Save the tariff").click()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    applies = page.locator("#applies")
    expect(applies).to_contain_text("It applies nowhere yet")
    applies.get_by_label("To what").select_option(label="Station")
    applies.get_by_label("Which one").fill(station)
    applies.get_by_role("button", name="Give it").click()
    expect(applies).to_contain_text(station)
    page.get_by_role("link", name="Change prices").click()
    page.get_by_label("Energy, per kWh").last.fill("260")
    page.get_by_role("button", name="Save the tariff").click()
    expect(page.locator("#version-2")).to_contain_text("in force")
    page.locator("#version-2 summary").click()
    expect(page.locator("#version-2 ins").first).to_contain_text("260")
    expect(
        page.get_by_role("region", name="History").or_(page.locator("section", has_text="History")).last
    ).to_contain_text("Demo")
    take_picture(page, "job-tariff")


def test_money_is_followed_from_the_session_to_the_books(person: Person) -> None:
    page = person.choose("Charge records")
    page.locator("#record-list tbody .lead-cell a").nth(3).click()
    expect(page.get_by_role("heading", name="The price, line by line")).to_be_visible()
    sum_said = page.locator(".sum strong").first.inner_text()
    expect(page.get_by_role("heading", level=1)).to_contain_text(sum_said)

    menu(page, "Invoices")
    page.locator("#invoice-list tbody .lead-cell a").filter(has_text=re.compile(r"-R-")).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("-R-")
    title = page.get_by_role("heading", level=1).inner_text()
    paper = page.frame_locator("iframe.paper")
    expect(paper.locator("body")).to_contain_text(title.split()[-1])
    pdf = page.context.request.get(page.get_by_role("link", name="PDF").evaluate("link => link.href"))
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.body().startswith(b"%PDF-")
    take_picture(page, "job-invoice")

    menu(page, "Ledger")
    page.get_by_role("link", name="Verify").click()
    expect(page.get_by_text("Everything is as it must be")).to_be_visible()
    books = page.locator("#books-RWF")
    expect(books).to_contain_text("Balanced")
    books.locator("tbody .lead-cell a").first.click()
    page.locator("#account-list tbody .lead-cell a").first.click()
    expect(page.get_by_role("region", name="Entries").locator("tbody tr").first).to_contain_text(re.compile(r"\d"))
    take_picture(page, "job-ledger")


def test_doubtful_session_is_decided(person: Person) -> None:
    page = person.choose("Review queue")
    doubtful = page.locator("#review-list tbody tr").first
    session = doubtful.locator(".lead-cell a").evaluate("link => link.href")
    doubtful.get_by_role("link", name="Decide on the session").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Bill another energy").check()
    dialog.locator("[name='energy_kwh']").fill("7.5")
    dialog.get_by_label("Why", exact=False).fill("Read at the meter.")
    dialog.get_by_role("button", name="Decide").click()
    expect(toast(page)).to_contain_text("The session is billed")
    page.goto(session)
    expect(page.locator("#energy-truth")).to_contain_text("7.500 kWh")
    expect(page.locator("#energy-truth")).to_contain_text("Read at the meter.")
    expect(page.locator("#session-price-now")).to_contain_text("final")
    take_picture(page, "job-review")


def test_template_is_given_to_two_stations_and_drift_is_seen(person: Person) -> None:
    name = unlike("Longer silence")
    page = person.choose("Configuration")
    expect(page.locator("#drift-list tbody tr").first).to_contain_text(
        re.compile("Refused|Different|Waiting|Not known")
    )
    page.get_by_role("link", name="New template").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Chosen stations alone").check()
    page.get_by_role("button", name="Make the template").click()
    page.get_by_label("Variable", exact=True).fill("OCPPCommCtrlr.HeartbeatInterval")
    page.get_by_label(re.compile("^Value( |$)")).last.fill("333")
    page.get_by_role("button", name="Add the value").click()
    expect(page.get_by_role("row").filter(has_text="OCPPCommCtrlr.HeartbeatInterval")).to_be_visible()
    template = page.url

    menu(page, "Stations")
    page.get_by_role("search").get_by_label("OCPP", exact=True).select_option(label="2.1")
    expect(page).to_have_url(re.compile("version=2.1"))
    expect(page.locator("form.filters.htmx-request")).to_have_count(0)
    names = page.locator("#station-list tbody .lead-cell a").all_inner_texts()[:2]
    for one in names:
        page.get_by_label(f"Choose {one}").check()
    page.get_by_role("button", name="Template…").click()
    page.get_by_label("Template").select_option(label=name)
    page.get_by_role("button", name="Give 2 stations a template").click()
    expect(page.locator("#run")).to_contain_text("2 of 2", timeout=LATER_MS)
    page.goto(template)
    for one in names:
        expect(page.get_by_role("link", name=one).last).to_be_visible()
    page.get_by_role("link", name=names[0]).last.click()
    desired = page.get_by_role("region", name="Desired").get_by_role("row").filter(has_text="HeartbeatInterval")
    eventually(lambda: page.reload() is not None and desired.filter(has_text="As desired").count(), within_s=60)
    expect(desired).to_contain_text("333")
    take_picture(page, "job-template")


def test_station_with_a_wrong_password_is_seen_and_helped(person: Person) -> None:
    identity = unlike("VISITOR")
    page = person.choose("Stations")
    add_station(page, identity)
    menu(page, "Connection attempts")
    is_live(page)
    assert knock(person.demo.stations, identity, "a wrong one for this") == 401
    refusal = page.locator(".refusal", has_text=identity)
    eventually(lambda: page.reload() is not None and refusal.count())
    expect(refusal).to_contain_text("Its password is wrong")
    expect(refusal.locator(".remedy")).to_contain_text("Generate a new password here")
    take_picture(page, "job-attempts")
    refusal.get_by_role("link", name="New password…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Set the password").click()
    expect(dialog).to_contain_text("It is shown only now")
    secret = re.search(r"\b[0-9a-f]{40}\b", dialog.inner_text())
    assert secret is not None
    with visiting(person.demo.stations, identity, secret[0]) as station:
        assert station.boot()["status"] == "Accepted"
        page.goto(f"{person.demo.url}/console/stations?q={identity}")
        page.locator("#station-list").get_by_role("link", name=identity).click()
        page.get_by_role("link", name="Connections").click()
        expect(page.locator("#diagnosis")).to_contain_text("Is it well?")
        expect(page.get_by_role("region", name="Connection attempts")).to_contain_text("still connected")
        expect(page.get_by_role("region", name="Connection attempts")).to_contain_text("Its password is wrong")
        take_picture(page, "job-doctor")
