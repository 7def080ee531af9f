"""What becomes of something that is done to many, as its page tells it."""

import asyncio
import re
from dataclasses import replace

from ingufu.accounts.model import Role
from ingufu.core.clock import FrozenClock
from ingufu.web.assets import load_assets
from ingufu.web.console.bulk import Shown
from ingufu.web.console.rendering import make_environment
from ingufu.web.runs import Result, Run, Runs, State, Subject
from web.console.conftest import House, Person, person, words
from web.console.network import Network
from web.sample import NOW


def page_of(run: Run, shown: Shown) -> str:
    environment = make_environment(assets=load_assets(), clock=FrozenClock(NOW))
    template = environment.get_template("pages/runs/results_fragment.html")
    return template.render(run=run, shown=shown, csrf_token="token")


def test_run_that_ends_while_its_page_is_made_is_asked_for_again() -> None:
    run = Run("run", "person", Subject.IMPORT, "trial-drivers", 1, NOW)
    shown = Shown(is_over=False, results=[])
    run.add(Result("2", "Eric", State.NEW))
    run.ended_at = NOW
    early = page_of(run, shown)
    assert 'hx-get="/console/runs/run/results?request_id="' in early
    assert "There was nothing to do" not in early
    late = page_of(run, Shown(is_over=True, results=list(run.results)))
    assert "hx-get" not in late
    assert "Eric" in late
    assert "Import 1 row" in late


def test_run_without_anything_to_do_says_so() -> None:
    run = Run("run", "person", Subject.IMPORT, "trial-drivers", 0, NOW)
    run.ended_at = NOW
    assert "There was nothing to do" in page_of(run, Shown(is_over=True, results=[]))


def restart(house: House) -> None:
    """Have the web process know of no run any more."""
    pages = house.app.state["pages"]
    house.app.state["pages"] = replace(pages, runs=Runs(house.clock, house.services.ids))


async def run_page(who: Person, *stations: str) -> str:
    answer = await who.send("/console/runs", action="reset", station=list(stations), kind="immediate")
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def over(who: Person, path: str) -> str:
    async with asyncio.timeout(10):
        while "every 1s" in (page := await who.page(path)):
            await asyncio.sleep(0.01)
    return page


async def test_page_of_a_run_that_a_restart_forgot_asks_no_more_and_leads_to_the_audit_log(
    house: House, net: Network
) -> None:
    admin = await person(house, Role.ADMIN)
    path = await run_page(admin, net.stations["NYA-01"], net.stations["KIG-03"])
    page = await over(admin, path)
    [trail] = re.findall(r'href="(/console/audit\?request_id=[A-Za-z0-9.-]+)"', page)
    restart(house)
    asked = await admin.client.get(path.replace("?", "/results?"), headers={"HX-Request": "true"})
    assert asked.status_code == 286
    assert asked.text.lstrip().startswith('<section class="card" id="run">')
    assert "hx-trigger" not in asked.text
    assert "The server was started anew meanwhile" in words(asked.text)
    assert f'href="{trail}"' in asked.text
    assert "hx-trigger" not in asked.headers
    reloaded = await admin.page(path, 404)
    assert "<h1>The results are no longer kept</h1>" in reloaded
    assert f'href="{trail}"' in reloaded
    told = await admin.page(trail)
    listed = words(told.partition('id="audit-list"')[2])
    assert listed.count("sent a command to the station") == 2
    assert "station.bulk" in listed
    assert "login.begin" not in listed
    [entry, *_] = re.findall(r'href="(/console/audit/\d+)"', told)
    assert f'href="{trail}"' in await admin.page(entry)


async def test_page_asks_for_results_with_the_request_that_began_the_run(
    house: House, operator: Person, net: Network
) -> None:
    house.link.gate = asyncio.Event()
    path = await run_page(operator, net.stations["NYA-01"])
    page = await operator.page(path)
    asked = path.replace("?", "/results?")
    assert f'hx-get="{asked}"' in page
    assert f'hx-get="{asked}"' in (await operator.client.get(asked)).text
    house.link.gate.set()
    await over(operator, path)


async def test_request_in_the_address_of_a_run_is_a_short_token_or_nothing(
    house: House, operator: Person, viewer: Person, net: Network
) -> None:
    for given in ('"><script>alert(1)</script>', "x" * 65, "short", "01234567\n"):
        answer = await operator.client.get("/console/runs/gone/results", params={"request_id": given})
        assert answer.status_code == 422, given
        assert "<script>alert" not in answer.text
    bare = await operator.client.get("/console/runs/gone/results")
    assert bare.status_code == 286
    assert "audit?request_id" not in bare.text
    assert "There is nothing here" in await operator.page("/console/runs/gone", 404)
    unseen = await viewer.client.get("/console/runs/gone/results?request_id=01234567-89ab")
    assert unseen.status_code == 286
    assert "Whoever may see the audit log finds there each one that was done." in words(unseen.text)
    assert "01234567-89ab" in words(unseen.text)
    assert "/console/audit" not in unseen.text


def test_run_that_ended_early_is_not_said_to_be_repeated_for_the_rest() -> None:
    run = Run("run", "person", Subject.STATIONS, "reset", 2, NOW)
    run.add(Result("one", "KIG-01", State.ACCEPTED))
    run.add(Result("two", "KIG-02"))
    run.ended_at, run.problem = NOW, "internal-error"
    page = words(page_of(run, Shown(is_over=True, results=list(run.results))))
    assert "again for the rest" not in page
    assert "Look there before you do the same again: a station that was reset would be reset twice." in page
