"""F1, F2: a killed server has lost nothing that it acknowledged, and nothing is double.

Pass criterion: what the stations wrote down themselves (starts with their numbers, meter values, events, stops) equals
the database to the watt-hour; the server is ready within 10 s of its start, and stations are answered within 30 s.
"""

from pathlib import Path

import pytest

from faults import campaign
from faults.campaign import Outcome, Plan
from faults.house import READY_S
from faults.length import SHARED, by_length

PACE_S = 0.08
BACK_S = 30.0 * SHARED
RESUME_S = 5.0 * SHARED


def judge(outcome: Outcome, plan: Plan) -> None:
    assert outcome.findings == []
    assert sum(outcome.kills.values()) == plan.kills
    assert outcome.acknowledged > 30 * plan.kills
    assert outcome.repeated > 0
    assert outcome.ready_s < READY_S * SHARED
    assert outcome.back_s[0] < BACK_S


@pytest.mark.timeout(600)
async def test_a_server_killed_again_and_again_on_sqlite_has_lost_and_doubled_nothing(tmp_path: Path):
    plan = Plan(kills=by_length(5, 30), seed=20, ways=("power", "kill", "call"), pace_s=PACE_S)
    outcome = await campaign.run(plan, tmp_path)
    judge(outcome, plan)
    assert outcome.unflushed > 0  # the power cuts did take something away


@pytest.mark.timeout(600)
async def test_a_server_or_its_postgresql_killed_again_and_again_has_lost_and_doubled_nothing(tmp_path: Path):
    plan = Plan(kills=by_length(2, 24), seed=21, engine="postgresql", ways=("backend", "everything"), pace_s=PACE_S)
    outcome = await campaign.run(plan, tmp_path)
    judge(outcome, plan)
    assert outcome.resumed_s < RESUME_S


async def test_a_disk_that_only_pretends_to_flush_is_found_out(tmp_path: Path):
    """The planted fault: acknowledged before it is on disk. Were it not found, the tests above would show nothing."""
    outcome = await campaign.run(Plan(kills=1, seed=22, stations=10, ways=("power",), lies=True), tmp_path)
    assert any("its start is missing" in finding for finding in outcome.findings)
