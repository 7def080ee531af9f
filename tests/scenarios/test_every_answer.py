"""Every request that a station may send, in every version, gets an answer that its own schema allows."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
import pytest

import ocpp_schemas
from ingufu.ocpp.versions import VERSIONS
from running import Running
from scenarios.line import Line, line
from scenarios.records import kinds

PAYLOADS = 25  # of each action
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_every_request_of_a_station_is_answered_by_the_schema(house: Running, version: str):
    station_id = await house.add_station("CS", is_silent=True)  # nothing is asked of it because of what it says
    answered: Counter[str] = Counter()
    async with line(house, "CS", version) as station:
        await station.boot()
        for action in sorted(VERSIONS[version].inbound):
            maker = ocpp_schemas.Maker(ocpp_schemas.message(version, action).schema, f"{version} {action}")
            for _ in range(PAYLOADS):
                await judge(station, version, action, maker.valid())
                answered[action] += 1
        assert await station.get("Heartbeat", {})
    assert set(answered.values()) == {PAYLOADS}
    assert "StationBooted" in await kinds(house, station_id)


async def judge(station: Line, version: str, action: str, payload: Any) -> None:
    text = _ENCODER.encode(payload).decode()
    if VERSIONS[version].messages[action][1] is None:  # a SEND
        await station.say(f'[6,"send","{action}",{text}]')
        return
    await station.say(f'[2,"x","{action}",{text}]')
    answer = json.loads(await station.hear_text(), parse_float=Decimal)
    assert answer[:2] == [3, "x"], (action, text, answer)
    fault = ocpp_schemas.oracle(ocpp_schemas.message(version, action, "response"), answer[2])
    assert fault is None, (action, text, answer, fault)
