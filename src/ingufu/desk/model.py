"""Saved views: a list's address with its filters, under a name, for one person or for an organisation."""

from datetime import datetime

import msgspec


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """The filters of a list page under a name."""

    id: str
    user_id: str  # who saved it
    organisation_id: str | None = None
    page: str  # path of the list page: /console/stations
    query: str = ""  # as in its address, without the place in the list
    name: str
    is_shared: bool = False  # everybody of the organisation is shown it
    created_at: datetime
    updated_at: datetime

    @property
    def address(self) -> str:
        """What a browser opens."""
        return f"{self.page}?{self.query}" if self.query else self.page


class Arrangement(msgspec.Struct, frozen=True, kw_only=True):
    """How one person has the views of a page: in which order, and which opens by itself."""

    user_id: str
    page: str
    order: tuple[str, ...] = ()  # ids; views that are not in it follow by name
    default_id: str | None = None
