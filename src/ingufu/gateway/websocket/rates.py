"""Token buckets that may go into debt: they say how long to wait, and never lose anything."""

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_network

from ingufu.core import addresses

_REMEMBERED_KEYS = 4096
MAX_ADDRESSES = 65_536  # remembered at once; the longest unseen is forgotten


class Bucket:
    """Fills by `rate` tokens per second up to `burst`."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float, tokens: float = 1.0) -> float:
        """Take the tokens, on credit if need be, and return the seconds until the debt is paid."""
        left = self._tokens + (now - self._at) * self._rate
        if left > self._burst:  # noqa: PLR1730 - for each message: `min` costs as much as the rest
            left = self._burst
        left -= tokens
        self._tokens = left
        self._at = now
        return 0.0 if left >= 0 else -left / self._rate

    def give_back(self, tokens: float = 1.0) -> None:
        """Undo a `take` that was not used."""
        self._tokens += tokens


class Buckets:
    """One bucket for each address, or none at all if the rate is unlimited."""

    def __init__(self, rate: float | None, burst: float, monotonic: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._monotonic = monotonic
        self._of_address: OrderedDict[str, Bucket] = OrderedDict()

    def of(self, address: str | None) -> Bucket | None:
        """Return the bucket of an address key, a new one if it was not seen lately; None stands for exempt."""
        if self._rate is None or address is None:
            return None
        bucket = self._of_address.get(address)
        if bucket is None:
            bucket = self._of_address[address] = Bucket(self._rate, self._burst, self._monotonic())
            if len(self._of_address) > MAX_ADDRESSES:
                self._of_address.popitem(last=False)
        else:
            self._of_address.move_to_end(address)
        return bucket


class AddressKeys:
    """Names the party behind an address: the address itself, of IPv6 its /64, or None if exempt."""

    def __init__(self, exempt_networks: tuple[str, ...]) -> None:
        self._exempt = [ip_network(network) for network in exempt_networks]
        self.of = lru_cache(_REMEMBERED_KEYS)(self._of)  # parsing an address costs more than the rest of a handshake

    def _of(self, host: str) -> str | None:
        address = addresses.parse(host)
        if address is not None and any(address in network for network in self._exempt):
            return None
        return addresses.network_of(host)
