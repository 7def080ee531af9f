"""Templates are made ready beside the pages, once for a language, and no longer when the server stops."""

from ingufu.web.console.pages import Pages
from web.api.conftest import House


async def test_templates_are_ready_once_they_are_warm(house: House) -> None:
    pages: Pages = house.app.state["pages"]
    pages.warm("en")
    first = pages.warming["en"]
    pages.warm("en")
    assert pages.warming["en"] is first
    await first
    cache = pages.environments["en"].cache
    assert cache is not None
    assert len(cache) > 100


async def test_warming_ends_with_the_server(house: House) -> None:
    pages: Pages = house.app.state["pages"]
    await pages.close()
    pages.warm("en")
    await pages.warming["en"]
    assert not pages.environments["en"].cache
