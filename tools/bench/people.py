"""People at the console and programs at the API, a process of its own: heavy pages, one after the other."""

import http.client
import sys
import threading
import time

import msgspec

PATHS = (
    "/console/",
    "/console/overview/power.json",
    "/console/overview/sites.json",
    "/console/sessions",
    "/console/sessions.csv",
    "/console/stations",
    "/console/attempts",
    "/api/v1/transactions?limit=500",
    "/api/v1/frames?limit=500",
    "/api/v1/stations?limit=500",
)


CHUNK = 65_536


class Visit(msgspec.Struct, kw_only=True, frozen=True):
    """What to ask for, and for how long."""

    host: str
    port: int
    cookie: str
    people: int
    seconds: float


class Asked(msgspec.Struct, kw_only=True, frozen=True):
    """What came of it; times in milliseconds."""

    requests: int
    per_s: float
    p50_ms: float
    longest_ms: float
    failures: int
    kbytes: float


class Person(threading.Thread):
    """Asks for one page after the other, as soon as the one before has come."""

    def __init__(self, number: int, visit: Visit, until: float) -> None:
        super().__init__(daemon=True)
        self._number, self._visit, self._until = number, visit, until
        self.times: list[float] = []
        self.failures = self.size = 0

    def run(self) -> None:
        connection = http.client.HTTPConnection(self._visit.host, self._visit.port, timeout=self._visit.seconds)
        number = self._number
        while (began := time.perf_counter()) < self._until:
            try:
                connection.request("GET", PATHS[number % len(PATHS)], headers={"Cookie": self._visit.cookie})
                answer = connection.getresponse()
                is_whole = self._read(answer)
                self.failures += answer.status != http.client.OK
            except (OSError, http.client.HTTPException):
                self.failures += time.perf_counter() < self._until
                is_whole = False
            if not is_whole:
                connection.close()
            self.times.append(time.perf_counter() - began)
            number += 1
        connection.close()

    def _read(self, answer: http.client.HTTPResponse) -> bool:
        """Read the answer and return whether it came whole: an export of a year is left when the time is over."""
        while time.perf_counter() < self._until:
            portion = answer.read1(CHUNK)
            if not portion:
                answer.close()  # the connection can be used again
                return True
            self.size += len(portion)
        return False


def main(visit: Visit) -> Asked:
    until = time.perf_counter() + visit.seconds
    people = [Person(number, visit, until) for number in range(visit.people)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    times = sorted(seconds for person in people for seconds in person.times) or [0.0]
    return Asked(
        requests=len(times),
        per_s=round(len(times) / visit.seconds, 1),
        p50_ms=round(times[len(times) // 2] * 1000, 1),
        longest_ms=round(times[-1] * 1000, 1),
        failures=sum(person.failures for person in people),
        kbytes=round(sum(person.size for person in people) / 1024),
    )


if __name__ == "__main__":
    print(msgspec.json.encode(main(msgspec.json.decode(sys.argv[1], type=Visit))).decode())
