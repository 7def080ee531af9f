"""Saved views on the pages: as tabs, by a form, the default that opens by itself, arranged without script."""

import re

from ingufu.accounts.model import Role
from ingufu.web.lists import list_pages
from web.console.conftest import House, Person, person, words
from web.console.network import Network

LIST = "/console/stations?status=faulted"
FILTERS = {"q": "abc", "state": "paid", "provider": "x", "span": "7d", "currency": "RWF", "actor": "x"}


def tabs(page: str) -> list[tuple[str, bool]]:
    """Name of each tab, and whether it is the one that is shown."""
    found = re.search(r'<div class="views".*?</nav>', page, re.DOTALL)
    pairs = re.findall(r'<a href="[^"]+"( aria-current="page")?>(.*?)</a>', found[0]) if found else []
    return [(words(text), bool(current)) for current, text in pairs]


async def save(person: Person, name: str, address: str = LIST, **more: str) -> str:
    answer = await person.send("/console/saved-views/new", name=name, address=address, **more)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def view_id(person: Person, name: str) -> str:
    page = await person.page("/console/saved-views")
    return re.findall(rf'<li id="view-([0-9a-f-]+)">(?:(?!</li>).)*value="{name}"', page, re.DOTALL)[0]


async def test_filters_are_saved_as_a_tab(operator: Person, net: Network) -> None:
    plain = await operator.page("/console/stations")
    assert tabs(plain) == []
    assert "Save this view" not in plain
    filtered = await operator.page(LIST)
    href = re.findall(r'href="(/console/saved-views/new[^"]+)"', filtered)[0].replace("&amp;", "&")
    form = await operator.page(href)
    assert 'value="/console/stations?status=faulted"' in form
    to = await save(operator, "Broken")
    shown = await operator.page(to)
    assert tabs(shown) == [("All", False), ("Broken", True)]
    assert "Save this view" not in shown
    assert words(shown).count("KIG-01") >= 1
    assert tabs(await operator.page("/console/stations")) == [("All", True), ("Broken", False)]
    again = await operator.send("/console/saved-views/new", name="broken", address=LIST)
    assert again.status_code == 422
    assert "already" in words(again.text)
    foreign = await operator.send("/console/saved-views/new", name="x", address="https://evil.example/")
    assert foreign.status_code == 422


async def test_page_opens_with_the_default_until_it_is_taken_away(operator: Person, net: Network) -> None:
    to = await save(operator, "Broken", is_default="true")
    answer = await operator.client.get("/console/stations")
    assert (answer.status_code, answer.headers["location"]) == (303, to)
    assert tabs(await operator.page("/console/stations?view=all"))[0] == ("All", True)
    typed = await operator.client.get("/console/stations", headers={"HX-Request": "true"})
    assert typed.status_code == 200  # the filters were taken away by hand
    key = await view_id(operator, "Broken")
    await operator.send(f"/console/saved-views/{key}", do="plain")
    await operator.page("/console/stations")


async def test_views_are_renamed_moved_shared_and_deleted_by_forms(
    operator: Person, viewer: Person, net: Network
) -> None:
    await save(operator, "Broken")
    await save(operator, "Kempower", "/console/stations?q=kempower")
    key = await view_id(operator, "Kempower")
    path = f"/console/saved-views/{key}"
    assert (await operator.send(path, do="up", of="/console/stations")).headers["location"].endswith("stations")
    assert [name for name, _ in tabs(await operator.page("/console/stations"))] == ["All", "Kempower", "Broken"]
    assert (await operator.send(path, do="rename", name="BROKEN")).status_code == 422
    await operator.send(path, do="rename", name="Fast ones")
    await operator.send(path, do="share")
    assert [name for name, _ in tabs(await viewer.page("/console/stations"))] == [
        "All",
        "Fast ones of the organisation",
    ]
    assert (await viewer.send(path, do="delete")).status_code == 403
    assert (await operator.send(path, do="nothing")).status_code == 422
    await operator.send(path, do="delete")
    assert (await operator.send(path, do="delete")).status_code == 404
    assert [name for name, _ in tabs(await operator.page("/console/stations"))] == ["All", "Broken"]


async def test_every_list_page_takes_saved_views(house: House, net: Network) -> None:
    """Of every list there is, a filter of its own is saved as a tab."""
    admin = await person(house, Role.ADMIN)
    found = list_pages(house.app)
    assert len(found) >= 27
    for path, route in found.items():
        names = [name for name in route.query.__struct_fields__ if name in FILTERS]
        assert names, f"{path} has no filter that this test knows"
        address = f"{path}?{names[0]}={FILTERS[names[0]]}"
        await save(admin, "Mine", address)
        assert ("Mine", True) in tabs(await admin.page(address)), path


async def test_who_does_something_on_a_list_stays_where_they_were_in_it(operator: Person, net: Network) -> None:
    await save(operator, "Broken")
    path = f"/console/saved-views/{await view_id(operator, 'Broken')}"
    host = str(operator.client.base_url)
    for referer, to in (
        (f"{host}/console/saved-views?of=%2Fconsole%2Fstations&x=1", "?of=%2Fconsole%2Fstations&x=1"),
        ("http://evil.example/console/saved-views?of=x", ""),
        (f"{host}/console/stations?cursor=x", ""),
        ("http://[", ""),
    ):
        fields = {"csrf_token": operator.token, "do": "default"}
        answer = await operator.client.post(path, data=fields, headers={"Referer": referer})
        assert answer.headers["location"] == f"/console/saved-views{to}"
