"""Messages that tell us something and ask nothing: kept on the station's timeline, answered with what is due."""

from collections.abc import Callable
from typing import Any

from ingufu.infra.secrets import redact
from ingufu.ocpp import wire
from ingufu.ocpp.payload import Payload
from ingufu.ocpp.table import CallContext, Handler
from ingufu.stations.events import NoticeReceived

CONTENT_LIMIT = 2000  # characters; the whole message stands in the raw frames


def keeping(action: str, answer: Callable[[Any], Payload | None]) -> Handler:
    """Return a handler that keeps the message as a notice and answers with `answer(request)`."""

    async def keep(context: CallContext, request: Payload) -> Payload | None:
        note(context, action, request)
        return answer(request)

    return keep


def note(context: CallContext, action: str, request: Payload) -> None:
    """Put the message on the station's timeline, without secrets and cut to a readable length."""
    content = redact(wire.encode(request).decode())
    context.work.emit(
        NoticeReceived(
            occurred_at=context.received_at,
            station_id=context.station_id,
            action=action,
            content=content[:CONTENT_LIMIT],
        )
    )
