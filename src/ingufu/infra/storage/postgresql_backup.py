"""Backup and restore of a PostgreSQL database, by PostgreSQL's own programs."""

import asyncio
import os
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import asyncpg

from ingufu.core.errors import Conflict, InvalidInput, Unavailable
from ingufu.infra.storage import files
from ingufu.infra.storage.migrate import refuse_newer

PROGRAM_FOLDERS = "usr/lib/postgresql/*/bin"  # where Debian keeps what is not on the path

_SCHEMA_LINE = re.compile(r"^\d+; \d+ \d+ (SCHEMA -|COMMENT - SCHEMA|ACL - SCHEMA) ")
_FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


async def backup(dsn: str, target: Path) -> None:
    """Dump our tables as they are at one moment, while others write to them; see `backup.backup`."""
    schema = await _schema(dsn)
    with files.appearing(target) as part:
        await _run(dsn, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--schema={_quoted(schema)}",
                   f"--file={part}")  # fmt: skip
        await _check(part)


async def restore(dsn: str, source: Path, *, replaces: bool) -> str | None:
    """Put the dump in the place of our tables; see `backup.restore`.

    What was there is kept as a schema of its own in the same database, and comes back if the dump cannot be read.
    """
    await _check(source)
    try:
        connection = await asyncpg.connect(dsn)
    except _FAILURES as error:
        raise Unavailable(f"PostgreSQL cannot be reached: {error}") from error
    try:
        kept = await _set_aside(connection, replaces=replaces)
        try:
            await _load(dsn, source)
        except BaseException:
            await _put_back(connection, kept)
            raise
        else:
            return kept
    except _FAILURES as error:
        raise Unavailable(f"The backup {source} could not be restored: {error}") from error
    finally:
        await connection.close()


async def _set_aside(connection: asyncpg.Connection, *, replaces: bool) -> str | None:
    """Rename the schema with our tables and make an empty one; return its new name, or None if there was none."""
    schema = await connection.fetchval("SELECT current_schema()")
    if not await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = $1", schema):
        return None
    if not replaces:
        raise Conflict("There are tables in the database already. Say that they are to be replaced, if they are.")
    users = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ingufu'"
    if await connection.fetchval(users):
        raise Conflict("The database is in use. Stop all of Ingufu's processes first.")
    taken = {row[0] for row in await connection.fetch("SELECT nspname FROM pg_namespace")}
    kept = next(name for number in range(1, len(taken) + 2) if (name := f"{schema}_replaced_{number}") not in taken)
    async with connection.transaction():
        await connection.execute(f"ALTER SCHEMA {_quoted(schema)} RENAME TO {_quoted(kept)}")
        await connection.execute(f"CREATE SCHEMA {_quoted(schema)}")
    return kept


async def _put_back(connection: asyncpg.Connection, kept: str | None) -> None:
    if kept is None:
        return
    schema = kept.rpartition("_replaced_")[0]
    async with connection.transaction():
        await connection.execute(f"DROP SCHEMA {_quoted(schema)} CASCADE")
        await connection.execute(f"ALTER SCHEMA {_quoted(kept)} RENAME TO {_quoted(schema)}")


async def _load(dsn: str, source: Path) -> None:
    """Read the dump into the empty schema, in one transaction."""
    contents = await _run(None, "pg_restore", "--list", str(source))
    chosen = [line for line in contents.splitlines() if not _SCHEMA_LINE.match(line)]  # the schema is there
    with NamedTemporaryFile("w", encoding="utf-8", suffix=".list") as listed:
        listed.write("\n".join(chosen) + "\n")
        listed.flush()
        await _run(dsn, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges",
                   f"--use-list={listed.name}", str(source))  # fmt: skip


async def _check(dump: Path) -> None:
    """Return if the file is a whole dump of ours, not newer than this program."""
    try:
        await _run(None, "pg_restore", f"--file={os.devnull}", str(dump))  # reads all of it
        text = await _run(None, "pg_restore", "--data-only", "--table=alembic_version", "--file=-", str(dump))
    except Unavailable as error:
        raise InvalidInput(f"{dump.name} is not a sound backup of Ingufu: {error}") from error
    found = re.search(r"^COPY [^\n]*alembic_version[^\n]*;\n([^\n\\]+)\n", text, re.MULTILINE)
    if found is None:
        raise InvalidInput(f"{dump.name} is not a backup of Ingufu: it does not say its version.")
    refuse_newer(found[1])


async def _schema(dsn: str) -> str:
    try:
        connection = await asyncpg.connect(dsn)
        try:
            return str(await connection.fetchval("SELECT current_schema()"))
        finally:
            await connection.close()
    except _FAILURES as error:
        raise Unavailable(f"PostgreSQL cannot be reached: {error}") from error


async def _run(dsn: str | None, program: str, *arguments: str) -> str:
    """Return what a program of PostgreSQL prints. The password goes by its environment, where no one else sees it."""
    environment = dict(os.environ)
    command: Sequence[str] = [_find(program), *arguments]
    if dsn is not None:
        shown, password = split_password(dsn)
        command = [*command, f"--dbname={shown}", "--no-password"]
        if password:
            environment["PGPASSWORD"] = password
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=environment)
    try:
        out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise Unavailable(f"{program}: {err.decode(errors='replace').strip()}")
    return out.decode(errors="replace")


def _find(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        places = Path("/").glob(f"{PROGRAM_FOLDERS}/{program}")
        found = max(map(str, places), default=None)
    if found is None:
        raise Unavailable(
            f"{program} was not found. Install PostgreSQL's client programs of the server's version or newer "
            "(Debian and Ubuntu: apt install postgresql-client)."
        )
    return found


def split_password(dsn: str) -> tuple[str, str]:
    """Return the URL without its password, and the password."""
    parts = urlsplit(dsn)
    login, at, place = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    queries = parse_qsl(parts.query, keep_blank_values=True)
    asked = dict(queries).get("password", unquote(password))
    query = urlencode([(name, value) for name, value in queries if name != "password"], quote_via=quote)
    return f"{parts.scheme}://{user}{at}{place}{parts.path}{'?' if query else ''}{query}", asked


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
