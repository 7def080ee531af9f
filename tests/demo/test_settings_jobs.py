"""Who may do what, who did it, and how the console is to its readers: done in a browser against a running demo."""

import base64
import re
import time

import httpx
import pytest
from playwright.sync_api import Page, expect

from demo.living import MENU, Person, eventually, is_live, log_in, log_out, menu, toast, unlike
from ingufu.accounts.sign_in import decide
from web.browser import take_picture

PASSWORD = "quite another battery"

pytestmark = pytest.mark.timeout(400)  # some wait for what takes time in a demo, beside other demos


def enter_user(page: Page, name: str, email: str, role: str, *, site: str | None = None) -> None:
    menu(page, "Users")
    page.get_by_role("link", name="Enter a user").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label(re.compile("^Password")).fill(PASSWORD)
    page.get_by_label("Role").select_option(label=role)
    if site is not None:
        page.get_by_label("At some sites").check()
        page.locator("#where summary").click()
        page.get_by_role("checkbox", name=site).check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def audited(page: Page, action: str, who: str = "Demo") -> Page:
    """Look up the newest entry of that action in the audit log, and open it."""
    menu(page, "Audit log")
    page.locator("form.filters select[name='action']").select_option(action)
    expect(page).to_have_url(re.compile(f"action={action}"))
    row = page.locator("#audit-list tbody tr").filter(has_text=who).first
    expect(row).to_contain_text(action)
    row.locator(".lead-cell a").click()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    expect(page.locator(".page-head")).to_contain_text(action)
    return page


def test_user_of_one_site_sees_that_site_alone(person: Person) -> None:
    role, name = unlike("Caretaker"), unlike("Celine")
    page = person.choose("Roles")
    page.get_by_role("link", name="Define a role").click()
    page.get_by_label("Name", exact=True).fill(role)
    for may in ("See stations", "Command stations", "See sessions", "Follow live"):
        page.get_by_role("checkbox", name=may).check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name=role)).to_be_visible()
    menu(page, "Sites")
    place = page.locator("#site-list tbody .lead-cell a").first.inner_text()
    enter_user(page, name, f"{name.lower()}@example.org", role, site=place)

    theirs = person.stranger()
    log_in(theirs, f"{name.lower()}@example.org", PASSWORD)
    expect(theirs.get_by_role("navigation", name=MENU)).to_be_visible()
    for hidden in ("Users", "Drivers", "Ledger", "Audit log", "Charge records"):
        expect(theirs.get_by_role("navigation", name=MENU).get_by_role("link", name=hidden)).to_have_count(0)
    menu(theirs, "Sites")
    expect(theirs.locator("#site-list tbody tr")).to_have_count(1)
    menu(theirs, "Stations")
    places = theirs.locator("#station-list tbody .lead-cell .sub").all_inner_texts()
    assert places
    assert set(places) == {place}
    menu(theirs, "Sessions")
    expect(theirs.locator("#session-list tbody tr").first).to_contain_text(place)
    take_picture(theirs, "job-one-site")

    entry = audited(page, "user.create")
    expect(entry.locator("#changes")).to_contain_text(f"{name.lower()}@example.org")
    audited(page, "role.create")
    expect(page.locator("#changes")).to_contain_text(role)
    take_picture(page, "job-audit")


def test_key_is_made_used_revoked_and_refused(person: Person) -> None:
    name = unlike("Wallboard")
    page = person.choose("API keys")
    page.get_by_role("link", name="Make a key").first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("checkbox", name="See stations").check()
    page.get_by_role("button", name="Make the key").click()
    secret = page.locator("#key-secret").inner_text()
    headers = {"Authorization": f"Bearer {secret}"}
    found = httpx.get(f"{person.demo.url}/api/v1/stations", headers=headers, timeout=30)
    assert found.status_code == 200
    assert len(found.json()["items"]) >= 24
    assert httpx.get(f"{person.demo.url}/api/v1/users", headers=headers, timeout=30).status_code == 403
    page.get_by_role("link", name="Done").click()
    row = page.get_by_role("row").filter(has_text=name)
    row.get_by_role("button", name="Revoke…").click()
    page.get_by_role("dialog", name=name).get_by_role("button", name="Revoke").click()
    expect(row.get_by_text("revoked")).to_be_visible()
    asked = httpx.get(f"{person.demo.url}/api/v1/stations", headers=headers, timeout=30)
    assert asked.status_code == 401
    take_picture(page, "job-keys")
    audited(page, "key.revoke")
    expect(page.locator("#changes")).to_contain_text("revoked_at")
    menu(page, "Audit log")
    page.get_by_role("button", name="Check now").click()
    expect(page.locator("#verification")).to_contain_text("Whole up to entry")


def test_user_logs_in_with_a_code_of_their_app(person: Person) -> None:
    name = unlike("Totty")
    enter_user(person.choose("Users"), name, f"{name.lower()}@example.org", "Viewer")
    page = person.stranger(allow="status of 4")
    log_in(page, f"{name.lower()}@example.org", PASSWORD)
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("link", name="Your account").click()
    page.get_by_role("link", name="Set up an app").click()
    page.get_by_role("button", name="Show the QR code").click()
    page.get_by_text("It cannot be scanned").click()
    shown = page.locator("code").inner_text().replace(" ", "")
    secret = base64.b32decode(shown + "=" * (-len(shown) % 8))
    step = int(time.time()) // 30
    page.get_by_label("Code that the app shows").fill(decide.totp_code(secret, step))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Recovery codes").first).to_be_visible()
    page.get_by_role("link", name="I have kept them").click()
    log_out(page)
    log_in(page, f"{name.lower()}@example.org", PASSWORD)
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("alert").first).to_contain_text("The code is wrong")
    page.get_by_label("Code").fill(decide.totp_code(secret, step + 1))  # each code is good once
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("navigation", name=MENU)).to_be_visible()
    take_picture(page, "job-second-factor", full=False)


@pytest.mark.parametrize(
    ("language", "stations"), [("Français", "Bornes"), ("Ikinyarwanda", ""), ("Kiswahili", "")], ids=["fr", "rw", "sw"]
)
def test_console_speaks_the_language_that_is_chosen(person: Person, language: str, stations: str) -> None:
    page = person.open("/stations")
    title = page.get_by_role("heading", level=1)
    english = title.inner_text()
    page.locator("[popovertarget='user-menu']").click()
    page.get_by_role("button", name=language).click()
    expect(title).not_to_have_text(english)
    if stations:
        expect(title).to_have_text(stations)
    take_picture(page, f"job-language-{page.locator('html').get_attribute('lang')}", full=False)
    page.locator("[popovertarget='user-menu']").click()
    page.get_by_role("button", name="English").click()
    expect(title).to_have_text(english)


def test_everything_is_found_by_one_key_and_worked_without_a_mouse(person: Person) -> None:
    page = person.stranger()
    page.keyboard.type(person.demo.email)  # the first field has the focus
    page.keyboard.press("Tab")
    page.keyboard.type(person.demo.password)
    page.keyboard.press("Enter")
    is_live(page)
    to_stations = page.get_by_role("navigation", name=MENU).get_by_role("link", name="Stations")
    tab_to(page, to_stations)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Stations")).to_be_visible()
    first = page.locator("#station-list tbody .lead-cell a").first
    name = first.inner_text()
    tab_to(page, first)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()

    page.goto(f"{person.demo.url}/console/charge-records")
    page.locator("#record-list tbody .lead-cell a").first.wait_for()
    driver = page.locator("#record-list [data-label='Driver']").filter(has_text=re.compile("[a-z]")).first.inner_text()
    page.goto(f"{person.demo.url}/console/tokens")
    card = page.locator("#token-list tbody .lead-cell a").first.inner_text()
    page.goto(f"{person.demo.url}/console/invoices")
    invoice = page.locator("#invoice-list tbody .lead-cell a").filter(has_text="-R-").first.inner_text()
    page.goto(f"{person.demo.url}/console/sessions?running=no")
    page.locator("#session-list tbody .lead-cell a").first.click()
    reference = page.locator("#session-facts dt", has_text="Named by the station").locator("+ dd").inner_text()
    page.goto(f"{person.demo.url}/console/stations")
    is_live(page)
    for text, group in ((name, "Stations"), (driver, "Drivers"), (card, "Cards"), (reference, "Sessions")):
        page.keyboard.press("/")
        palette = page.get_by_role("dialog", name="Search everything")
        expect(palette.get_by_role("combobox"), page.evaluate("document.activeElement.outerHTML")).to_be_focused()
        page.keyboard.type(text)
        expect(palette.get_by_role("group", name=group).get_by_role("option").first).to_be_visible()
        page.keyboard.press("Escape")
        expect(palette).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type(invoice)
    expect(palette.get_by_role("group", name="Invoices").get_by_role("option", selected=True)).to_contain_text(invoice)
    take_picture(page, "job-search", full=False)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(invoice)


def tab_to(page: Page, wanted: object, most: int = 90) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):  # type: ignore[attr-defined]
            return
    raise AssertionError(f"{wanted} is not reached by Tab")


def test_console_turns_dark_and_stays_so(person: Person) -> None:
    page = person.open()
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Light or dark").click()
    page.get_by_role("radio", name="Dark").check(force=True)
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    is_live(page)
    expect(page.locator(".map path.leaflet-interactive").first).to_be_attached()
    take_picture(page, "job-dark")
    eventually(lambda: toast(page).count() == 0)
