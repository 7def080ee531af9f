"""Transactions of 1.6 stations, which know them by numbers of ours: the ordinary one, and the many others."""

from decimal import Decimal

from charging.stations import reading
from ingufu.charging.model import ChargingState, EnergySource


async def test_ordinary_session_is_recorded(station, register):
    token = await register("CAFE01")
    s = station()
    started = await s.start(token="CAFE01", register_wh=1000)
    number = started.transaction.number
    assert started.verdict.is_accepted
    assert number > 0
    await s.read(reading(s.at(1), 1200, power="7000", soc="40"), reference=number)
    running = await s.row(number)
    assert (running.energy_wh, running.power_w, running.soc_percent) == (200, 7000.0, 40.0)
    ended = await s.end(reference=str(number), minute=2, register_wh=1400, token="CAFE01", stop_reason="EVDisconnected")
    assert ended.verdict.is_accepted
    row = await s.row(number)
    assert row == ended.transaction
    assert (row.start_wh, row.end_wh, row.energy_wh, row.energy_source) == (1000, 1400, 400, EnergySource.REGISTERS)
    assert (row.started_at, row.ended_at, row.stop_reason) == (s.at(0), s.at(2), "EVDisconnected")
    assert (row.token_id, row.token_value, row.verdict) == (token.id, "CAFE01", "Accepted")
    assert (row.state, row.is_open, row.is_estimated, row.power_w) == (ChargingState.ENDED, False, False, 0.0)
    assert await s.anomalies() == []
    assert await s.told() == ["TransactionStarted", "TransactionEnded"]
    (kept,) = await s.readings()
    assert (kept["transaction_id"], kept["energy_wh"], kept["evse"]) == (row.id, Decimal(1200), 1)
