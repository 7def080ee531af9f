"""Runs a coroutine test on uvloop."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Return the test as a plain function."""

    @functools.wraps(test)
    def plain(*args: Any, **kwargs: Any) -> None:
        uvloop.run(test(*args, **kwargs))

    return plain
