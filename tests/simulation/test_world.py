"""Disk and network of the simulation keep to the rules that the seeds rest on."""

from collections.abc import Coroutine
from typing import Any

import msgspec
import pytest

from ingufu.core.errors import Conflict, Unavailable
from ingufu.gateway.websocket import ClosedBy, Closure
from simulation.conversation import Answered, Conversation
from simulation.disk import Disk
from simulation.loop import Owner
from simulation.network import SILENCE_S, Line, ServerEnd
from simulation.plan import Outage, draw
from simulation.server import Process
from simulation.world import World

ADD = "INSERT INTO sequences (name, next) VALUES (?, ?)"


def calm_world(**changes: Any) -> World:
    plan = msgspec.structs.replace(draw(1), disorder=0.0, read_s=0.0, commit_s=1.0, pings=True, **changes)
    return World(plan)


def write(process: Process, name: str) -> Coroutine[Any, Any, None]:
    async def write() -> None:
        from ingufu.charging import store

        async with process.database.work() as work:
            work.execute(store._INSERT_SEQUENCE, {"name": name, "next": 1})

    return write()


def names(disk: Disk) -> list[str]:
    return [row["name"] for row in disk.rows("SELECT name FROM sequences ORDER BY name")]


@pytest.mark.parametrize(("dies_after_s", "is_kept"), [(0.0001, False), (0.999, True)])
def test_crash_keeps_what_is_durable_and_nothing_else(dies_after_s, is_kept):
    world = calm_world()
    disk = Disk(world)
    process = Process(world, disk, "server")

    async def main() -> bool:
        task = world.loop.spawn(process.owner, write(process, "a"))
        await world.loop.pause(dies_after_s)
        world.loop.kill(process.owner)
        await world.loop.pause(10)
        return task.done()

    assert world.loop.run(main()) is False  # nobody was told, whatever became of it
    assert names(disk) == (["a"] if is_kept else [])


def test_one_bad_unit_takes_no_other_with_it():
    world = calm_world()
    disk = Disk(world)
    process = Process(world, disk, "server")

    async def main() -> list[BaseException | None]:
        tasks = [world.loop.spawn(process.owner, write(process, name)) for name in ("a", "b", "b", "c")]
        await world.loop.pause(10)
        return [task.exception() for task in tasks]

    first, second, third, fourth = world.loop.run(main())
    assert (first, second, fourth) == (None, None, None)
    assert isinstance(third, Conflict)
    assert names(disk) == ["a", "b", "c"]


@pytest.mark.parametrize(("kind", "kept"), [("down", []), ("mute", ["a"])])
def test_outage_is_told_whether_or_not_the_commit_happened(kind, kept):
    world = calm_world()
    disk = Disk(world)
    disk.kind = kind
    process = Process(world, disk, "server")

    async def main() -> BaseException | None:
        task = world.loop.spawn(process.owner, write(process, "a"))
        await world.loop.pause(10)
        return task.exception()

    assert isinstance(world.loop.run(main()), Unavailable)
    assert names(disk) == kept


def test_disk_is_empty_for_each_simulation():
    first = Disk(calm_world())
    first.connection.execute(ADD, ("a", 1))
    assert names(Disk(calm_world())) == []


class Ends:
    """Both ends of a line, as they hear of it."""

    def __init__(self, world: World, owner: Owner) -> None:
        self.world = world
        self.owner = owner
        self.heard: list[object] = []
        self.at_server: list[object] = []

    # Of the station

    def opened(self, line: Line) -> None:
        line.is_open = True

    def received(self, *arguments: Any) -> None:
        if len(arguments) == 2:
            self.heard.append(arguments[1])
        else:
            self.at_server.append(arguments[0])

    def closed(self, *arguments: Any) -> None:
        if len(arguments) == 2:
            self.heard.append(arguments[1])
        else:
            closure: Closure = arguments[0]
            self.at_server.append((closure.by, round(self.world.loop.time())))

    # Of the server

    def write_paused(self) -> None:
        self.at_server.append("paused")

    def write_resumed(self) -> None:
        self.at_server.append("resumed")


def frame(number: int) -> bytes:
    return msgspec.json.encode([2, str(number), "Heartbeat", {}])


def answer(number: int) -> bytes:
    return msgspec.json.encode([3, str(number), {"currentTime": "2026-03-01T12:00:00Z"}])


def connected(world: World) -> tuple[Line, ServerEnd, Ends]:
    ends = Ends(world, world.loop.world)
    line = Line(world, "line", ends, 0.1)
    line.server = ServerEnd(line, ends, world.loop.world, judge(world))
    line.is_open = True
    return line, line.server, ends


def after(world: World, seconds: float) -> None:
    async def main() -> None:
        await world.loop.pause(seconds)

    world.loop.run(main())


def test_texts_arrive_in_order_and_once():
    world = calm_world()
    line, server, ends = connected(world)
    for number in range(20):
        line.send(frame(number))
        assert server.send(answer(number))
    after(world, 5)
    assert ends.at_server == [frame(number) for number in range(20)]
    assert ends.heard == [answer(number) for number in range(20)]


def test_cut_loses_what_is_under_way_both_ways():
    world = calm_world()
    line, server, ends = connected(world)
    line.send(frame(1))
    server.send(answer(1))
    line.cut(station_notices_s=1.0, server_notices_s=2.0)
    assert server.send(answer(2))  # nobody has told it yet
    after(world, 5)
    assert (ends.heard, ends.at_server) == ([1006], [(ClosedBy.NETWORK, 2)])


def test_half_open_line_is_noticed_by_silence():
    world = calm_world()
    line, _, ends = connected(world)
    line.cut(station_notices_s=1.0)
    after(world, SILENCE_S + 1)
    assert ends.at_server == [(ClosedBy.SILENCE, SILENCE_S)]


def test_paused_server_receives_after_its_pause():
    world = calm_world()
    line, server, ends = connected(world)
    server.pause_reading()
    line.send(frame(1))
    line.send(frame(2))
    world.loop.call_later(3, server.resume_reading)
    world.loop.call_later(2, ends.at_server.append, "then")
    after(world, 5)
    assert ends.at_server == ["then", frame(1), frame(2)]


def test_close_is_told_to_both():
    world = calm_world()
    _, server, ends = connected(world)
    server.send(answer(1))
    server.close(4001, "replaced")
    assert not server.send(answer(2))
    after(world, 5)
    assert (ends.heard, [by for by, _ in ends.at_server]) == ([answer(1), 4001], [ClosedBy.OWNER])


def test_frame_that_is_sent_twice_arrives_twice():
    world = calm_world()
    _, _, ends = connected(world)
    line = Line(world, "other line", ends, 0.1, twice_chance=1.0)
    line.server = ServerEnd(line, ends, world.loop.world, judge(world))
    line.is_open = True
    line.send(frame(1))
    after(world, 100)
    assert ends.at_server == [frame(1), frame(1)]


def test_disk_that_is_full_undoes_what_needs_room_and_has_it_again_later():
    outage = Outage(at_s=0.0, lasts_s=1.0, kind="full")
    world = calm_world(outages=(outage,))
    disk = Disk(world)
    process = Process(world, disk, "server")

    async def main() -> list[str]:
        disk.kind = "full"
        failed: list[str] = []
        for number in range(100):
            try:
                await write(process, f"name of some length to fill a page {number}")
            except Unavailable as error:
                failed.append(error.message)
        disk.kind = "well"
        await write(process, "a")
        return failed

    failed = world.loop.run(main())
    assert len(failed) > 50
    assert "database or disk is full" in failed[0]
    assert len(names(disk)) == 101 - len(failed)
    disk.close()


# The judge of what is said on a line


def judge(world: World) -> Conversation:
    return Conversation(world, "line", Answered(is_forgetful=False), 1)


def judged(heard: list[bytes], said: list[bytes]) -> list[str]:
    world = calm_world()
    conversation = judge(world)
    for text in heard:
        conversation.heard(text)
    for text in said:
        conversation.said(text)
    return world.wrongs


def test_each_call_may_have_its_answer():
    assert judged([frame(1), frame(2)], [answer(1), answer(2)]) == []
    assert judged([frame(1), frame(1)], [answer(1), answer(1)]) == []
    assert judged([frame(1)], [b'[4,"1","InternalError","",{}]']) == []


@pytest.mark.parametrize(
    ("heard", "said", "words"),
    [
        ([frame(1)], [answer(2)], "which was not asked"),
        ([frame(1)], [answer(1), answer(1)], "2 times, and asked 1 times"),
        ([frame(1)], [b'[3,"1",{}]'], "was answered [] to Heartbeat"),
        ([frame(1)], [b'[3,"1",{"currentTime":"","status":""}]'], "['currentTime', 'status'] to Heartbeat"),
        ([], [b'[2,"a","Reset",{}]', b'[2,"a","Reset",{}]'], "asked twice with the id a"),
    ],
)
def test_any_other_answer_is_wrong(heard, said, words):
    assert any(words in wrong for wrong in judged(heard, said))


def test_call_is_fresh_until_it_is_answered():
    answered = Answered(is_forgetful=False)
    text = b'[2,"1","MeterValues",{"evseId":0}]'
    assert not answered.came("1", text, 0.0, 1)
    assert not answered.came("1", text, 1.0, 1)
    answered.answered("1", "MeterValues", text, 2.0)
    assert answered.came("1", text, 3.0, 1)
    assert not answered.came("1", text, 2000.0, 1)  # it may have been forgotten by then
    answered.answered("1", "MeterValues", text, 2001.0)
    assert not answered.came("1", text, 2002.0, 2)  # the server was started anew
    assert answered.fresh == {b'{"evseId":0}]': 4}
