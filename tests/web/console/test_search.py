"""The search page and the palette's answers: grouped, for who may see it, with pages and commands, without script."""

import re

from ingufu.accounts.model import Role
from web.console.conftest import House, Person, person, words
from web.console.network import HOSTILE, Network


def links(page: str) -> list[str]:
    return re.findall(r'<a [^>]*href="([^"]+)"', page.split('class="found"', 1)[-1])


def options(fragment: str) -> list[tuple[str, str]]:
    """Address and title of each option."""
    return [
        (href.replace("&amp;", "&"), words(title))
        for href, title in re.findall(r'<a role="option"[^>]* href="([^"]+)"[^>]*>.*?<span>(.*?)</span>', fragment)
    ]


async def test_search_page_finds_things_pages_and_commands(operator: Person, net: Network) -> None:
    page = await operator.page("/console/search?q=NYA-01")
    assert f"/console/stations/{net.stations['NYA-01']}" in links(page)
    assert ("/console/stations/new", "Add a station") in options(await operator.page("/console/search/hits?q=add+stat"))
    review = options(await operator.page("/console/search/hits?q=review"))
    assert ("/console/review-queue", "Review queue") in review
    site = options(await operator.page("/console/search/hits?q=musanze+gate"))
    assert site[0] == (f"/console/sites/{net.sites['Musanze Gate']}", "Musanze Gate")
    assert "Nothing found" in words(await operator.page("/console/search?q=zzzz"))
    assert "What are you looking for?" in words(await operator.page("/console/search"))


async def test_every_address_that_search_offers_is_a_page(operator: Person, net: Network) -> None:
    offered = options(await operator.page("/console/search/hits"))
    for text in ("kigali", "diane", net.tokens[0], net.sessions["NYA-02-1-5"], "tariff"):
        offered += options(await operator.page(f"/console/search/hits?q={text}"))
    assert len(offered) > 25
    for href in dict(offered):
        await operator.page(href)


async def test_what_was_opened_last_is_told_to_who_may_see_it(house: House, operator: Person, net: Network) -> None:
    opened = [f"/console/stations/{net.stations[name]}" for name in ("NYA-01", "KIG-01")]
    query = "&".join(f"opened={path}" for path in [*opened, "/console/stations/new", "//evil.example", "/console/x/1"])
    shown = options(await operator.page(f"/console/search/hits?{query}"))
    assert [title for _, title in shown[:2]] == ["NYA-01", "KIG-01"]
    mine = await person(house, Role.OPERATOR, net.sites["Kigali Heights"], email="host@example.org")
    theirs = options(await mine.page(f"/console/search/hits?{query}"))
    assert "KIG-01" in {title for _, title in theirs}
    assert "NYA-01" not in {title for _, title in theirs}


async def test_viewer_is_offered_no_command(viewer: Person, net: Network) -> None:
    titles = {title for _, title in options(await viewer.page("/console/search/hits"))}
    assert "Stations" in titles
    assert not {title for title in titles if title.startswith(("Add", "Make"))}


async def test_what_stations_call_themselves_is_only_text(operator: Person, net: Network) -> None:
    for path in ("/console/search?q=evil", "/console/search/hits?q=evil", "/console/search?q=%3Cscript%3Ealert(1)"):
        page = await operator.page(path)
        assert HOSTILE not in page
        assert "<script>alert" not in page
