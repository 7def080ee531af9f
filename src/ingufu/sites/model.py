"""What a site is."""

from datetime import datetime

import msgspec


class Site(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    name: str
    address: str = ""
    city: str = ""
    country: str = ""
    latitude: float | None = None
    longitude: float | None = None
    time_zone: str = "UTC"
    created_at: datetime
