"""What is entered about fiscal devices, held against the rules. Pure."""

from urllib.parse import urlsplit

from ingufu.billing.fiscal.ebm.record import LABELS
from ingufu.billing.fiscal.model import Device, DeviceSettings
from ingufu.core.errors import InvalidInput


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
