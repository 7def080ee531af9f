"""A storage engine with a gate before its commits: held back, refused, or undone, as a test wants it."""

import asyncio
from collections.abc import Sequence
from typing import Any

from ingufu.core.errors import Conflict
from ingufu.infra.storage.engine import Committed, Engine, Series, Unit
from ingufu.infra.storage.statements import Prepared


class GatedEngine:
    """Does what the engine behind it does, unless told otherwise."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.dialect = engine.dialect
        self.defers = engine.defers
        self.failure: str | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()  # a commit stands before the gate
        self.refusal: Exception | None = None  # of every commit
        self.read_failure: Exception | None = None  # of every read
        self.conflicts = 0  # so many commits are undone, as if someone else had been faster
        self.tries = 0

    async def open(self) -> None:
        await self._engine.open()

    async def close(self) -> None:
        await self._engine.close()

    async def fetch(self, prepared: Prepared, values: tuple[Any, ...]) -> list[Any]:
        if self.read_failure is not None:
            raise self.read_failure
        return await self._engine.fetch(prepared, values)

    async def commit(self, units: Sequence[Unit], series: Sequence[Series]) -> Committed:
        self.tries += 1
        self.arrived.set()
        await self.gate.wait()
        if self.refusal is not None:
            raise self.refusal
        if self.conflicts:
            self.conflicts -= 1
            return Committed([Conflict("Someone else was faster.") for _ in units], [])
        return await self._engine.commit(units, series)

    async def shrink(self) -> int:
        return await self._engine.shrink()

    def shut(self) -> None:
        """Let commits wait from now on."""
        self.gate.clear()
        self.arrived.clear()
