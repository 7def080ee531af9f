"""Questions to responders: asked once for all who wait, remembered as long as the answer holds, bounded."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from cryptography import x509

from ingufu.certificates import ocsp
from ingufu.certificates.model import CertificateId, CertificateRules, RevocationAnswer
from ingufu.core.clock import Clock
from ingufu.infra import http
from ingufu.infra.http import FetchRules

Key = tuple[str, str, str, str]

log = structlog.get_logger(__name__)


class Responders:
    """Asks responders. What it remembers is lost with the process, and asked anew."""

    def __init__(self, clock: Clock, rules: CertificateRules) -> None:
        self._clock = clock
        self._rules = rules
        self._fetching = FetchRules(
            timeout_s=rules.timeout_s, max_bytes=rules.max_bytes, allows_private=rules.allows_private
        )
        self._room = asyncio.Semaphore(rules.at_once)
        self._kept: OrderedDict[tuple[Key, bool], tuple[datetime, RevocationAnswer]] = OrderedDict()
        self._asking: dict[tuple[Key, bool, str], asyncio.Task[RevocationAnswer]] = {}

    async def ask(
        self, id_: CertificateId, known: Sequence[x509.Certificate], *, must_be_signed: bool = True
    ) -> RevocationAnswer:
        """Return what the responder of a certificate says of it, verified. Raises BadAnswer, PartnerFailed."""
        try:
            question = ocsp.request(id_)
        except (ValueError, KeyError) as error:
            raise ocsp.BadAnswer(
                ocsp.Fault.GARBAGE, "The station names no certificate that could be asked for."
            ) from error
        kept = self._kept.get((id_.key, must_be_signed))
        if kept is not None and kept[0] > self._clock.now():
            return kept[1]
        place = (id_.key, must_be_signed, id_.responder_url)
        task = self._asking.get(place)
        if task is None:
            asking = self._ask(id_, question, known, must_be_signed=must_be_signed)
            task = self._asking[place] = asyncio.create_task(asking)
            task.add_done_callback(lambda done: self._asked(place, done))
        return await asyncio.shield(task)  # others may wait for the same

    async def look_up(self, id_: CertificateId, url: str, known: Sequence[x509.Certificate]) -> RevocationAnswer:
        """Return what a revocation list says of a certificate. Raises BadAnswer, PartnerFailed."""
        async with self._room:
            raw = await http.fetch(url, self._fetching)
        return ocsp.read_list(raw, id_, self._clock.now(), known, skew_s=self._rules.clock_skew_s)

    async def _ask(
        self, id_: CertificateId, question: bytes, known: Sequence[x509.Certificate], *, must_be_signed: bool
    ) -> RevocationAnswer:
        async with self._room:
            der = await http.fetch(
                id_.responder_url,
                self._fetching,
                body=question,
                content_type=ocsp.REQUEST_TYPE,
                accept=ocsp.RESPONSE_TYPE,
            )
        now, skew_s = self._clock.now(), self._rules.clock_skew_s
        answer = ocsp.read(der, id_, now, known, skew_s=skew_s, must_be_signed=must_be_signed)
        until = answer.next_update or now + timedelta(seconds=self._rules.cache_s)
        self._kept[(id_.key, must_be_signed)] = (until, answer)
        self._kept.move_to_end((id_.key, must_be_signed))
        if len(self._kept) > self._rules.cache_entries:
            self._kept.popitem(last=False)
        return answer

    def _asked(self, place: tuple[Key, bool, str], done: "asyncio.Task[RevocationAnswer]") -> None:
        self._asking.pop(place, None)
        if not done.cancelled() and done.exception() is not None:  # looked at, so that nobody complains of it
            log.info("certificates.not_answered", responder=place[2][:200], error=str(done.exception()))
