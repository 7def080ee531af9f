"""Reservations, local lists, rules and authorities on pages: what people do there is done, and they hear what came of it."""

import json
from typing import Any

import httpx
import pytest

from certificates.pki import hierarchy
from ingufu.accounts.model import Role
from ingufu.authorization.model import ListMode, RuleScope
from ingufu.core.admission import CancelReservation, ClearCache, ReserveNow, SendLocalList
from ingufu.core.commands import Outcome
from web.console.conftest import House, Person, person, words
from web.console.network import Network


def toast(answer: httpx.Response) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(answer.headers["hx-trigger"])["toast"]
    return told


def tab(net: Network, identity: str = "NYA-01") -> str:
    return f"/console/stations/{net.stations[identity]}"


async def test_a_place_is_reserved_seen_and_given_up(operator: Person, house: House, net: Network) -> None:
    sheet = await operator.client.get(f"{tab(net)}/reserve?evse=2", headers={"X-Dialog": "1"})
    assert "<html" not in sheet.text
    assert "Reserve at" in words(sheet.text)
    answer = await operator.send_by_script(f"{tab(net)}/reserve", token="CARD-9", evse="2", minutes="45")
    assert toast(answer)["message"] == "The place is kept"
    station_id, command = house.link.commands[-1]
    assert isinstance(command, ReserveNow)
    assert (station_id, command.token, command.evse) == (net.stations["NYA-01"], "CARD-9", 2)
    page = words(await operator.page(f"{tab(net)}/admission"))
    assert "CARD-9" in page
    assert "Kept" in page
    assert "CARD-9" in words(await operator.page("/console/reservations"))
    assert "CARD-9" in words(await operator.page("/console/reservations?q=NYA-01&status=kept"))
    assert "No reservation fits" in words(await operator.page("/console/reservations?status=used"))
    answer = await operator.send_by_script("/console/reservations/1/cancel", back="")
    assert toast(answer)["message"] == "The reservation is given up"
    assert house.link.commands[-1][1] == CancelReservation(reservation_id=1)
    answer = await operator.send_by_script("/console/reservations/1/cancel", back="")
    assert toast(answer)["message"] == "It has ended already"


async def test_a_place_that_is_not_kept_is_told_with_the_reason(operator: Person, house: House, net: Network) -> None:
    house.link.outcomes["ReserveNow"] = Outcome(status="Faulted", is_accepted=False)
    answer = await operator.send_by_script(f"{tab(net)}/reserve", token="CARD-9", evse="2", minutes="45")
    assert toast(answer) == {
        "message": "The place is not kept",
        "detail": "The station answered Faulted.",
        "tone": "wait",
    }


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"token": "", "minutes": "30"}, "Which card?"),
        ({"token": "X", "minutes": "0"}, "A whole number from 1"),
        ({"token": "X", "minutes": "30", "evse": "99"}, "no EVSE 99"),
    ],
)
async def test_what_cannot_be_reserved_is_said_at_the_field(
    operator: Person, net: Network, fields: dict[str, str], said: str
) -> None:
    answer = await operator.send_by_script(f"{tab(net)}/reserve", **fields)
    assert answer.status_code == 422
    assert said in words(answer.text)


async def test_a_list_is_set_up_sent_and_shown(operator: Person, house: House, net: Network) -> None:
    answer = await operator.send(f"{tab(net)}/admission", list_mode="all", allows_free="no")
    assert answer.status_code == 303
    rule = await house.services.admitting.rule(RuleScope.STATION, net.stations["NYA-01"])
    assert (rule.list_mode, rule.allows_free) == (ListMode.ALL, False)
    page = words(await operator.page(f"{tab(net)}/admission"))
    assert "Waits to be sent" in page
    house.link.outcomes["GetLocalListVersion"] = Outcome(status="Accepted", is_accepted=True, details={"version": 0})
    answer = await operator.send_by_script(f"{tab(net)}/local-list")
    assert toast(answer)["message"] == "In step"
    assert any(isinstance(command, SendLocalList) for _, command in house.link.commands)
    assert "In step" in words(await operator.page(f"{tab(net)}/admission"))
    answer = await operator.send_by_script(f"{tab(net)}/clear-cache")
    assert toast(answer)["message"] == "Clear the cache: Accepted"
    assert house.link.commands[-1][1] == ClearCache()


async def test_rules_and_authorities_of_the_network(house: House) -> None:
    admin = await person(house, Role.ADMIN)
    tree = hierarchy()
    assert "Nobody is trusted yet" in words(await admin.page("/console/admission"))
    answer = await admin.send("/console/admission/authorities", pem="no certificate", purpose="contract")
    assert (answer.status_code, "no certificate in PEM" in words(answer.text)) == (422, True)
    assert (
        await admin.send("/console/admission/authorities", pem=tree.root.pem, purpose="contract")
    ).status_code == 303
    assert "CN=MO Root" in words(await admin.page("/console/admission"))
    (root,) = await house.services.authorities.all()
    assert (await admin.send(f"/console/admission/authorities/{root.id}/remove")).status_code == 303
    assert await house.services.authorities.all() == []
    assert (await admin.send("/console/admission", list_mode="all", allows_free="yes")).status_code == 303
    assert (await house.services.admitting.rule(RuleScope.NETWORK)).list_mode is ListMode.ALL


async def test_a_site_has_rules_of_its_own(operator: Person, house: House, net: Network) -> None:
    site = net.sites["Kigali Heights"]
    assert "as the network" in words(await operator.page("/console/admission"))
    assert "Admission at Kigali Heights" in words(await operator.page(f"/console/admission/sites/{site}"))
    assert (await operator.send(f"/console/admission/sites/{site}", list_mode="all", allows_free="")).status_code == 303
    rule = await house.services.admitting.rule(RuleScope.SITE, site)
    assert (rule.list_mode, rule.allows_free) == (ListMode.ALL, None)
    assert "its own" in words(await operator.page("/console/admission"))
    await operator.page("/console/admission/sites/nothing", 404)


async def test_a_site_is_set_by_those_who_look_after_it(house: House, net: Network) -> None:
    mine, theirs = net.sites["Kigali Heights"], net.sites["Musanze Gate"]
    host = await person(house, Role.OPERATOR, mine, email="host@example.org")
    assert (await host.send(f"/console/admission/sites/{mine}", list_mode="all")).status_code == 303
    assert (await host.send(f"/console/admission/sites/{theirs}", list_mode="all")).status_code == 404
    assert (await host.send("/console/admission", list_mode="all")).status_code == 403


async def test_an_operator_sets_rules_and_trusts_nobody(operator: Person) -> None:
    page = words(await operator.page("/console/admission"))
    assert "Rules of the network" in page
    assert "Trust an authority" not in page
    answer = await operator.send("/console/admission/authorities", pem="x", purpose="contract")
    assert answer.status_code == 403
