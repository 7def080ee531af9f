"""What is entered about fiscal devices, held against the rules, and what an answer makes of one. Pure."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec

from ingufu.billing.fiscal.ebm.record import LABELS
from ingufu.billing.fiscal.model import Answer, AnswerKind, Device, DeviceSettings, DeviceState
from ingufu.core.errors import InvalidInput

FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 600.0

replace = msgspec.structs.replace


def place(settings: DeviceSettings) -> tuple[str, ...]:
    """Return what tells one device from another: with other values it has to be initialised anew."""
    return (settings.url, settings.tin, settings.branch, settings.serial)


def check(device: Device) -> None:
    """Raise InvalidInput, naming the field, if the device cannot be used so."""
    settings = device.settings
    if not device.name:
        raise InvalidInput("Give a name.", field="name")
    target = urlsplit(settings.url)
    if target.scheme not in {"http", "https"} or not target.hostname or len(settings.url) > 500:
        raise InvalidInput("Give an http or https address.", field="url")
    if not settings.tin.isdigit() or not 9 <= len(settings.tin) <= 11:
        raise InvalidInput("The taxpayer's number has 9 to 11 digits.", field="tin")
    if not 1 <= settings.timeout_s <= 120:
        raise InvalidInput("An answer is awaited for 1 to 120 seconds.", field="timeout_s")
    for one in settings.labels:
        if one.label not in LABELS or not (one.percent.is_finite() and 0 <= one.percent <= 100):
            raise InvalidInput("Labels are A to D, rates 0 to 100 per cent.", field="labels")
    if len({one.label for one in settings.labels}) != len(settings.labels):
        raise InvalidInput("A label has one rate.", field="labels")
    paths = [settings.read_back_path, *settings.routes.values()]
    if any(path and (not path.startswith("/") or "//" in path or not path.isascii()) for path in paths):
        raise InvalidInput("A path begins with a slash.", field="routes")


def is_open(device: Device) -> bool:
    """Return whether receipts are sent to the device; else what an earlier call found says nothing about it now."""
    return device.state not in {DeviceState.NEW, DeviceState.STOPPED}


def signed(device: Device, number: int, now: datetime) -> Device:
    """Return the device after it has signed under a number."""
    after = replace(device, next_number=number + 1, tries=0, try_at=now, updated_at=now)
    return replace(after, state=DeviceState.READY, problem="") if is_open(device) else after


def wait_s(device: Device) -> float:
    """Return how long a device that cannot be talked to is left alone."""
    return min(FIRST_WAIT_S * 2.0 ** min(device.tries, 16), LONGEST_WAIT_S)


def waiting(device: Device, why: str, now: datetime) -> Device:
    """Return a device that cannot be talked to, with the time at which it is tried again."""
    try_at = now + timedelta(seconds=wait_s(device))
    return replace(device, problem=why, tries=device.tries + 1, try_at=try_at, updated_at=now)


def initialised(device: Device, answer: Answer, sealed: str, now: datetime) -> Device:
    """Return the device with what it answered to being initialised; `sealed` is the key that it gave, if any."""
    if answer.told is None:
        after = waiting(device, answer.message, now)
        return replace(after, state=DeviceState.STOPPED) if answer.kind is AnswerKind.REFUSED else after
    last = answer.told.last_number
    is_first = device.state is DeviceState.NEW and device.next_number == 1
    return replace(
        device,
        state=DeviceState.READY,
        problem="",
        tries=0,
        try_at=now,
        told=answer.told,
        sealed=sealed or device.sealed,
        next_number=last + 1 if is_first and last is not None else device.next_number,
        updated_at=now,
    )
