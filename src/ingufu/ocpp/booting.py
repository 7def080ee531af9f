"""What a boot means, whatever the version that told of it."""

from typing import NamedTuple

from ingufu.core.errors import Forbidden
from ingufu.ocpp.table import CallContext, Phase
from ingufu.stations import decide
from ingufu.stations.model import Boot, BootAnswer


class Booted(NamedTuple):
    """What the station hears."""

    answer: BootAnswer
    interval_s: int


async def boot(context: CallContext, boot: Boot) -> Booted:
    """Return what the station hears, and set its phase.

    Raises Forbidden if its serial number contradicts its certificate (2.x B01.FR.12): the connection must end.
    """
    if decide.contradicts_certificate(boot, context.certificate_name):
        raise Forbidden("The serial number is not the one in the certificate.")
    stations, configuration = context.services.stations, context.services.configuration
    answer = await stations.boot(context.work, context.station, boot, context.received_at)
    wished_s = await configuration.booted(context.work, context.station, answer, boot.reason, context.received_at)
    context.phase = Phase(answer.value.lower())
    context.has_restarted = decide.is_restart(boot.reason)
    context.told = decide.told_by(boot, answer, context.received_at)
    return Booted(answer, stations.pace.interval_s(context.station_id, answer, context.received_at, wished_s))
