"""Whether we work, as those hear who watch over us."""

import pytest

from ingufu.accounts.model import Scope
from ingufu.web.health import merged
from web.api.conftest import House


async def test_health_is_for_everyone_and_looks_at_storage_and_stations(house: House) -> None:
    answer = await house.client().get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok", "stations": "ok", "version": "0.1.0-test"}
    assert (await house.client().get("/health/live")).json() == {"status": "ok"}


async def test_health_fails_when_the_process_of_the_stations_is_gone(house: House) -> None:
    del house.bus._responders["metrics"]
    answer = await house.client().get("/health")
    assert (answer.status_code, answer.json()["stations"]) == (503, "not reachable")
    assert (await house.client().get("/health/live")).status_code == 200
    assert b"does not answer" not in (await house.client().get("/metrics")).content


async def test_health_fails_while_nothing_can_be_written(house: House) -> None:
    async def figures(_: bytes) -> bytes:
        return b"# TYPE ingufu_storage_failing gauge\ningufu_storage_failing 1.0\n"

    del house.bus._responders["metrics"]
    house.bus.respond("metrics", figures)
    answer = await house.client().get("/health")
    assert (answer.status_code, answer.json()["database"]) == (503, "cannot be written")


async def test_metrics_of_both_processes_are_one_text(house: House) -> None:
    text = (await house.client().get("/metrics")).text
    assert 'ingufu_stations_connected{process="stations"} 3' in text
    assert 'process_resident_memory_bytes{process="web"}' in text
    assert 'ingufu_web_live_listeners{process="web"} 0.0' in text
    again = (await house.client().get("/metrics")).text
    assert 'ingufu_web_requests_total{process="web",status="2xx"} 1.0' in again


async def test_metrics_behind_a_proxy_need_a_key(house: House) -> None:
    forwarded = {"X-Forwarded-For": "127.0.0.1"}
    assert (await house.client().get("/metrics", headers=forwarded)).status_code == 401
    right = house.client(await house.key(Scope.EVENTS_READ))
    assert (await right.get("/metrics", headers=forwarded)).status_code == 200
    wrong = house.client(await house.key(Scope.STATIONS_READ))
    assert (await wrong.get("/metrics", headers=forwarded)).status_code == 403


@pytest.mark.parametrize("settings", [{"public_url": "https://csms.example.org"}])
async def test_metrics_need_a_key_where_a_proxy_may_stand_before_us(house: House, settings) -> None:
    assert (await house.client().get("/metrics")).status_code == 401


def test_family_that_both_processes_have_is_described_once() -> None:
    ours = b"# HELP up Is it up.\n# TYPE up gauge\nup 1\n"
    theirs = b'# HELP up Is it up.\n# TYPE up gauge\nup{zone="a b"} 1\n'
    assert merged(ours, theirs).decode().splitlines() == [
        "# HELP up Is it up.",
        "# TYPE up gauge",
        'up{process="web"} 1',
        'up{process="stations",zone="a b"} 1',
    ]
