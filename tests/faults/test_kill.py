"""F1, F2: a killed server has lost nothing that it acknowledged, and nothing is double.

Pass criterion: what the stations wrote down themselves (starts with their numbers, meter values, events, stops) equals
the database to the watt-hour; the server is ready within 10 s of its start, the first boot is answered within 15 s, and
stations of a killed server are answered within 30 s (p99).
"""

from pathlib import Path

import pytest

from faults import campaign
from faults.campaign import Outcome, Plan
from faults.house import READY_S
from faults.ledger import DOUBLE, LOST
from faults.length import alone, by_length, long, within

PACE_S = 0.08
BOOT_S = 15.0
BACK_S = 30.0
RESUME_S = 5.0

SQLITE = ("power", "kill", "call")
POSTGRESQL = ("backend", "everything", "kill", "database")
PLANS = {
    "sqlite": Plan(kills=by_length(4, 30), seed=20, ways=SQLITE, pace_s=PACE_S),
    "postgresql": Plan(kills=by_length(2, 24), seed=21, engine="postgresql", ways=POSTGRESQL, pace_s=PACE_S),
    "a thousand on sqlite": Plan(kills=12, seed=23, stations=1000, settles=True, ways=("kill", "power"), pace_s=6.0),
    "a thousand on postgresql": Plan(
        kills=12, seed=24, stations=1000, settles=True, engine="postgresql", ways=POSTGRESQL, pace_s=6.0
    ),
}


@pytest.mark.parametrize("plan", [pytest.param(plan, marks=[long] * (PLANS[plan].stations > 100)) for plan in PLANS])
@pytest.mark.timeout(1800)
@alone
async def test_f1_f2_a_server_killed_again_and_again_has_lost_and_doubled_nothing(tmp_path: Path, plan: str):
    outcome = await campaign.run(PLANS[plan], tmp_path)
    judge(outcome, PLANS[plan])
    assert PLANS[plan].engine != "sqlite" or outcome.unflushed > 0  # the power cuts did take something away


def judge(outcome: Outcome, plan: Plan) -> None:
    assert outcome.findings == []
    assert sum(outcome.kills.values()) == plan.kills
    assert outcome.acknowledged > by_length(10, 30) * plan.kills
    assert outcome.repeated > 0
    assert within(outcome.ready_s, READY_S)
    assert within(outcome.first_boot_s, BOOT_S)
    assert within(outcome.back_s[0], BACK_S)
    assert within(outcome.resumed_s, RESUME_S)


PLANTED = {  # into the real server: were these not found, the tests above would show nothing
    "flushes that only pretend": (Plan(kills=1, seed=22, stations=10, ways=("power",), lies=True), LOST),
    "reply before commit": (Plan(kills=1, seed=24, ways=("kill",), plant="reply_before_commit"), LOST),
    "starts counted twice": (Plan(kills=8, seed=25, stations=60, ways=("kill",), plant="starts_counted_twice"), DOUBLE),
    "readings counted twice": (Plan(kills=4, seed=26, ways=("kill",), plant="readings_counted_twice"), DOUBLE),
    "half of a unit": (Plan(kills=8, seed=27, ways=("kill",), plant="half_of_a_unit"), LOST),
}


@pytest.mark.parametrize("fault", [pytest.param(name, marks=[long] * (at > 1)) for at, name in enumerate(PLANTED)])
@pytest.mark.timeout(300)
@alone
async def test_f1_a_planted_fault_is_found(tmp_path: Path, fault: str):
    plan, kind = PLANTED[fault]
    outcome = await campaign.run(plan, tmp_path)
    assert outcome.count(kind) > 0, outcome.findings
