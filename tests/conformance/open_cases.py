"""Cases of the blocks held here that are not fulfilled, or have no scenario yet."""

from conformance.cases import Open

_PROFILE = (
    "The charging profile of the transaction is not sent again, as profiles are not kept yet: only by raw command."
)
_PAYMENT = "Sessions are priced and billed; balances told to the station, terminals, settlement and QR codes come with payment."
_PAID = (103, 108, 113, 117, 118, 119, 120, 125, 126, 131, 132, 133)

OPEN: tuple[Open, ...] = (
    Open(number="TC_B_116", versions=("2.1",), reason=_PROFILE),
    *(Open(number=f"TC_C_{number}", versions=("2.1",), reason=_PAYMENT) for number in _PAID),
    Open(number="TC_E_117", versions=("2.1",), reason=_PROFILE),
)
