"""The rule that says whether a token may, and why. Pure: everything it rests on is passed in."""

from datetime import datetime

import msgspec

from ingufu.authorization import restrictions
from ingufu.authorization.model import (
    Occasion,
    Place,
    PresentedToken,
    StartedBy,
    Token,
    TokenFacts,
    TokenKind,
    Verdict,
    VerdictReason,
    VerdictStatus,
)

replace = msgspec.structs.replace
MASK = "******"  # what is kept of a value that is itself a secret
SECRET_KINDS = frozenset({TokenKind.KEY_CODE.casefold()})


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: a token, when it was presented, and for what."""

    token: PresentedToken | None
    occasion: Occasion
    at: datetime
    started_by: StartedBy | None = None  # of the running transaction, if there is one
    evse: int | None = None
    place: Place | None = None  # looked up only for tokens that are limited
    allows_free: bool = True
    cache_until: datetime | None = None  # how long an acceptance may be relied upon

    @property
    def is_stop(self) -> bool:
        """True of a token presented to a transaction that somebody has started already."""
        return self.started_by is not None and self.occasion in (Occasion.STOP, Occasion.UPDATE)

    @property
    def is_start(self) -> bool:
        """True if acceptance lets a transaction begin or go on in this token's name."""
        if self.occasion in (Occasion.START, Occasion.REMOTE_START):
            return True
        return self.occasion is Occasion.UPDATE and self.started_by is None


def decide(question: Question, facts: TokenFacts | None, *, open_count: int = 0) -> Verdict:
    """Return the verdict on a token of which `facts` are known, with `open_count` transactions running elsewhere.

    A block outweighs everything, also the right to stop what one has started: the station ends the transaction
    all the same, but must not keep the token as accepted in its cache. OCPP 2.x C01, C09, C16; 1.6 4.1, 4.8, 4.10.
    """
    unregistered = _judge_presented(question, facts)
    if unregistered is not None:
        return unregistered
    assert facts is not None  # noqa: S101 - an unregistered token has its verdict by now
    reason = (
        _find_block(facts)
        or _find_right_to_stop(question, facts)
        or _find_time_limit(question, facts)
        or _judge_use(question, facts, open_count)
    )
    evses: tuple[int, ...] = ()
    if reason is VerdictReason.KNOWN_TOKEN and not question.is_stop:
        reason, evses = restrictions.judge(facts.token, question.place, question.evse, question.at)
    return _verdict(reason, facts, question, evses)


def overruled(verdict: Verdict, status: VerdictStatus, reason: VerdictReason, at: datetime) -> Verdict:
    """Return the verdict with another status, which holds for now only."""
    return replace(verdict, status=status, reason=reason, expires_at=at, evses=())


def masked(token: PresentedToken | None, facts: TokenFacts | None = None) -> str:
    """Return the value of a token as it may be kept: values that are secrets are not."""
    if token is None:
        return ""
    return MASK if is_secret(token.kind) or (facts is not None and is_secret(facts.token.kind)) else token.value


def is_secret(kind: str | None) -> bool:
    """Return whether values of this kind must not be kept or shown (KeyCode is a PIN)."""
    return kind is not None and kind.casefold() in SECRET_KINDS


def is_hidden(value: str) -> bool:
    """Return whether this is what stands where a secret value is not shown, as in lists that were exported."""
    return value.strip() == MASK


def shown(token: Token) -> Token:
    """Return the token as everybody may read it."""
    return msgspec.structs.replace(token, value=MASK) if is_secret(token.kind) else token


def pick(token: PresentedToken, candidates: list[TokenFacts]) -> TokenFacts | None:
    """Return which of the tokens with this value is meant.

    2.x: both value and kind are equal, without regard to case. 1.6 knows no kinds: a card is likeliest.
    """
    if token.kind is not None:
        wanted = token.kind.casefold()
        return next((facts for facts in candidates if facts.token.kind.casefold() == wanted), None)
    ordered = sorted(candidates, key=lambda facts: (facts.token.kind != TokenKind.ISO14443, facts.token.id))
    return ordered[0] if ordered else None


_STATUSES = {
    VerdictReason.KNOWN_TOKEN: VerdictStatus.ACCEPTED,
    VerdictReason.SAME_TOKEN_STOPS: VerdictStatus.ACCEPTED,
    VerdictReason.SAME_GROUP_STOPS: VerdictStatus.ACCEPTED,
    VerdictReason.MASTER_PASS_STOPS: VerdictStatus.ACCEPTED,
    VerdictReason.TOKEN_BLOCKED: VerdictStatus.BLOCKED,
    VerdictReason.DRIVER_BLOCKED: VerdictStatus.BLOCKED,
    VerdictReason.TOKEN_EXPIRED: VerdictStatus.EXPIRED,
    VerdictReason.TOKEN_NOT_YET_VALID: VerdictStatus.NOT_AT_THIS_TIME,
    VerdictReason.ALREADY_CHARGING: VerdictStatus.CONCURRENT_TX,
    VerdictReason.MASTER_PASS_CANNOT_START: VerdictStatus.INVALID,
    VerdictReason.NOT_THE_ONE_WHO_STARTED: VerdictStatus.INVALID,
    VerdictReason.NOT_AT_THIS_PLACE: VerdictStatus.NOT_AT_THIS_LOCATION,
    VerdictReason.NOT_AT_THIS_EVSE: VerdictStatus.NOT_AT_THIS_LOCATION,
    VerdictReason.WRONG_PLUG: VerdictStatus.NOT_ALLOWED_TYPE_EVSE,
    VerdictReason.OUTSIDE_HOURS: VerdictStatus.NOT_AT_THIS_TIME,
    VerdictReason.NO_CREDIT: VerdictStatus.NO_CREDIT,
}
_PASSING = frozenset(  # what may be otherwise at the next moment or the next place: no station is to remember it
    {
        VerdictStatus.NOT_AT_THIS_LOCATION,
        VerdictStatus.NOT_ALLOWED_TYPE_EVSE,
        VerdictStatus.NOT_AT_THIS_TIME,
        VerdictStatus.NO_CREDIT,
    }
)


def _judge_presented(question: Question, facts: TokenFacts | None) -> Verdict | None:
    """Return the verdict on what is no registered token."""
    token = question.token
    if token is not None and (token.kind or "").casefold() == TokenKind.NO_AUTHORIZATION.casefold():
        if question.allows_free or question.is_stop:
            return Verdict(status=VerdictStatus.ACCEPTED, reason=VerdictReason.NO_AUTHORIZATION_NEEDED)
        return Verdict(status=VerdictStatus.INVALID, reason=VerdictReason.FREE_CHARGING_NOT_ALLOWED)
    if token is None or not token.key:
        return Verdict(status=VerdictStatus.INVALID, reason=VerdictReason.EMPTY_TOKEN)
    if facts is None:
        status = VerdictStatus.INVALID if is_secret(token.kind) else VerdictStatus.UNKNOWN
        return Verdict(status=status, reason=VerdictReason.UNKNOWN_TOKEN, is_secret=is_secret(token.kind))
    return None


def _find_block(facts: TokenFacts) -> VerdictReason | None:
    if facts.token.blocked_at is not None:
        return VerdictReason.TOKEN_BLOCKED
    return VerdictReason.DRIVER_BLOCKED if facts.is_driver_blocked else None


def _find_right_to_stop(question: Question, facts: TokenFacts) -> VerdictReason | None:
    """Return why this token may stop without further check: it, or its group, has started (2.x C01.FR.03, C09)."""
    started_by = question.started_by
    if not question.is_stop or started_by is None:
        return None
    if started_by.token_id == facts.token.id:
        return VerdictReason.SAME_TOKEN_STOPS
    if facts.token.group_id is not None and started_by.group_id == facts.token.group_id:
        return VerdictReason.SAME_GROUP_STOPS
    return None


def _find_time_limit(question: Question, facts: TokenFacts) -> VerdictReason | None:
    """Return whether the token was out of its time when it was presented, which may be long ago (offline)."""
    token = facts.token
    if token.expires_at is not None and token.expires_at <= question.at:
        return VerdictReason.TOKEN_EXPIRED
    if token.valid_from is not None and question.at < token.valid_from:
        return VerdictReason.TOKEN_NOT_YET_VALID
    return None


def _judge_use(question: Question, facts: TokenFacts, open_count: int) -> VerdictReason:
    if question.is_stop:
        if facts.is_master_pass:
            return VerdictReason.MASTER_PASS_STOPS
        started_by = question.started_by
        is_stranger = started_by is not None and started_by.is_somebody
        return VerdictReason.NOT_THE_ONE_WHO_STARTED if is_stranger else VerdictReason.KNOWN_TOKEN
    if question.is_start:
        if facts.is_master_pass:  # 2.x C16.FR.03
            return VerdictReason.MASTER_PASS_CANNOT_START
        limit = facts.token.concurrent_limit
        if limit is not None and open_count >= limit:
            return VerdictReason.ALREADY_CHARGING
    return VerdictReason.KNOWN_TOKEN


def _verdict(reason: VerdictReason, facts: TokenFacts, question: Question, evses: tuple[int, ...] = ()) -> Verdict:
    token, status = facts.token, _STATUSES[reason]
    expires_at = question.at if status in _PASSING else token.expires_at
    if status is VerdictStatus.ACCEPTED:
        ends = (token.expires_at, question.cache_until, restrictions.hours_end(token, question.place, question.at))
        expires_at = min((end for end in ends if end is not None), default=None)
    return Verdict(
        status=status,
        reason=reason,
        token_id=token.id,
        driver_id=token.driver_id,
        group_id=token.group_id,
        group_value=facts.group_value,
        expires_at=expires_at,
        language=token.language or facts.driver_language,
        second_language=token.second_language,
        priority=token.charging_priority,
        message=token.message,
        evses=evses,
        is_secret=is_secret(token.kind),
    )
