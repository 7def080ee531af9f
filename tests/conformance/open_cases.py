"""Cases of the blocks held here that are not fulfilled, or have no scenario yet."""

from conformance.cases import Open

OPEN: tuple[Open, ...] = ()
