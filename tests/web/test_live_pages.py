"""Live pages in a real browser: whatever is lost while nobody looks, they follow again when somebody does, and once."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from ingufu.stations.model import Attempt, AttemptOutcome, ConnectorStatus
from web.browser import OpenPage
from web.console.network import status
from web.console_server import Console, running_console

WATCH = """
window.isAway = false;
window.sources = [];
Object.defineProperty(document, "hidden", { get: () => window.isAway });
window.EventSource = class extends EventSource {
  constructor(...given) { super(...given); window.sources.push(this); }
};
"""
OPEN = "() => window.sources.filter((one) => one.readyState === EventSource.OPEN).length"
SETTLED = "() => window.sources.every((one) => one.readyState !== EventSource.CONNECTING)"
ALL_LOST = "() => window.sources.length && window.sources.every((one) => one.readyState === EventSource.CLOSED)"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console")) as console:
        yield console


@pytest.fixture
def lost(console: Console, open_page: OpenPage) -> Page:
    """A page whose server answers that it is not there, with a clock of ours."""
    page = open_page("about:blank", storage_state=console.log_in(), allow="502")
    page.clock.install()
    page.add_init_script(WATCH)
    page.route("**/live", refuse)
    page.goto(f"{console.url}/console/stations/{console.net.stations['NYA-01']}")
    page.wait_for_function(ALL_LOST)
    expect(page.locator(".live").first).to_have_attribute("data-state", "reconnecting")
    return page


def refuse(route: Route) -> None:
    route.fulfill(status=502, body="")


def look(page: Page, *, is_away: bool) -> None:
    page.evaluate(f"window.isAway = {str(is_away).lower()}; document.dispatchEvent(new Event('visibilitychange'))")


def connects_once(page: Page) -> None:
    expect(page.locator(".live").first).to_have_attribute("data-state", "connected")
    page.clock.run_for(70_000)
    page.wait_for_function(SETTLED)
    assert page.evaluate(OPEN) == 1


def test_page_that_was_lost_while_nobody_looked_follows_again_at_once(lost: Page) -> None:
    look(lost, is_away=True)
    lost.clock.run_for(10_000)  # the next try falls due, and is not made
    lost.unroute("**/live")
    look(lost, is_away=False)
    connects_once(lost)


def test_page_that_was_given_up_for_a_while_follows_once(lost: Page) -> None:
    for _ in range(5):  # so that the next try is half a minute off
        known = lost.evaluate("window.sources.length")
        lost.clock.run_for(31_000)
        lost.wait_for_function(f"window.sources.length > {known}")
        lost.wait_for_function(ALL_LOST)
        lost.wait_for_timeout(300)  # it has asked why, and waits
    look(lost, is_away=True)
    lost.clock.run_for(21_000)
    lost.unroute("**/live")
    look(lost, is_away=False)
    connects_once(lost)


def test_what_is_clicked_is_not_replaced_under_the_pointer(console: Console, open_page: OpenPage) -> None:
    now = console.clock.now()
    page = open_page(f"{console.url}/console/stations/{console.net.stations['NYA-01']}", storage_state=console.log_in())
    expect(page.locator(".live").first).to_have_attribute("data-state", "connected")
    card = page.locator("#cards").get_by_role("article").filter(has_text="EVSE 2")
    card.get_by_role("link", name="Reserve…").hover()
    page.mouse.down()
    told = status(console.net, "NYA-01", 2, "Reserved", ConnectorStatus.RESERVED, now)
    console.run(told)
    page.wait_for_timeout(1500)  # it has come by then, and is held back
    expect(card).to_contain_text("Available")
    page.mouse.up()
    expect(page.get_by_role("dialog").get_by_role("heading", name="Reserve at")).to_be_visible()
    expect(card).to_contain_text("Reserved")


async def refuse_station(console: Console, identity: str) -> None:
    services, at = console.services, console.clock.now()
    services.stations.record_attempt(
        Attempt(
            id=services.ids.new(), at=at, last_at=at, listener="plain", address="203.0.113.9", identity=identity,
            path=f"/ocpp/{identity}", outcome=AttemptOutcome.UNKNOWN_STATION,
        )
    )  # fmt: skip


@pytest.fixture
def refusals(console: Console, open_page: OpenPage) -> Page:
    """The list of refused connections, which is read anew whenever somebody is refused."""
    console.run(refuse_station(console, "STRANGER-1"))
    page = open_page(f"{console.url}/console/attempts", storage_state=console.log_in())
    expect(page.locator("#attempt-list")).to_contain_text("STRANGER-1")
    page.wait_for_timeout(1000)  # what came since the page was made has come
    return page


def test_list_is_not_replaced_under_the_pointer(console: Console, refusals: Page) -> None:
    shown = refusals.locator("#attempt-list")
    link = shown.get_by_role("listitem").filter(has_text="STRANGER-1").get_by_role("link", name="Take in…")
    box = link.bounding_box()
    assert box is not None
    refusals.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    refusals.mouse.down()
    with refusals.expect_response("**/console/attempts*"):
        console.run(refuse_station(console, "STRANGER-2"))
    refusals.wait_for_timeout(500)
    expect(shown).not_to_contain_text("STRANGER-2")
    refusals.mouse.up()
    refusals.wait_for_url("**/attempts/adopt?identity=STRANGER-1")


def test_list_that_was_held_down_is_read_anew_once_it_is_let_go(console: Console, refusals: Page) -> None:
    shown = refusals.locator("#attempt-list")
    shown.get_by_text("STRANGER-1").first.hover()
    refusals.mouse.down()
    with refusals.expect_response("**/console/attempts*"):
        console.run(refuse_station(console, "STRANGER-3"))
    refusals.wait_for_timeout(500)
    expect(shown).not_to_contain_text("STRANGER-3")
    refusals.mouse.move(1, 1)
    refusals.mouse.up()
    expect(shown).to_contain_text("STRANGER-3")


def test_list_in_which_something_is_open_waits_until_it_is_closed(console: Console, refusals: Page) -> None:
    shown = refusals.locator("#attempt-list")
    menu = "<details id=menu><summary>More</summary>Open</details>"
    shown.evaluate("(list, menu) => list.insertAdjacentHTML('afterbegin', menu)", menu)
    refusals.get_by_text("More", exact=True).click()
    with refusals.expect_response("**/console/attempts*"):
        console.run(refuse_station(console, "STRANGER-4"))
    refusals.wait_for_timeout(500)
    expect(refusals.locator("#menu")).to_be_visible()
    refusals.get_by_text("More", exact=True).click()
    expect(shown).to_contain_text("STRANGER-4")
    expect(refusals.locator("#menu")).to_have_count(0)
