"""What is said on one line, as the server's end hears and says it: each answer belongs to one call, and fits it."""

from collections import OrderedDict
from typing import Any

import msgspec

from ingufu.ocpp.rpc_memory import ALWAYS_HANDLED, KEPT_S
from simulation.world import World

REMEMBERED = 6  # of the answers to a station that the server must know again; it promises some more

_decode = msgspec.json.Decoder().decode

# By action, the fields that an answer must have, and those that it may have besides.
_FIELDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "Authorize": (frozenset(), frozenset({"idTagInfo", "idTokenInfo", "certificateStatus", "tariff"})),
    "BootNotification": (frozenset({"currentTime", "interval", "status"}), frozenset({"statusInfo"})),
    "Heartbeat": (frozenset({"currentTime"}), frozenset()),
    "MeterValues": (frozenset(), frozenset()),
    "StartTransaction": (frozenset({"idTagInfo", "transactionId"}), frozenset()),
    "StatusNotification": (frozenset(), frozenset()),
    "StopTransaction": (frozenset(), frozenset({"idTagInfo"})),
    "TransactionEvent": (
        frozenset(),
        frozenset({"chargingPriority", "idTokenInfo", "totalCost", "updatedPersonalMessage", "transactionLimit"}),
    ),
}


class Answered:
    """The calls of one station that one incarnation of the server has answered: it must know them again.

    `fresh` counts, for each text, how often it came when it had not lately been answered.
    """

    def __init__(self, *, is_forgetful: bool) -> None:
        self._is_forgetful = is_forgetful  # the server need not remember
        self.fresh: dict[bytes, int] = {}
        self._incarnation = 0
        self._latest: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    def came(self, id_: str, text: bytes, now_s: float, incarnation: int) -> bool:
        """Return whether the call was lately answered by this incarnation of the server."""
        if incarnation != self._incarnation:
            self._incarnation = incarnation
            self._latest.clear()
        known = self._latest.get(id_)
        if known is not None and known[0] == text and now_s - known[1] < KEPT_S - 60.0:
            return True
        payload = text[text.index(b"{") :]
        self.fresh[payload] = self.fresh.get(payload, 0) + 1
        return False

    def answered(self, id_: str, action: str, text: bytes, now_s: float) -> None:
        """Note that the call was answered, and not by an error; another of its id is forgotten."""
        known = self._latest.get(id_)
        if known is not None and known[0] == text and now_s - known[1] < KEPT_S:
            return  # it is remembered from its first answer on
        self._latest.pop(id_, None)
        if action in ALWAYS_HANDLED or self._is_forgetful:
            return
        self._latest[id_] = (text, now_s)
        if len(self._latest) > REMEMBERED:
            self._latest.popitem(last=False)

    def forget(self, id_: str) -> None:
        """Expect nothing of a call: which of several of its id was answered is not known."""
        self._latest.pop(id_, None)


class _Calls:
    """Calls of one message id: one, its repeats, and perhaps others of a station that has begun to count anew."""

    def __init__(self) -> None:
        self.came = 0
        self.answered = 0
        self.actions: set[str] = set()
        self.text = b""

    def __str__(self) -> str:
        return "/".join(sorted(self.actions))


def _fits(action: str, payload: dict[str, Any]) -> bool:
    must, may = _FIELDS[action]
    return must <= payload.keys() <= must | may


class Conversation:
    """Judges what the server says on one line by what it heard there."""

    def __init__(self, world: World, name: str, answered: Answered, incarnation: int) -> None:
        self._world = world
        self._name = name
        self._answered = answered
        self._incarnation = incarnation
        self._calls: dict[str, _Calls] = {}  # by message id
        self._asked: set[str] = set()

    def heard(self, text: bytes) -> None:
        """Note a text that the server takes."""
        frame = _decode(text)
        if frame[0] != 2:
            return
        id_, action = frame[1], frame[2]
        call = self._calls.setdefault(id_, _Calls())
        call.came += 1
        call.actions.add(action)
        call.text = text
        now_s = self._world.loop.time()
        if call.came > 1:
            self._world.count("a call came again on its line")
        if self._answered.came(id_, text, now_s, self._incarnation):
            self._world.count("a call came again after it was answered")

    def said(self, text: bytes) -> None:
        """Judge a text of the server's."""
        frame = _decode(text)
        if frame[0] == 2:
            if frame[1] in self._asked:
                self._wrong(f"was asked twice with the id {frame[1]}")
            self._asked.add(frame[1])
            return
        call = self._calls.get(frame[1])
        if call is None:
            self._wrong(f"was answered {frame[1]}, which was not asked")
            return
        call.answered += 1
        if call.answered > call.came:
            self._wrong(f"was answered {call} {frame[1]} {call.answered} times, and asked {call.came} times")
        if frame[0] == 3:
            if not any(_fits(action, frame[2]) for action in call.actions):
                self._wrong(f"was answered {sorted(frame[2])} to {call} {frame[1]}")
            if len(call.actions) == 1:
                self._answered.answered(frame[1], str(call), call.text, self._world.loop.time())
            else:
                self._answered.forget(frame[1])

    def _wrong(self, text: str) -> None:
        self._world.wrong(f"{self._name} {text}.")
