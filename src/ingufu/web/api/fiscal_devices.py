"""Fiscal devices: what must sign documents, how it is, and what waits for it."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import Principal, Scope
from ingufu.billing.fiscal.model import (
    Device,
    DeviceKind,
    DeviceSettings,
    DeviceState,
    ItemCode,
    ReceiptState,
    TaxLabel,
)
from ingufu.core import errors
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

CHANGES = (errors.NotFound, errors.InvalidInput, errors.Conflict)
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Path = Annotated[str, Meta(max_length=200)]


class Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which label of the authority stands for a category (EN 16931) and rate of tax."""

    label: Annotated[str, Meta(pattern="^[A-D]$")]
    category: Annotated[str, Meta(pattern="^(S|Z|E|AE|O)$")]
    percent: Decimal = Decimal(0)


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the authority's register names what is sold."""

    code: Annotated[str, Meta(min_length=1, max_length=20)]
    class_code: Annotated[str, Meta(min_length=1, max_length=20)]
    package_unit: Annotated[str, Meta(max_length=5)] = "NT"
    quantity_unit: Annotated[str, Meta(max_length=5)] = "U"


class DeviceEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is entered about how to reach a device, and about its taxpayer."""

    url: Annotated[str, Meta(min_length=8, max_length=500)]
    tin: Annotated[str, Meta(pattern="^[0-9]{9,11}$")]
    branch: Annotated[str, Meta(pattern="^[0-9]{2,3}$")] = "00"
    serial: Annotated[str, Meta(max_length=60)] = ""
    time_zone: Annotated[str, Meta(max_length=64)] = "Africa/Kigali"
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] = "RWF"
    allows_private: Annotated[bool, Meta(description="A VSDC stands in one's own network.")] = False
    timeout_s: Annotated[float, Meta(ge=1, le=120)] = 20.0
    labels: Annotated[tuple[Label, ...], Meta(max_length=4)] = ()
    items: Annotated[dict[str, Item], Meta(max_length=10, description="By dimension, as in `energy`.")] = {}
    payment_code: Annotated[str, Meta(pattern="^[0-9]{2}$")] = "06"
    read_back_path: Annotated[Path, Meta(description="By which a sale is read again; empty: it cannot.")] = ""
    routes: Annotated[
        dict[str, Path], Meta(max_length=2, description="`init`, `sale`: where they are named otherwise.")
    ] = {}


class NewFiscalDevice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device to enter."""

    kind: DeviceKind
    name: Name
    settings: DeviceEntry


class FiscalDeviceFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes of a device."""

    name: Name | UnsetType = UNSET
    settings: DeviceEntry | UnsetType = UNSET


class FiscalDeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """A device as it is; its communication key is told to nobody."""

    id: str
    kind: DeviceKind
    name: str
    settings: DeviceSettings
    state: DeviceState
    problem: Annotated[str, Meta(description="Why it waits or has stopped.")]
    waiting: Annotated[int, Meta(description="How many documents wait to be signed.")]
    next_number: int
    device_id: Annotated[str, Meta(description="As it calls itself (SDC ID).")]
    machine_number: str
    taxpayer: str
    try_at: Annotated[datetime, Meta(description="When it is tried again, at the earliest.")]


class QueuedReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A document that waits for its signature."""

    document_id: str
    place: int
    number: Annotated[int | None, Meta(description="Under which it was sent.")]
    state: ReceiptState
    problem: str
    queued_at: datetime


@route("GET", "/fiscal-devices", scope=Scope.MONEY_READ, is_for_network=True)
async def list_fiscal_devices(web: WebContext) -> list[FiscalDeviceView]:
    """List fiscal devices

    With how many documents wait for each.
    """
    lengths = await web.services.money.fiscal.lengths()
    return [view_of(device, lengths) for device in await web.services.money.fiscal.devices()]


@route("POST", "/fiscal-devices", scope=Scope.ADMIN, is_for_network=True, body=NewFiscalDevice, raises=CHANGES)
async def create_fiscal_device(web: WebContext, principal: Principal, given: NewFiscalDevice) -> FiscalDeviceView:
    """Enter a fiscal device

    It is initialised by itself, before it signs its first document. Give it to a legal entity to have it used.
    """
    organisation_id = await access.organisation_of(web, principal)
    async with web.services.database.work() as work:
        made = web.services.money.fiscal.create(
            work,
            organisation_id=organisation_id,
            kind=given.kind,
            name=given.name,
            settings=settings_of(given.settings),
        )
        access.note(web, work, principal, "fiscal-device.create", made.id, after=_told(made))
    return view_of(made, {})


@route("GET", "/fiscal-devices/{device_id:str}", scope=Scope.MONEY_READ, is_for_network=True, raises=(errors.NotFound,))
async def get_fiscal_device(web: WebContext, device_id: str) -> FiscalDeviceView:
    """Get a fiscal device

    Whether it can be reached, why not, and how many documents wait.
    """
    device = await web.services.money.fiscal.get(device_id)
    return view_of(device, await web.services.money.fiscal.lengths())


@route(
    "PATCH",
    "/fiscal-devices/{device_id:str}",
    scope=Scope.ADMIN,
    is_for_network=True,
    body=FiscalDeviceFields,
    raises=CHANGES,
)
async def update_fiscal_device(
    web: WebContext, principal: Principal, device_id: str, given: FiscalDeviceFields
) -> FiscalDeviceView:
    """Change a fiscal device

    Its settings are given as a whole. With another address, taxpayer or branch it is initialised anew.
    """
    fields = access.given_fields(given)
    if "settings" in fields:
        fields["settings"] = settings_of(fields["settings"])
    known = await web.services.money.fiscal.get(device_id)
    async with web.services.database.work() as work:
        made = await web.services.money.fiscal.update(work, device_id, **fields)
        access.note(web, work, principal, "fiscal-device.update", device_id, before=_told(known), after=_told(made))
    return view_of(made, await web.services.money.fiscal.lengths())


@route(
    "GET",
    "/fiscal-devices/{device_id:str}/queue",
    scope=Scope.MONEY_READ,
    is_for_network=True,
    raises=(errors.NotFound,),
)
async def list_fiscal_queue(web: WebContext, device_id: str) -> list[QueuedReceipt]:
    """List what waits to be signed

    The next first; at most 200.
    """
    await web.services.money.fiscal.get(device_id)
    return [
        QueuedReceipt(
            document_id=one.document_id,
            place=one.place,
            number=one.number,
            state=one.state,
            problem=one.problem,
            queued_at=one.queued_at,
        )
        for one in await web.services.money.fiscal.queue(device_id)
    ]


@route(
    "POST",
    "/fiscal-devices/{device_id:str}/resume",
    status=200,
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    raises=CHANGES,
)
async def resume_fiscal_device(web: WebContext, principal: Principal, device_id: str) -> FiscalDeviceView:
    """Have a fiscal device be tried again

    After what stopped it was put right; or at once, when it waits.
    """
    known = await web.services.money.fiscal.get(device_id)
    async with web.services.database.work() as work:
        after = await web.services.money.fiscal.resume(work, device_id)
        access.note(web, work, principal, "fiscal-device.resume", device_id, before=_told(known), after=_told(after))
    return await get_view(web, device_id)


async def get_view(web: WebContext, device_id: str) -> FiscalDeviceView:
    """Return the device as it is. Raises NotFound."""
    device = await web.services.money.fiscal.get(device_id)
    return view_of(device, await web.services.money.fiscal.lengths())


def view_of(device: Device, lengths: dict[str, int]) -> FiscalDeviceView:
    """Return what is told of a device."""
    return FiscalDeviceView(
        id=device.id,
        kind=device.kind,
        name=device.name,
        settings=device.settings,
        state=device.state,
        problem=device.problem,
        waiting=lengths.get(device.id, 0),
        next_number=device.next_number,
        device_id=device.told.device_id,
        machine_number=device.told.machine_number,
        taxpayer=device.told.taxpayer,
        try_at=device.try_at,
    )


def settings_of(entry: DeviceEntry) -> DeviceSettings:
    """Return what was entered as it is kept."""
    plain = msgspec.structs.asdict(entry)
    plain["labels"] = tuple(TaxLabel(**msgspec.structs.asdict(one)) for one in entry.labels)
    plain["items"] = {name: ItemCode(**msgspec.structs.asdict(one)) for name, one in entry.items.items()}
    return DeviceSettings(**plain)


def _told(device: Device) -> dict[str, Any]:
    """Return what the audit trail tells of a device: what people entered, and its state."""
    return {name: getattr(device, name) for name in ("name", "kind", "settings", "state", "problem")}


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_fiscal_devices, create_fiscal_device, get_fiscal_device, update_fiscal_device, list_fiscal_queue,
    resume_fiscal_device,
)  # fmt: skip
