"""Decisions on cards: who was refused where and why, narrowed by filters, taken along as a file, linked from elsewhere."""

import re
from datetime import timedelta

import httpx
import pytest

from ingufu.accounts.model import OrganisationKind, Role, Scope
from ingufu.authorization.model import Occasion, PresentedToken, TokenDetails
from web.console.conftest import House, Person, person, words
from web.console.network import Network

LOST, GOOD = (TokenDetails(value=value, kind="ISO14443") for value in ("LOST-1", "GOOD-1"))


@pytest.fixture
async def shown(house: House, net: Network) -> str:
    """Have a blocked card and an unknown one be shown at two stations, and one be accepted; return the blocked one."""
    authorization = house.services.authorization
    async with house.database.work() as work:
        lost = await authorization.create_token(work, LOST, organisation_id=house.organisation_id)
        await authorization.create_token(work, GOOD, organisation_id=house.organisation_id)
    async with house.database.work() as work:
        await authorization.block_token(work, lost.id, reason="Stolen")
    for value, station in (("LOST-1", "KIG-01"), ("WHO-9", "KIG-01"), ("LOST-1", "NYA-01"), ("GOOD-1", "NYA-01")):
        async with house.database.work() as work:
            await authorization.check(
                work, PresentedToken(value=value), station_id=net.stations[station], evse=1, at=house.clock.now(),
                occasion=Occasion.AUTHORIZE,
            )  # fmt: skip
        house.clock.advance(60)
    return lost.id


def cards(page: str) -> list[str]:
    return re.findall(r'<(?:a|span) class="mono cut"[^>]*>([^<]+)<', page)


async def test_who_was_refused_stands_there_with_the_reason(
    operator: Person, house: House, net: Network, shown: str
) -> None:
    page = await operator.page("/console/decisions")
    assert cards(page)[:3] == ["LOST-1", "WHO-9", "LOST-1"]
    text = words(page)
    assert "the card is blocked" in text
    assert "the card is not registered" in text
    assert "GOOD-1" not in text
    assert f'href="/console/tokens/{shown}"' in page
    assert f'href="/console/stations/{net.stations["KIG-01"]}"' in page
    today = house.clock.now().date()
    later = (today + timedelta(days=2)).isoformat()
    for query, found in (
        ("q=who-9", ["WHO-9"]),
        ("q=lost-1&station=NYA-01", ["LOST-1"]),
        (f"token={shown}", ["LOST-1", "LOST-1"]),
        ("q=good-1&result=accepted", ["GOOD-1"]),
        ("q=good-1", []),
        ("q=nobody", []),
        ("station=nowhere", []),
        ("reason=token-blocked&result=all", ["LOST-1", "LOST-1"]),
        (f"since={later}", []),
        (f"q=who-9&since={today.isoformat()}&until={today.isoformat()}", ["WHO-9"]),
    ):
        assert cards(await operator.page(f"/console/decisions?{query}")) == found, query
    await operator.page("/console/decisions?reason=luck", 422)


async def test_list_goes_on_by_key_and_is_taken_along(
    operator: Person, house: House, shown: str, net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingufu.web.console.decisions.ROWS", 1)
    page = await operator.page("/console/decisions?q=lost-1")
    following = re.findall(r'rel="next" href="([^"]+)"', page)[0].replace("&amp;", "&")
    assert "q=lost-1" in following
    assert "NYA-01" in words(page)
    second = await operator.page(following)
    assert cards(page) == cards(second) == ["LOST-1"]
    assert "KIG-01" in words(second)
    assert 'rel="first" href="/console/decisions?q=lost-1"' in second
    href = re.findall(r'href="(/api/v1/authorization-decisions/export.csv[^"]*)"', page)[0].replace("&amp;", "&")
    lines = (await operator.client.get(href)).text.splitlines()
    assert lines[0].startswith("\ufeffid,at") or lines[0].startswith("id,at")
    assert len(lines) == 3
    assert all("LOST-1" in line for line in lines[1:])


async def test_card_and_station_lead_to_their_decisions(operator: Person, net: Network, shown: str) -> None:
    card = await operator.page(f"/console/tokens/{shown}")
    assert f'href="/console/decisions?token={shown}&amp;result=all"' in card
    station = await operator.page(f"/console/stations/{net.stations['KIG-01']}")
    assert 'href="/console/decisions?station=KIG-01"' in station
    assert cards(await operator.page(f"/console/decisions?token={shown}&result=all")) == ["LOST-1", "LOST-1"]
    assert 'href="/console/decisions"' in card


async def test_who_looks_after_a_site_sees_its_decisions_and_a_fleet_its_cards(
    house: House, net: Network, shown: str
) -> None:
    mine = await person(house, Role.OPERATOR, net.sites["Nyarutarama Golf"], email="site@example.org")
    page = await mine.page("/console/decisions?result=all&q=lost-1")
    assert cards(page) == ["LOST-1"]
    assert "KIG-01" not in words(page)
    assert "/console/tokens/" not in page
    assert cards(await mine.page("/console/decisions?station=KIG-01&result=all")) == []
    async with house.database.work() as work:
        fleet = await house.services.accounts.create_organisation(work, "Taxis", OrganisationKind.FLEET)
    async with house.database.work() as work:
        _, secret = await house.services.accounts.create_key(
            work, organisation_id=fleet.id, name="taxis", scopes=[Scope.TOKENS_READ]
        )
    client: httpx.AsyncClient = house.client(secret)
    answer = await client.get("/api/v1/authorization-decisions?token=lost-1")
    assert (answer.status_code, answer.json()["items"]) == (200, [])
    reader = house.client(await house.key(Scope.TOKENS_READ))
    found = (await reader.get("/api/v1/authorization-decisions?token=lost-1&reason=token-blocked")).json()["items"]
    assert [one["station_identity"] for one in found] == ["NYA-01", "KIG-01"]
    assert (await reader.get("/api/v1/authorization-decisions?reason=luck")).status_code == 422
    technician = await person(house, Role.TECHNICIAN, email="tech@example.org")
    await technician.page("/console/decisions", 403)
    assert "/console/decisions" not in await technician.page("/console/stations")
