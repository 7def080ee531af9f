"""The past of a simulated network: the same for the same seed, consistent, and believable."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from ingufu.simulator.demand import Place
from ingufu.simulator.history import PastFault, PastOffline, PastRefusal, PastSession, history
from ingufu.simulator.plan import Standing, plan

NOW = datetime(2025, 6, 4, 12, 0, tzinfo=UTC)
DAYS = 60


@pytest.fixture(scope="module")
def facts():
    return list(history("past", DAYS, NOW))


@pytest.fixture(scope="module")
def network():
    return plan("past", 24)


def sessions_of(facts):
    return [fact for fact in facts if isinstance(fact, PastSession)]


def test_same_seed_same_past():
    once, again = (list(history("p", 5, NOW, stations=4)) for _ in range(2))
    assert once == again
    assert once != list(history("q", 5, NOW, stations=4))


def test_facts_come_in_order_and_are_over(facts):
    assert all(first.began_at <= second.began_at for first, second in pairwise(facts))
    assert facts[0].began_at >= NOW - timedelta(days=DAYS)
    ends = [fact.ended_at for fact in facts if not isinstance(fact, PastRefusal)]
    assert max(ends) < NOW
    assert {type(fact) for fact in facts} == {PastSession, PastFault, PastOffline, PastRefusal}


def test_registers_go_on_from_session_to_session_and_end_where_the_live_network_begins(facts, network):
    by_evse = defaultdict(list)
    for session in sessions_of(facts):
        by_evse[session.identity, session.evse].append(session)
    for sessions in by_evse.values():
        for first, second in pairwise(sessions):
            assert first.end_wh == second.start_wh
            assert first.ended_at <= second.began_at
    for station in network.stations:
        for evse in station.spec.evses:
            last = by_evse[station.spec.identity, evse.evse][-1]
            assert int(last.end_wh * 10) == evse.register_tenths


def test_curves_agree_with_their_sessions(facts, network):
    powers = {(s.spec.identity, e.evse): e.max_power_w for s in network.stations for e in s.spec.evses}
    for session in sessions_of(facts):
        registers = [session.start_wh, *(point.register_wh for point in session.points)]
        assert registers == sorted(registers)
        assert registers[-1] == session.end_wh
        assert all(session.began_at < point.at <= session.ended_at for point in session.points)
        assert all(0 <= point.power_w <= powers[session.identity, session.evse] for point in session.points)
        hours = (session.charged_until_at - session.began_at).total_seconds() / 3600
        assert float(session.energy_wh) <= powers[session.identity, session.evse] * hours + 1


def test_energies_and_lengths_are_believable(facts):
    sessions = sessions_of(facts)
    energies = sorted(float(session.energy_wh) / 1000 for session in sessions)
    assert 5 < energies[len(energies) // 2] < 45
    assert energies[-1] < 130
    assert 0 < sum(energy == 0 for energy in energies) / len(energies) < 0.1
    lengths = sorted((s.ended_at - s.began_at).total_seconds() / 60 for s in sessions)
    assert 15 < lengths[len(lengths) // 2] < 200


def test_days_weeks_and_growth_are_believable(facts, network):
    sites = {station.spec.identity: station.site for station in network.stations}
    work = [s for s in sessions_of(facts) if sites[s.identity].place is Place.WORKPLACE]
    weekend = sum(s.began_at.weekday() >= 5 for s in work)
    assert weekend / len(work) < 0.1
    hours = Counter(s.began_at.astimezone(ZoneInfo(sites[s.identity].time_zone)).hour for s in work)
    assert hours.most_common(1)[0][0] in (7, 8)
    weeks = Counter((NOW - s.began_at).days // 7 for s in sessions_of(facts))
    assert weeks[1] + weeks[0] > 1.4 * (weeks[7] + weeks[6])


def test_unreliable_stations_fail_more(facts, network):
    bad = {station.spec.identity for station in network.stations if station.is_unreliable}
    troubles = Counter(f.identity in bad for f in facts if isinstance(f, PastFault | PastOffline))
    assert troubles[True] / len(bad) > 2 * troubles[False] / (24 - len(bad))


def test_cards_that_stand_badly_are_only_refused(facts, network):
    standing = {driver.token: driver.standing for driver in network.drivers}
    assert all(standing[session.token] is Standing.ACTIVE for session in sessions_of(facts))
    refused = [fact for fact in facts if isinstance(fact, PastRefusal)]
    assert refused
    assert all(standing[fact.token] == fact.standing != Standing.ACTIVE for fact in refused)


def test_nothing_is_charged_while_a_connector_is_broken(facts):
    faults = defaultdict(list)
    for fact in facts:
        if isinstance(fact, PastFault):
            faults[fact.identity, fact.evse].append(fact)
    for session in sessions_of(facts):
        for fault in faults[session.identity, session.evse]:
            assert fault.ended_at <= session.began_at or session.ended_at <= fault.began_at
