"""Token buckets and the timer wheel on a clock that moves when told to."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.core.clock import FrozenClock
from ingufu.gateway.websocket import rates
from ingufu.gateway.websocket.rates import AddressKeys, Bucket, Buckets
from ingufu.gateway.websocket.timers import Wheel


@pytest.fixture
def clock():
    return FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))


class TestBucket:
    def test_burst_is_free_and_the_next_must_wait(self):
        bucket = Bucket(rate=2, burst=3, now=0)
        assert [bucket.take(0) for _ in range(5)] == [0, 0, 0, 0.5, 1.0]

    def test_debt_is_paid_by_time(self):
        bucket = Bucket(rate=2, burst=1, now=0)
        assert bucket.take(0) == 0
        assert bucket.take(0) == 0.5
        assert bucket.take(1.0) == 0

    def test_saved_tokens_never_exceed_the_burst(self):
        bucket = Bucket(rate=10, burst=2, now=0)
        assert [bucket.take(1000) for _ in range(3)] == [0, 0, 0.1]

    def test_given_back_is_as_never_taken(self):
        bucket = Bucket(rate=1, burst=1, now=0)
        bucket.take(0)
        bucket.take(0)
        bucket.give_back()
        assert bucket.take(0) == 1.0

    @given(gaps=st.lists(st.floats(0, 3), max_size=60), rate=st.floats(0.1, 100), burst=st.integers(1, 20))
    def test_waiting_as_told_keeps_to_the_rate(self, gaps, rate, burst):
        bucket, now = Bucket(rate, burst, 0.0), 0.0
        for count, gap in enumerate(gaps, 1):
            now += gap
            now += bucket.take(now)
            assert count <= burst + rate * now + 1e-6


class TestBuckets:
    def test_address_finds_its_bucket_again(self, clock):
        buckets = Buckets(1, 1, clock.monotonic)
        assert buckets.of("a") is buckets.of("a")
        assert buckets.of("a") is not buckets.of("b")

    def test_unlimited_or_exempt_has_none(self, clock):
        assert Buckets(None, 1, clock.monotonic).of("a") is None
        assert Buckets(1, 1, clock.monotonic).of(None) is None

    def test_longest_unseen_is_forgotten(self, clock, monkeypatch):
        monkeypatch.setattr(rates, "MAX_ADDRESSES", 2)
        buckets = Buckets(1, 1, clock.monotonic)
        first, second = buckets.of("a"), buckets.of("b")
        buckets.of("a")
        buckets.of("c")
        assert buckets.of("a") is first
        assert buckets.of("b") is not second


class TestAddressKeys:
    @pytest.mark.parametrize(
        ("host", "key"),
        [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("10.0.0.1", None),
            ("::ffff:10.0.0.1", None),
            ("", ""),
        ],
    )
    def test_party_behind_an_address(self, host, key):
        assert AddressKeys(("10.0.0.0/8",)).of(host) == key


class TestWheel:
    @pytest.fixture
    def loop(self):
        loop = asyncio.new_event_loop()
        yield loop
        loop.close()

    @pytest.fixture
    def wheel(self, loop, clock):
        return Wheel(loop, clock.monotonic, resolution_s=0.25)

    def test_calls_come_in_order_of_time_not_of_planning(self, wheel, clock):
        called = []
        wheel.schedule(2.0, lambda: called.append("late"))
        wheel.schedule(1.0, lambda: called.append("early"))
        clock.advance(0.9)
        wheel._run()
        assert called == []
        clock.advance(0.1)
        wheel._run()
        assert called == ["early"]
        clock.advance(1)
        wheel._run()
        assert called == ["early", "late"]

    def test_cancelled_call_never_comes_and_is_not_kept(self, wheel, clock):
        called = []
        timer = wheel.schedule(1.0, lambda: called.append("cancelled"))
        wheel.schedule(1.0, lambda: called.append("kept"))
        wheel.cancel(timer)
        assert len(wheel._slots[4]) == 1
        clock.advance(1)
        wheel._run()
        wheel.cancel(timer)
        wheel.cancel(None)
        assert called == ["kept"]

    def test_call_may_cancel_and_plan_others(self, wheel, clock):
        called = []
        victims = []

        def first():
            wheel.cancel(victims[0])
            wheel.schedule(0.25, lambda: called.append("planned"))
            called.append("first")

        wheel.schedule(1.0, first)
        victims.append(wheel.schedule(1.0, lambda: called.append("victim")))
        clock.advance(1)
        wheel._run()
        clock.advance(0.25)
        wheel._run()
        assert called == ["first", "planned"]

    def test_failing_call_does_not_stop_the_others(self, wheel, clock, loop):
        failures, called = [], []
        loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))
        wheel.schedule(1.0, lambda: 1 / 0)
        wheel.schedule(1.0, lambda: called.append("next"))
        clock.advance(1)
        wheel._run()
        assert called == ["next"]
        assert isinstance(failures[0], ZeroDivisionError)

    def test_loop_is_woken_for_the_nearest_call(self, loop):
        woken = asyncio.Event()

        async def run():
            wheel = Wheel(loop, loop.time)
            wheel.schedule(1000, lambda: None)
            wheel.schedule(0.03, woken.set)
            await asyncio.wait_for(woken.wait(), 5)
            wheel.close()

        loop.run_until_complete(run())
        assert woken.is_set()
