"""What comes out of an RPC peer: requests and answers with their payload unread, and frames that were neither."""

from typing import TypeAlias

import msgspec

from ingufu.ocpp.errors import ErrorCode
from ingufu.ocpp.rpc_frames import Cause, Note


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A CALL of the other side: it expects one answer, by `Peer.result` or `Peer.error`."""

    message_id: str
    id_token: bytes  # the id as it was written; a number stays a number in the answer
    action: str
    payload: msgspec.Raw  # a JSON object, unread
    received_at: float
    notes: tuple[Note, ...] = ()


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """A SEND of the other side (2.1): it must never be answered."""

    message_id: str
    action: str
    payload: msgspec.Raw
    received_at: float
    notes: tuple[Note, ...] = ()


class Repeated(msgspec.Struct, frozen=True, kw_only=True):
    """A CALL that came again: `reply` is the answer given before, None while the first is still waiting for its own."""

    call: Call
    reply: bytes | None


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A CALL of ours that is or was open."""

    message_id: str
    action: str
    sent_at: float
    deadline: float


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What a CALLERROR or CALLRESULTERROR says; the texts are the other side's and cut, never to be trusted."""

    code: ErrorCode
    spelling: str
    description: str
    details: msgspec.Raw


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The CALLRESULT of our open CALL. The payload is any JSON, unread; whether it fits the action is not known."""

    call: Outgoing
    payload: msgspec.Raw
    notes: tuple[Note, ...] = ()


class AnswerError(msgspec.Struct, frozen=True, kw_only=True):
    """The CALLERROR of our open CALL."""

    call: Outgoing
    failure: Failure
    notes: tuple[Note, ...] = ()


class ResultError(msgspec.Struct, frozen=True, kw_only=True):
    """The other side could not read a CALLRESULT of ours (2.1); `action` is None if it was not our latest."""

    message_id: str
    action: str | None
    failure: Failure
    notes: tuple[Note, ...] = ()


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that no open CALL waits for; `call` is the one it belongs to if that timed out a short while ago."""

    message_id: str
    call: Outgoing | None
    payload: msgspec.Raw | None = None
    failure: Failure | None = None
    notes: tuple[Note, ...] = ()


class Malformed(msgspec.Struct, frozen=True, kw_only=True):
    """A frame that is no message; `reply` is what the version wants said about it, `call` our CALL that it ended."""

    cause: Cause
    message_id: str = ""
    reply: bytes | None = None
    call: Outgoing | None = None


Request: TypeAlias = Call | Send
Received: TypeAlias = Request | Repeated | Answer | AnswerError | ResultError | Late | Malformed
