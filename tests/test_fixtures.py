"""The fixtures and hooks that all tests rest on."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st


@given(number=st.integers())
async def test_coroutine_takes_generated_values_without_a_mark(number: int) -> None:
    await asyncio.sleep(0)
    assert number == int(str(number))
