"""One card at many stations in the same moment: as many are accepted as it may have, and no more."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import pytest

from running import Running
from scenarios.line import line
from scenarios.records import add_token, only, rows, transactions

EACH = pytest.mark.parametrize("version", ["1.6", "2.0.1"])
STATIONS = 6


def start(version: str, number: int) -> tuple[str, dict[str, Any]]:
    at = "2026-03-01T12:00:00Z"
    if version == "1.6":
        return "StartTransaction", {"connectorId": 1, "idTag": "CARD", "meterStart": number, "timestamp": at}
    return "TransactionEvent", {
        "eventType": "Started",
        "timestamp": at,
        "triggerReason": "Authorized",
        "seqNo": 0,
        "transactionInfo": {"transactionId": f"TX-{number}"},
        "idToken": {"idToken": "CARD", "type": "ISO14443"},
        "evse": {"id": 1, "connectorId": 1},
    }


def status(answer: dict[str, Any]) -> str:
    return str((answer.get("idTagInfo") or answer["idTokenInfo"])["status"])


@EACH
async def test_only_one_of_many_starts_at_once_is_accepted(house: Running, version: str):
    await add_token(house, "CARD")
    async with AsyncExitStack() as stack:
        lines = []
        for number in range(STATIONS):
            await house.add_station(f"CS{number}")
            one = await stack.enter_async_context(line(house, f"CS{number}", version))
            await one.boot()
            lines.append(one)
        answers = await asyncio.gather(*(one.get(*start(version, number)) for number, one in enumerate(lines)))
        assert Counter(map(status, answers)) == {"Accepted": 1, "ConcurrentTx": STATIONS - 1}
        again = await asyncio.gather(*(one.get(*start(version, number)) for number, one in enumerate(lines)))
        if version == "1.6":
            assert [one["transactionId"] for one in again] == [one["transactionId"] for one in answers]
    assert len(await rows(house, transactions)) == STATIONS
    assert (await only(house, transactions, verdict="Accepted"))["token_value"] == "CARD"
