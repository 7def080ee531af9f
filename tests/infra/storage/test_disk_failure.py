"""After a failed flush nothing more is acknowledged: nobody knows what the disk holds."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ingufu.infra.storage.database import Database
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from storage_samples import ALL

HERE = Path(__file__).parent


@pytest.fixture
def failing_flush(tmp_path: Path) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("no C compiler to make the disk fail with")
    library = tmp_path / "failing_flush.so"
    source = HERE / "failing_flush.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    return library


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_failed_flush_ends_all_writing_until_restart(
    sampled: Database, storage_url: StorageUrl, failing_flush: Path, tmp_path: Path
) -> None:
    await sampled.close()
    environment = {"LD_PRELOAD": str(failing_flush), "FAIL_WHILE": str(tmp_path / "fail")}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(HERE / "failing_process.py"), str(storage_url)],
        check=True, capture_output=True, text=True, env={**os.environ, **environment, "PYTHONPATH": str(HERE.parents[1])},
    )  # fmt: skip
    said = done.stdout.splitlines()[-5:]
    assert said == ["first written", "second refused", "third refused", "failed: True", "reads: ['first']"]
    assert "storage.disk_failed" in done.stdout + done.stderr
    again = await open_database(storage_url)
    assert [row["id"] for row in await again.fetch_all(ALL)] == ["first"]
    await again.close()
