"""Seals the audit trail: entries are linked into a chain, the chain is checked, its oldest part may go."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from itertools import islice

import msgspec
import structlog

from ingufu.accounts import chain, trail_store
from ingufu.accounts.chain import FIRST_SEAL, MOST_FLAWS, Flaw, FlawKind, Head, Verification
from ingufu.accounts.model import ActorKind, Door, Principal
from ingufu.accounts.service.trail import Trail
from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.witness import Witness

SEALED_AT_ONCE = 500
PRUNED_AT_ONCE = 500
CHECKED_AT_ONCE = 200  # some 5 ms of work, then others have their turn
_MORE_TRIES = 3
_MOST_TAKEN_ALONG = 100_000
_LATE_IDS = 10_000  # how far behind the newest an entry can be committed, with several processes

_SYSTEM = Principal(kind=ActorKind.SYSTEM, id="housekeeping", name="Housekeeping", door=Door.SYSTEM)

log = structlog.get_logger(__name__)


class SealedTrail(Trail):
    """The audit trail with its chain. Several processes may seal: who is slower finds the head moved, and starts anew.

    The witness is a file beside the key that remembers the head: whoever cuts off the end of the trail together with
    its seals, and puts an older head back, is found out by it.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        trail_key: Callable[[], bytes],
        witness: Witness | None = None,
    ) -> None:
        Trail.__init__(self, database, clock, ids, trail_key)
        self._witness = witness
        self._has_looked_far_back = False
        self.verification: Verification | None = None  # the latest of this process
        self._verifying: asyncio.Task[Verification] | None = None

    async def seal_audit(self) -> int:
        """Link the entries that are in no chain yet, and return how many. Raises Unavailable.

        A chain whose head is not ours is left as it is: `verify_audit` says so.
        """
        total = 0
        beyond = await self._begin_looking()
        while rows := await self._seal_some(beyond):
            total, beyond = total + len(rows), rows[-1]["id"]
            if len(rows) < SEALED_AT_ONCE:
                break
        self._has_looked_far_back = True
        return total

    async def audit_head(self) -> Head | None:
        """Return where the chain begins and ends; None before its first seal."""
        return await trail_store.head(self._database)

    async def verify_audit(self, anchor: tuple[int, str] | None = None, *, pause: float = 1.0) -> Verification:
        """Check the whole trail and return what was found; of those that ask at once, all get the same answer.

        `anchor` is a number and a seal that was written down elsewhere: the chain must still have it. After
        each portion it rests `pause` times as long as the portion took, so that others go on.
        """
        if self._verifying is None or self._verifying.done():
            self._verifying = asyncio.create_task(self._verify(pause))
        found = await asyncio.shield(self._verifying)
        if anchor is None:
            return found
        flaws = (*found.flaws, *await self._check_anchor(*anchor))
        return msgspec.structs.replace(found, is_whole=not flaws, flaws=flaws)

    async def prune_audit(self, before: datetime) -> int:
        """Delete the entries from before, from the oldest up to the first that is younger, and return how many.

        The signed head keeps the seal of the last that went, so that the rest is checked as before. Raises Unavailable.
        """
        head = await self.audit_head()
        pruned = 0
        while head is not None and chain.is_ours(self._trail_key(), head):
            upto = await self._old_until(head, before)
            if upto == head.first_number:
                break
            pruned += upto - head.first_number
            head = await self._prune_upto(head, upto)
        if pruned:
            async with self._database.work() as work:
                details = {"entries": pruned, "before": before.isoformat()}
                self.audit(work, _SYSTEM, "audit.prune", object_kind="audit", object_id="", details=details)
        return pruned

    async def begin_audit_anew(self, work: Work, principal: Principal, reason: str) -> Head:
        """Let the trail be checked only from here on: for after a restored backup, or once a break is explained.

        What was before stays as it is, and the entry of this says who did it and why. Raises InvalidInput.
        """
        if not reason.strip():
            raise InvalidInput("Say why: it stays in the trail.", field="reason")
        was = await self.audit_head()
        if was is None:
            raise InvalidInput("There is no chain yet.")
        remembered = self._remembered()
        top = max(was.head_number, await trail_store.last_number(self._database))
        number = max(top, remembered.head_number if remembered else 0)
        for row in await trail_store.unsealed(self._database, 0, _MOST_TAKEN_ALONG):
            number += 1
            trail_store.add_seal(work, number, row["id"], FIRST_SEAL)
        now = Head(
            first_number=number, first_seal=FIRST_SEAL, head_number=number, head_seal=FIRST_SEAL,
            sealed_at=self._clock.now(),
        )  # fmt: skip
        trail_store.move(work, was, chain.signed(self._trail_key(), now))
        details = {"reason": reason[:1000], "number": number, "sealed_at": was.sealed_at.isoformat()}
        self.audit(work, principal, "audit.begin-anew", object_kind="audit", object_id=str(number), details=details)
        return now

    async def _begin_looking(self) -> int:
        """Return the id beyond which entries may be in no chain yet: at first any, then those of late."""
        if not self._has_looked_far_back:
            return 0
        return max(await trail_store.last_sealed(self._database) - _LATE_IDS, 0)

    async def _seal_some(self, beyond: int) -> list[Row]:
        key = self._trail_key()
        head = await self.audit_head() or await self._begin_chain(key)
        if head is None or not chain.is_ours(key, head):
            if head is not None:
                log.error("audit.not_sealed", why="The head of the chain was not signed with this key.")
            return []
        rows = await trail_store.unsealed(self._database, beyond, SEALED_AT_ONCE)
        if not rows:
            return []
        number, seal = head.head_number, head.head_seal
        work = self._database.work()
        for row in rows:
            number, seal = number + 1, chain.seal(key, seal, number + 1, row["id"], row["mark"])
            trail_store.add_seal(work, number, row["id"], seal)
        moved = chain.signed(
            key, msgspec.structs.replace(head, head_number=number, head_seal=seal, sealed_at=self._clock.now())
        )
        trail_store.move(work, head, moved)
        try:
            await work.commit()
        except Conflict:  # another process was faster: what is left, it or the next round does
            return []
        await self._remember(moved)
        return rows

    async def _begin_chain(self, key: bytes) -> Head | None:
        now = self._clock.now()
        first = Head(first_number=0, first_seal=FIRST_SEAL, head_number=0, head_seal=FIRST_SEAL, sealed_at=now)
        work = self._database.work()
        trail_store.begin(work, chain.signed(key, first))
        try:
            await work.commit()
        except Conflict:
            return None
        return chain.signed(key, first)

    async def _old_until(self, head: Head, before: datetime) -> int:
        """Return the number of the last entry that goes in the next step; the newest of all stays."""
        upto = head.first_number
        for number, at in await trail_store.ages(self._database, upto, PRUNED_AT_ONCE):
            if number >= head.head_number or (at is not None and at >= before):
                break
            upto = number
        return upto

    async def _prune_upto(self, head: Head, upto: int) -> Head | None:
        seal = await trail_store.seal_at(self._database, upto)
        if seal is None:  # it was taken away: the check says so, and we do not hide it
            return None
        moved = chain.signed(self._trail_key(), msgspec.structs.replace(head, first_number=upto, first_seal=seal))
        work = self._database.work()
        trail_store.move(work, head, moved)
        trail_store.prune(work, upto)
        try:
            await work.commit()
        except Conflict:  # it was sealed in this moment: go on from there
            return await self.audit_head()
        return moved

    async def _verify(self, pause: float) -> Verification:
        head = await self.audit_head()
        found = await self._walk(head, pause)
        for _ in range(_MORE_TRIES):
            before, head = head, await self.audit_head()
            if (before.first_number if before else 0) == (head.first_number if head else 0):
                break  # else it was pruned meanwhile, and what was missing may have been missing rightly
            found = await self._walk(head, pause)
        self.verification = found
        if not found.is_whole:
            log.error("audit.broken", flaws=[flaw.what for flaw in found.flaws], head=found.head_number)
        return found

    async def _walk(self, head: Head | None, pause: float) -> Verification:
        """Check the chain from its start to this head, then what is beyond it."""
        loop = asyncio.get_running_loop()
        key = self._trail_key()
        flaws: list[Flaw] = []
        entries = 0
        walk = chain.Walk(key, head.first_number if head else 0, head.first_seal if head else FIRST_SEAL)
        end = head.head_number if head else 0
        while walk.number < end and (
            rows := await trail_store.sealed(self._database, walk.number, min(CHECKED_AT_ONCE, end - walk.number))
        ):
            began_s = loop.time()
            for row in rows:
                if row["number"] <= end:
                    flaws += islice(walk.step(row), max(MOST_FLAWS - len(flaws), 0))
                    entries += 1
            await asyncio.sleep(pause * (loop.time() - began_s))
        if head is not None:
            flaws += chain.check_end(key, walk, head)
        flaws += await self._check_witness(head)
        beyond, unsealed = await self._check_beyond()
        flaws += beyond
        return Verification(
            is_whole=not flaws,
            checked_at=self._clock.now(),
            entries=entries + unsealed,
            first_number=head.first_number if head else 0,
            head_number=walk.number,
            head_seal=walk.seal,
            sealed_at=head.sealed_at if head else None,
            unsealed=unsealed,
            flaws=chain.told(flaws, key, head),
        )

    async def _check_beyond(self) -> tuple[list[Flaw], int]:
        """Return what is wrong with entries that are in no chain, seals beyond the head, and entries that are twice."""
        key = self._trail_key()
        flaws = []
        top = await trail_store.last_number(self._database)
        head = await self.audit_head()  # after the seals were counted: it never moves back
        if top > (head.head_number if head else 0):
            what = f"The chain has seals up to number {top}, beyond its signed head."
            flaws.append(Flaw(kind=FlawKind.FORGED, number=(head.head_number if head else 0) + 1, what=what))
        unsealed, last = 0, 0
        while rows := await trail_store.unsealed_whole(self._database, last, CHECKED_AT_ONCE):
            flaws += [_forged(row["id"]) for row in rows if not chain.is_as_written(key, row)][:MOST_FLAWS]
            unsealed, last = unsealed + len(rows), rows[-1]["id"]
        flaws += [_forged(entry_id) for entry_id in await trail_store.entries_twice(self._database, MOST_FLAWS)]
        return flaws, unsealed

    async def _check_witness(self, head: Head | None) -> list[Flaw]:
        witness = self._remembered()
        if witness is None or not witness.head_number:
            return []
        if head is None:
            return [Flaw(kind=FlawKind.CUT, number=1, what="The trail is gone; the file beside the key knows of one.")]
        then = await trail_store.seal_at(self._database, witness.head_number)
        return list(chain.check_witness(witness, head, then))

    async def _check_anchor(self, number: int, seal: str) -> list[Flaw]:
        head = await self.audit_head()
        if head is not None and number < head.first_number:
            return []  # it was pruned, and only what is left can be compared
        stored = head.first_seal if head and number == head.first_number else None
        stored = stored or await trail_store.seal_at(self._database, number)
        if stored == seal.lower():
            return []
        what = f"Number {number} had another seal when it was written down." if stored else f"Number {number} is gone."
        return [Flaw(kind=FlawKind.ORDER if stored else FlawKind.CUT, number=number, what=what)]

    async def _remember(self, head: Head) -> None:
        """Write the head to the file beside the key, unless what that remembers is not in the chain any more."""
        if self._witness is None:
            return
        was = self._remembered()
        is_within = was is not None and was.head_number > head.first_number
        if (
            was is not None
            and is_within
            and await trail_store.seal_at(self._database, was.head_number) != was.head_seal
        ):
            return
        self._witness.write(msgspec.json.encode(head))

    def _remembered(self) -> Head | None:
        text = self._witness.read() if self._witness is not None else None
        if text is None:
            return None
        try:
            head = msgspec.json.decode(text, type=Head)
        except msgspec.MsgspecError:
            return None
        return head if chain.is_ours(self._trail_key(), head) else None


def _forged(entry_id: int) -> Flaw:
    return Flaw(kind=FlawKind.FORGED, entry_id=entry_id, what=f"Entry {entry_id} was not written by us.")
