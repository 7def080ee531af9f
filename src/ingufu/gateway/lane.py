"""What is one per station over all its connections: its messages are handled one after the other."""

import asyncio
from collections import deque
from types import TracebackType


class Lane:
    """A lock in the order of asking, which may also be taken without waiting."""

    __slots__ = ("__weakref__", "_is_taken", "_waiting")

    def __init__(self) -> None:
        self._is_taken = False
        self._waiting: deque[asyncio.Future[None]] | None = None  # nobody waits in most of many thousands

    @property
    def is_taken(self) -> bool:
        return self._is_taken

    def try_enter(self) -> bool:
        """Return whether the lane is ours now; it never is while somebody waits for it."""
        if self._is_taken:
            return False
        self._is_taken = True
        return True

    def leave(self) -> None:
        """Pass the lane on to who has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._waiting = None
        self._is_taken = False

    async def __aenter__(self) -> None:
        if self.try_enter():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # it was passed on to us in the same moment
                self.leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
