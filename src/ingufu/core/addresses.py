"""Internet addresses, and who stands behind them."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

_REMEMBERED = 4096
_IPV6_NETWORK_BITS = 64


def parse(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address, an IPv4 one also where it is written as IPv6; None if it is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@lru_cache(_REMEMBERED)
def network_of(text: str) -> str:
    """Return under which name an address is counted: an IPv6 subscriber has at least a /64 to call from.

    What is no address is counted as it is.
    """
    address = parse(text)
    if address is None:
        return text
    if isinstance(address, IPv4Address):
        return str(address)
    return f"{IPv6Address(int(address) >> _IPV6_NETWORK_BITS << _IPV6_NETWORK_BITS)}/{_IPV6_NETWORK_BITS}"
