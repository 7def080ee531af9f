"""What happens to the authorities that are trusted."""

from ingufu.core.events import Event


class AuthorityAdded(Event, frozen=True, kw_only=True):
    """An authority for contract or V2G certificates was entered."""

    authority_id: str
    name: str
    fingerprint: str


class AuthorityRemoved(Event, frozen=True, kw_only=True):
    """An authority is trusted no longer."""

    authority_id: str
    name: str
    fingerprint: str


class ContractRefused(Event, frozen=True, kw_only=True):
    """The certificate of a contract that was shown at a station does not hold."""

    status: str
    reason: str
