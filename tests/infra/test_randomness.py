"""Random bytes are the system's, each given once."""

import threading

import pytest

from ingufu.infra import randomness
from ingufu.infra.randomness import DRAUGHT_BYTES, SystemRandomness


@pytest.fixture
def counted(monkeypatch):
    """Let the system's bytes be such that a repeat is seen."""
    numbers = iter(range(1, 10**9))

    def draw(count: int) -> bytes:
        return b"".join(next(numbers).to_bytes(4, "big") for _ in range(count // 4))

    monkeypatch.setattr(randomness.os, "urandom", draw)
    return SystemRandomness()


def test_no_bytes_are_given_twice(counted):
    given = [counted.bytes(8) for _ in range(3000)]
    assert len(set(given)) == 3000
    assert all(len(one) == 8 for one in given)


def test_no_bytes_are_given_to_two_threads(counted):
    given: list[bytes] = []

    def take() -> None:
        given.extend(counted.bytes(16) for _ in range(2000))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(given)) == 8000


def test_large_wishes_are_fulfilled_whole():
    assert len(SystemRandomness().bytes(DRAUGHT_BYTES + 5)) == DRAUGHT_BYTES + 5


def test_uniform_numbers_lie_evenly_between_0_and_1():
    random = SystemRandomness()
    drawn = [random.uniform() for _ in range(20_000)]
    assert all(0 <= one < 1 for one in drawn)
    assert 0.48 < sum(drawn) / len(drawn) < 0.52
