"""What happens to tariffs."""

from datetime import datetime

from ingufu.core.events import Event


class TariffCreated(Event, frozen=True, kw_only=True):
    """A tariff was made."""

    tariff_id: str
    name: str = ""  # of the tariff
    by: str = ""


class TariffChanged(Event, frozen=True, kw_only=True):
    """A tariff has a new version, lost one that had not begun, or is called or described otherwise."""

    tariff_id: str
    name: str = ""  # of the tariff
    version: int | None = None
    valid_from: datetime | None = None
    by: str = ""


class TariffRetired(Event, frozen=True, kw_only=True):
    """A tariff applies nowhere any more, and can be given to nothing."""

    tariff_id: str
    name: str = ""  # of the tariff
    by: str = ""


class TariffAssigned(Event, frozen=True, kw_only=True):
    """Where a tariff applies, or until when, has changed."""

    tariff_id: str
    name: str = ""  # of the tariff
    assignment_id: str
    target: str
    target_id: str = ""
    evse: int | None = None
    by: str = ""


class TariffSwitched(Event, frozen=True, kw_only=True):
    """A charging transaction is priced by another tariff from an instant on."""

    tariff_id: str
    name: str = ""  # of the tariff
    version: int
    from_at: datetime
    by: str = ""


class FeedPricesLoaded(Event, frozen=True, kw_only=True):
    """A price feed has new prices."""

    feed_id: str
    name: str = ""  # of the feed
    count: int
    until: datetime  # the last instant that a price begins at


class FeedFailed(Event, frozen=True, kw_only=True):
    """The prices of a feed could not be fetched; the last good ones stay."""

    feed_id: str
    name: str = ""  # of the feed
    error: str
