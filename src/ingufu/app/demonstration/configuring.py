"""What the demo desires of its stations: two templates, and one value that its station refuses."""

from ingufu.configuration.model import DesiredChange, Reach, TemplateFields
from ingufu.core.variables import parse
from ingufu.services import Services
from ingufu.simulator.plan import Plan
from ingufu.simulator.vendors import Version

ACTOR = "Demo"
_REVENUE = {
    "SampledDataCtrlr.TxUpdatedInterval": "15",
    "OCPPCommCtrlr.MessageAttempts[TransactionEvent]": "5",
    "AuthCtrlr.LocalAuthorizeOffline": "true",
}
_SCREENS = {"ConfigurationKey.LightIntensity": "60"}
_REFUSED = {"SampledDataCtrlr.TxUpdatedMeasurands": "Energy.Active.Import.Register,Power.Active.Import,RPM"}


async def desire(services: Services, network: Plan) -> None:
    """Make the templates, and desire of one station what it will refuse, so that there is a difference to look at."""
    await _template(
        services,
        TemplateFields(
            name="Protect revenue",
            note="Readings and retries by which an interrupted session can still be billed.",
            reach=Reach.EVERYONE,
        ),
        _REVENUE,
    )
    await _template(
        services,
        TemplateFields(name="Dim at night", note="For OCPP 1.6.", reach=Reach.MATCHING, version="1.6"),
        _SCREENS,
    )
    older = [one.spec.identity for one in network.stations if one.spec.version is Version.V16]
    station = await services.stations.find_by_identity(older[0]) if older else None
    if station is not None:
        async with services.database.work() as work:
            await services.configuration.desire(work, station.id, _changes(_REFUSED), actor=ACTOR)
    while await services.configuration.care.refresh_stale():
        pass


async def _template(services: Services, fields: TemplateFields, values: dict[str, str]) -> None:
    wishes = services.configuration.wishes
    async with services.database.work() as work:
        made = await wishes.create_template(work, fields)
    async with services.database.work() as work:
        await wishes.desire_of_template(work, made.id, _changes(values), actor=ACTOR)


def _changes(values: dict[str, str]) -> list[DesiredChange]:
    return [DesiredChange(name=parse(name), value=value) for name, value in values.items()]
