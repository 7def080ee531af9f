"""What a boot means, whatever the version that told of it."""

from ingufu.core.errors import Forbidden
from ingufu.ocpp.table import CallContext, Phase
from ingufu.stations import decide
from ingufu.stations.model import Boot, BootAnswer


async def boot(context: CallContext, boot: Boot) -> BootAnswer:
    """Return what the station hears, and set its phase.

    Raises Forbidden if its serial number contradicts its certificate (2.x B01.FR.12): the connection must end.
    """
    if decide.contradicts_certificate(boot, context.certificate_name):
        raise Forbidden("The serial number is not the one in the certificate.")
    answer = await context.services.stations.boot(context.work, context.station, boot, context.received_at)
    context.phase = Phase(answer.value.lower())
    return answer
