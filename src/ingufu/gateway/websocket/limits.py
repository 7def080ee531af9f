"""What one station, one address and one server may use of us; every figure can be set."""

import msgspec


class SocketLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one open socket; `None` as a rate means unlimited."""

    max_message_bytes: int = 1_048_576  # after inflating; OCPP sets none, the largest 2.x reports stay below it
    max_fragments: int = 4096  # of one message; a flood of empty fragments would be free otherwise
    messages_per_s: float | None = 50.0
    message_burst: int = 200
    max_write_buffer_bytes: int = 262_144  # more than this waiting means that the station does not read
    write_stall_timeout_s: float = 30.0  # the buffer stood above its mark for so long
    close_timeout_s: float = 5.0  # for the other side's half of a closing handshake
    silent_intervals: int = 2  # whole ping intervals without one byte before the socket counts as half-open
    compress_from_bytes: int = 256  # below this, deflate saves less than it costs
    refuses_binary: bool = False  # OCPP has no binary frames: ignored and counted, or answered with 1003


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of everything before the upgrade, and of one address; `None` as a rate means unlimited."""

    max_head_bytes: int = 16_384  # request line and headers
    max_head_lines: int = 100
    handshake_timeout_s: float = 10.0  # each for TLS, for the request and for the decision
    max_connections: int = 18_000  # of one process, below the 20,000 descriptors usual for one
    max_handshakes: int = 12_000  # unfinished ones: a whole fleet may come back at once
    max_handshakes_per_address: int = 1_000  # a site behind one NAT address, but not a flood from it
    handshakes_per_s: float | None = 1_000.0  # of one listener, the rest waits its turn
    handshake_burst: int = 2_000
    address_handshakes_per_s: float | None = 50.0
    address_handshake_burst: int = 200
    max_wait_s: float = 10.0  # a handshake that would wait longer hears 503 and when to come back
    retry_after_s: float = 20.0  # told with 503, up to half as much is added by chance
    address_messages_per_s: float | None = 2_000.0
    address_message_burst: int = 5_000
    exempt_networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")  # proxies and known NAT: no limits per address
