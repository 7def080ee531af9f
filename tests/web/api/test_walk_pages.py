"""Every page of the console, every role, one's own things and others'."""

import re
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from charging.stations import Station as ChargingStation
from ingufu.accounts.model import OrganisationKind, Role, RoleGrant, Scope
from ingufu.web.console.assembly import ROUTES
from ingufu.web.console.rendering import CONSOLE_PATH
from ingufu.web.declared import KEY, Route
from web.api.conftest import House
from web.api.test_walk_roles import BOUND, NETWORK, of, world
from web.api.walking import Standing
from web.api.world import Side, World

FILLINGS = {
    "name": "reset", "occasion": "started", "number": "1", "job": "top-up", "slot": "1",
}  # fmt: skip
NAMES = {"show_steering": "limit", "steer": "limit"}
QUERIES = {"show_part": {"path": "x"}}
FORMS = {"change_boot_answer": {"boot_answer": "Pending"}, "switch_quirk": {"number": "1", "is_on": "on"}}
ELSEWHERE = {"show_adoption", "show_part"}  # what they show has to be named in the query, and is not here
COMMANDS = {"show_action", "do_action"}  # actions of a station ask for the permission that the one at hand needs
LINK = re.compile(r"""\s(?:href|hx-get|data-href|src)=["']([^"'#]+)["'#]""")
OURS = ("/console", "/api/")
UNFOLLOWED = ("/console/sign-out", "/api/docs", "/api/v1/live")  # it ends the log-in; it is everybody's; it never ends
PASSWORD = "correct horse battery"
pytestmark = pytest.mark.usefixtures("world")
__all__ = ["world"]


def pages(method: str) -> list[Route]:
    found = [handler.opt[KEY] for handler in ROUTES]
    return [route for route in found if route.method == method and not route.is_public]


async def browser_of(world: World, standing: Standing) -> httpx.AsyncClient:
    """Return a browser in which somebody of this standing is logged in."""
    house, side = world.house, world.one
    world.show(standing.kind)
    owner = {OrganisationKind.HOST: side.host_id, OrganisationKind.FLEET: side.fleet_id}
    site_id = side.ids["site_id"] if standing.is_at_site else None
    email = f"{of(standing).replace(' ', '.')}@example.org"
    async with house.database.work() as work:
        await house.services.accounts.create_user(
            work,
            organisation_id=owner.get(standing.kind, house.organisation_id),
            email=email,
            name="Keza",
            password=PASSWORD,
            grants=[RoleGrant(role=standing.role, site_id=site_id)],
        )
    transport = httpx.ASGITransport(app=house.app)  # type: ignore[arg-type]
    client = httpx.AsyncClient(transport=transport, base_url=house.url)
    house.clients.append(client)
    answer = await client.post("/api/v1/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
    return client


@pytest.mark.parametrize("standing", [*BOUND, *NETWORK], ids=of)
async def test_pages_open_as_they_are_declared_tell_nothing_of_others_and_lead_where_one_may_go(
    world: World, standing: Standing
) -> None:
    client, found, followed = await browser_of(world, standing), [], dict[str, str]()
    for route in pages("GET"):
        if streams(route):
            continue
        own = target_of(route, world.one)
        if own is None:
            expected = {403} if not _may(standing, route) else {200, 286, 303, 404}  # 286: ask no more
            answer = await client.get(target_of(route, Side("x"), otherwise="1") or "")
        else:
            answer = await client.get(own, params=QUERIES.get(route.name))
            expected = {200, 303} if _may(standing, route) else {403}
            expected |= {404} if route.name in ELSEWHERE and _may(standing, route) else set()
        if answer.status_code not in expected:
            found.append(f"{route.name} {own}: {answer.status_code}, not {expected}: {_words(answer)}")
        if not standing.sees_all:
            found += [f"{route.name} {own} tells {mark}" for mark in world.two.marks if mark in answer.text]
        found += [f"{route.name} {own} leads to {led}" for led in await _closed(client, answer, followed)]
    assert not found, "\n".join(found)
    assert len(followed) > 10


async def test_cards_are_offered_to_those_who_see_the_whole_network(world: World) -> None:
    start = f"/console/stations/{world.one.ids['station']}/actions/start"
    for is_at_site in (True, False):
        browser = await browser_of(world, Standing(Role.OPERATOR, OrganisationKind.OPERATOR, is_at_site=is_at_site))
        page = await browser.get(start)
        assert page.status_code == 200
        assert [f"CARD-{name}" in page.text for name in ("Alpha", "Omega")] == [not is_at_site] * 2


async def test_page_of_a_station_tells_of_sessions_and_events_to_those_who_may_see_them(world: World) -> None:
    house, ids = world.house, world.one.ids
    charging = ChargingStation(house.database, house.services.charging, house.clock, ids["station"], "2.1")
    await charging.start(reference="running", seq=0, token="CARD-Alpha", token_kind="ISO14443")
    base = f"/console/stations/{ids['station']}"
    for scopes, told in ((["stations:read"], False), (["stations:read", "transactions:read", "events:read"], True)):
        email = f"{len(scopes)}@example.org"
        role = await world.admin.post("/api/v1/roles", json={"name": f"Role {email}", "scopes": scopes})
        entered = {"email": email, "name": "N", "password": PASSWORD, "grants": [{"role": role.json()["id"]}]}
        assert (await world.admin.post("/api/v1/users", json=entered)).status_code == 201
        client = await house.log_in(email)
        page = await client.get(base)
        assert page.status_code == 200
        assert [mark in page.text for mark in ("Driver Alpha", "/timeline", "/sessions", 'id="feed"')] == [told] * 4
        assert [(await client.get(f"{base}/{tab}")).status_code == 200 for tab in ("timeline", "sessions")] == [
            told
        ] * 2


@pytest.mark.parametrize("standing", BOUND, ids=of)
async def test_pages_of_others_do_not_exist(house: House, world: World, standing: Standing) -> None:
    client, found, walked = await browser_of(world, standing), [], 0
    house.link.commands.clear()
    for route in (*pages("GET"), *pages("POST")):
        target = target_of(route, world.two)
        if target is None or not _names(route, world.two):
            continue
        form = FORMS.get(route.name, {}) if route.method == "POST" else None
        answer = await client.request(route.method, target, data=form, params=QUERIES.get(route.name))
        expected = 404 if _may(standing, route) else 403
        if answer.status_code != expected:
            found.append(f"{route.method} {target} ({route.name}): {answer.status_code}, not {expected}")
        told = [mark for mark in world.two.marks if mark in answer.text and mark not in target]
        found += [f"{route.method} {route.name} tells {mark}" for mark in told]
        walked += 1
    assert not found, "\n".join(found)
    assert walked > 20
    assert house.link.commands == house.link.raw == []


async def test_menu_leads_to_what_is_open(world: World) -> None:
    for standing in (*BOUND, *NETWORK):
        client = await browser_of(world, standing)
        first = await client.get(CONSOLE_PATH, follow_redirects=True)
        assert first.status_code == 200, of(standing)
        menu, _, _ = first.text.partition("<main")
        addresses = set(re.findall(rf'href="({CONSOLE_PATH}[^"#?]*)"', menu)) - {f"{CONSOLE_PATH}/sign-out"}
        assert len(addresses) > 3, of(standing)
        for address in addresses:
            answer = await client.get(address)
            assert answer.status_code in {200, 303}, f"{of(standing)}: {address}: {answer.status_code}"


async def _closed(client: httpx.AsyncClient, answer: httpx.Response, followed: dict[str, str]) -> list[str]:
    """Return the links of a page that do not open, of those whose like was not followed before."""
    if answer.status_code != 200 or "html" not in answer.headers.get("content-type", ""):
        return []
    found: list[str] = []
    for link in dict.fromkeys(unescape(link) for link in LINK.findall(answer.text)):
        if link.startswith(OURS) and not link.startswith(UNFOLLOWED) and followed.setdefault(_like(link), link) is link:
            led = await client.get(link)
            found += [f"{link}: {led.status_code}"] if led.status_code >= 400 else []
    return found


def _like(link: str) -> str:
    """Return what links to pages of one kind have in common: the same path but for ids, the same names of filters."""
    address = urlsplit(link)
    path = re.sub(r"/[^/]*(?:\d|Alpha|Omega)[^/]*", "/*", address.path.removeprefix("/api/v1"))
    filters = sorted(part.partition("=")[0] for part in address.query.split("&"))
    return f"{link.startswith('/api')} {path}?{'&'.join(filters)}"


def _may(standing: Standing, route: Route) -> bool:
    declared = _Declared(route)
    if route.name in COMMANDS:
        declared.scope = Scope.STATIONS_COMMAND
    return standing.may(declared)  # type: ignore[arg-type]


class _Declared:
    def __init__(self, route: Route) -> None:
        self.scope, self.is_public = route.scope, route.is_public
        self.is_for_network, self.is_for_fleets = route.is_for_network, route.is_for_fleets
        self.is_for_organisations = route.is_for_organisations


def _names(route: Route, side: Side) -> bool:
    return any(name in side.ids for name in re.findall(r"\{(\w+):", route.path))


def target_of(route: Route, side: Side, *, otherwise: str | None = None) -> str | None:
    """Return the page's address with the side's objects; None if the side has none of that kind."""
    values: dict[str, Any] = FILLINGS | side.ids | ({"name": NAMES[route.name]} if route.name in NAMES else {})
    names = re.findall(r"\{(\w+):", route.path)
    if otherwise is None and any(name not in values for name in names):
        return None
    return CONSOLE_PATH + re.sub(r"\{(\w+):\w+\}", lambda found: values.get(found[1], otherwise), route.path)


def streams(route: Route) -> bool:
    return route.path.startswith("/live") or route.path.endswith("/live")


def _words(answer: httpx.Response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())[-300:]
