"""Numbers have no gaps, whoever asks at once and whatever breaks; what has one does not change any more."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy import func, select

from billing.invoices.trade import Trade, record, terms
from ingufu.billing.invoices import numbering
from ingufu.billing.invoices.model import Document, DocumentKind, DocumentState
from ingufu.billing.invoices.parties import DEFAULT_NUMBERS
from ingufu.billing.invoices.tables import documents
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl

TARIFF = terms("RWF", "500")


async def drafts(trade: Trade, count: int, kind: DocumentKind = DocumentKind.RECEIPT) -> list[Document]:
    seller = await trade.seller()
    made = [record(f"r{number:03}", TARIFF, kwh=f"{number + 1}") for number in range(count)]
    await trade.issue(*made)
    return [await trade.invoicing.draft(legal_entity_id=seller.id, record_ids=[one.id], kind=kind) for one in made]


async def test_fifty_at_once_in_five_processes_get_contiguous_numbers(trade: Trade, storage_url: StorageUrl) -> None:
    made = await drafts(trade, 50)
    doors = [await open_database(storage_url) for _ in range(5)]  # five writers that know nothing of each other
    processes = [Trade(door, trade.clock, IdMaker(trade.clock)) for door in doors]
    try:
        done = await asyncio.gather(
            *(processes[place % 5].documents.finalise(draft.id) for place, draft in enumerate(made))
        )
    finally:
        for door in doors:
            await door.close()
    assert sorted(one.sequence for one in done) == list(range(1, 51))
    assert sorted(one.number for one in done) == [f"KGL-R-2026-{number:06d}" for number in range(1, 51)]


async def test_finalising_twice_at_once_gives_one_number(trade: Trade) -> None:
    [draft] = await drafts(trade, 1)
    one, other = await asyncio.gather(
        trade.documents.finalise(draft.id), trade.again().documents.finalise(draft.id), return_exceptions=True
    )
    numbers = {done.number for done in (one, other) if isinstance(done, Document)}
    assert numbers == {"KGL-R-2026-000001"}
    assert (await trade.documents.finalise(draft.id)).number == "KGL-R-2026-000001"
    assert all(isinstance(done, (Document, Conflict)) for done in (one, other))


async def test_what_breaks_before_the_commit_leaves_no_gap(trade: Trade) -> None:
    first, second, third = await drafts(trade, 3)
    await trade.documents.finalise(first.id)

    class Breaks(Exception): ...

    class Broken:
        async def submit(self, work: object, document: object) -> None:
            raise Breaks  # as if the process had died with the number taken

        async def stamps(self, ids: object) -> dict[str, object]:
            return {}

    broken = Trade(trade.database, trade.clock, trade.ids, Broken())
    with pytest.raises(Breaks):
        await broken.documents.finalise(second.id)
    assert (await trade.documents.get(second.id)).state is DocumentState.DRAFT
    assert (await trade.documents.finalise(third.id)).sequence == 2
    assert (await trade.documents.finalise(second.id)).sequence == 3


async def test_series_begin_anew_with_the_sellers_year(trade: Trade) -> None:
    first, second = await drafts(trade, 2)
    trade.clock.set(datetime(2026, 12, 31, 21, 59, tzinfo=UTC))  # a minute before the year ends in Kigali
    assert (await trade.documents.finalise(first.id)).number == "KGL-R-2026-000001"
    trade.clock.advance(60)
    assert (await trade.documents.finalise(second.id)).number == "KGL-R-2027-000001"


async def test_a_given_up_draft_never_had_a_number(trade: Trade) -> None:
    first, second = await drafts(trade, 2)
    assert (await trade.documents.void(first.id)).number == ""
    assert (await trade.documents.finalise(second.id)).sequence == 1
    with pytest.raises(Conflict):
        await trade.documents.finalise(first.id)
    with pytest.raises(Conflict):
        await trade.documents.void(second.id)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE documents SET payable = 1",
        "UPDATE documents SET state = 'draft'",
        "DELETE FROM documents",
        "UPDATE document_lines SET body = '{}'",
        "DELETE FROM document_lines",
        "INSERT INTO document_lines (document_id, position, body) SELECT id, 99, '{}' FROM documents",
        "UPDATE invoiced_records SET document_id = NULL",
        "DELETE FROM invoiced_records",
        "UPDATE document_numbers SET last = 0",
        "UPDATE document_numbers SET last = 5",
        "DELETE FROM document_numbers",
    ],
)
async def test_the_database_itself_refuses_to_change_what_is_finalised(
    trade: Trade, storage_url: StorageUrl, sql: str
) -> None:
    [draft] = await drafts(trade, 1)
    done = await trade.documents.finalise(draft.id)
    with pytest.raises((sqlite3.IntegrityError, asyncpg.CheckViolationError), match="finalised"):
        await run(storage_url, sql)
    assert await trade.documents.get(draft.id) == done


async def test_the_database_lets_drafts_be_given_up(trade: Trade, storage_url: StorageUrl) -> None:
    [draft] = await drafts(trade, 1)
    await run(storage_url, "UPDATE documents SET problem = 'looked at'")
    await trade.documents.void(draft.id)
    count = await trade.database.select(select(func.count().label("n")).select_from(documents))
    assert count[0]["n"] == 1


async def run(url: StorageUrl, sql: str) -> None:
    if url.path is not None:
        with closing(sqlite3.connect(url.path, timeout=20)) as connection, connection:
            connection.execute(sql)
        return
    connection = await asyncpg.connect(url.dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "template",
    [
        "{entity}-{yyyy}", "{entity}-{seq}", "{entity.__class__}-{yyyy}-{seq}", "{yyyy}{seq}", "{yyyy}-1{seq:06d}",
        "{seq}{yyyy}", "{seq}-{seq}-{yyyy}", "{0}-{yyyy}-{seq}", "{entity}-{yyyy}-{seq}<b>", "{entity:06d}-{yyyy}-{seq}",
        "{entity}-{yyyy}-{seq:06d}-and-a-tail-that-is-much-too-long",
    ],
)  # fmt: skip
def test_templates_that_could_go_wrong_are_refused(template: str) -> None:
    with pytest.raises(InvalidInput):
        numbering.check_templates(DEFAULT_NUMBERS | {"invoice": template}, "KGL")


def test_two_kinds_never_share_numbers() -> None:
    with pytest.raises(InvalidInput):
        numbering.check_templates(dict.fromkeys(numbering.KINDS, "{entity}-{yyyy}-{seq}"), "KGL")
    numbering.check_templates(DEFAULT_NUMBERS, "KGL")
    assert numbering.number("{yy}/{seq}", entity="X", year=2026, sequence=12) == "26/12"
