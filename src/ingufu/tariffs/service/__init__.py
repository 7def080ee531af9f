"""Use cases of tariffs and of price feeds: the only door to them for other packages."""

from ingufu.tariffs.service.feeds import FeedRules, Loaded, NewFeed, PriceFeeds
from ingufu.tariffs.service.tariffs import NewTariff, Tariffs

__all__ = ["FeedRules", "Loaded", "NewFeed", "NewTariff", "PriceFeeds", "Tariffs"]
