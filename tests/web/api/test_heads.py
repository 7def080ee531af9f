"""HEAD answers what GET does but for the body, so that programs which watch a server may ask so."""

import asyncio

import pytest
from structlog.testing import capture_logs

from web.api.conftest import House
from web.api.engines import both_engines

OF_ITS_OWN = {"x-request-id", "date", "set-cookie"}
PATHS = [
    "/health",
    "/health/live",
    "/",
    "/console/login",
    "/console",
    "/api/v1/stations",
    "/api/v1/stations?limit=0",
    "/api/v1/stations/CP9",
    "/api/v1/nothing",
    "/api/v1/openapi.json",
    "/api/v1/transactions/export.csv",
    "/login",
    "/nothing",
]


def told(answer) -> tuple[int, dict[str, str]]:
    return answer.status_code, {name: value for name, value in answer.headers.items() if name not in OF_ITS_OWN}


@pytest.mark.parametrize("path", PATHS)
async def test_head_is_get_without_the_body(house: House, admin, path) -> None:
    get, head = await admin.get(path), await admin.head(path)
    if get.status_code < 400:
        assert told(head) == told(get)
    else:  # a problem's length is that of its request's id too
        assert head.status_code == get.status_code
        assert head.headers["content-type"] == get.headers["content-type"]
    assert head.content == b""
    assert (await admin.get("/health/live")).json() == {"status": "ok"}  # on the same connection


async def test_head_of_what_only_changes_is_not_allowed(house: House, admin) -> None:
    path = "/api/v1/stations/CP1/commands/reset"
    get, head = await admin.get(path), await admin.head(path)
    assert (head.status_code, head.headers.get("allow")) == (get.status_code, get.headers.get("allow"))
    assert head.status_code == 405


async def test_strangers_learn_nothing_by_head(house: House) -> None:
    answer = await house.client().head("/api/v1/stations")
    assert (answer.status_code, answer.content) == (401, b"")
    assert "link" not in answer.headers


@both_engines
async def test_head_of_a_stream_ends_and_leaves_no_listener(house: House, admin) -> None:
    hub = house.app.state["hub"]
    async with asyncio.timeout(10):
        answer = await admin.head("/api/v1/live")
        assert answer.headers["content-type"].startswith("text/event-stream")
        while hub.listener_count:
            await asyncio.sleep(0.01)
        assert (await admin.get("/health/live")).status_code == 200


async def test_log_says_head(house: House, admin) -> None:
    with capture_logs() as lines:
        await admin.head("/health/live")
    assert [line["method"] for line in lines if line["event"] == "http.answered"] == ["HEAD"]
