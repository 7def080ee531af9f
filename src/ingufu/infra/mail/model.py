"""What a mail is, and what the settings say about sending it."""

from datetime import datetime
from enum import StrEnum

import msgspec


class Security(StrEnum):
    STARTTLS = "starttls"  # asked for on the plain connection, and needed
    TLS = "tls"  # from the first byte
    NONE = "none"  # for a server on this machine


class MailRules(msgspec.Struct, frozen=True, kw_only=True):
    """How mail is sent; without a server there is none."""

    server: str = ""
    port: int = 0  # 0: the usual one
    security: Security = Security.STARTTLS
    user: str = ""
    password: str = ""
    sender: str = ""
    timeout_s: float = 20.0
    authorities: str = ""  # PEM file; empty: those that the machine trusts
    kept_trying_s: float = 2 * 86_400.0
    lease_s: float = 300.0  # so long one process has for one mail before another takes it up


class MailState(StrEnum):
    """What became of a mail."""

    WAITING = "waiting"  # to be sent, or to be tried again
    SENT = "sent"
    FAILED = "failed"  # given up: what it said is gone


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a mail."""

    subject: str
    plain: str
    html: str


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail on its way."""

    id: str
    recipient: str
    content: str  # sealed
    created_at: datetime
    next_try_at: datetime | None
    tries: int
    sent_at: datetime | None = None
    failed_at: datetime | None = None
    last_error: str | None = None
    kind: str = ""  # what it is about: invitation, reset

    @property
    def state(self) -> MailState:
        if self.sent_at is not None:
            return MailState.SENT
        return MailState.WAITING if self.next_try_at is not None else MailState.FAILED
