"""What is whole of messages that are no JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.ocpp.lenient_json import repair


@pytest.mark.parametrize(
    ("frame", "whole"),
    [
        (b'[3,"a",{"k":[{"n":1},{"n":2', [3, "a", {"k": [{"n": 1}, {}]}]),
        (b'[3,"a",{"k":[{"n":1},{"n":2}', [3, "a", {"k": [{"n": 1}, {"n": 2}]}]),
        (b'[3,"a",{"k":"cut he', [3, "a", {}]),
        (b'[2,"a","Heartbeat",{,}]', [2, "a", "Heartbeat", {}]),
        (b'[2,"a","X",{"a":1,,"b":,"c":Yes,}]', [2, "a", "X", {"a": 1, "c": "Yes"}]),
        (b'[2,"a","X",{unquoted:1}]', [2, "a", "X", {"unquoted": 1}]),
        (b'\xef\xbb\xbf[2,"a","X",{"a":true}]\x00', [2, "a", "X", {"a": True}]),
    ],
)
def test_what_is_whole_is_kept(frame: bytes, whole: list[object]):
    repaired = repair(frame)
    assert repaired is not None
    assert json.loads(repaired) == whole


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"[",
        b"[2",
        b'[2,"a"',
        b'{"a":1}',
        b'[2,7,"X",{}',
        b'[9,"a","X",{}]',
        b'[2,"a","X",{"register":12',
        b"[" * 999,
    ],
)
def test_what_says_too_little_or_may_have_lost_what_counts_is_left(frame: bytes):
    assert repair(frame) is None


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_what_is_in_order_stays_as_it_is(payload: object):
    frame = json.dumps([3, "id", payload]).encode()
    repaired = repair(frame)
    assert repaired is not None
    assert json.loads(repaired) == [3, "id", payload]


@given(st.binary(max_size=200), st.integers(0, 60))
def test_nothing_makes_it_raise(noise: bytes, cut: int):
    for frame in (noise, b'[2,"a","X",' + noise, b'[3,"a",{"k":[{"n":1},{"n":"\\u12"}]}]'[:cut] + noise):
        repaired = repair(frame)
        assert repaired is None or isinstance(json.loads(repaired), list)
