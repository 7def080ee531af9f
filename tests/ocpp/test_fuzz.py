"""A short run of the fuzzer with every run of the tests; `make fuzz` is the long and guided one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOUND = {  # by fuzzing, and mended since
    "an exponent beyond all decimals in a message to complete": (
        b'\x00\x00[2,"7","StartTransaction",{"connectorId":1,"meterStart":1e99999999999999999999}]'
    ),
    "half a surrogate pair in a message to complete": (
        b'\x00\x00[2,"7","StartTransaction",{"idTag":"\\ud800","connectorId":1}]'
    ),
    "an integer beyond 64 bits in a message to complete": (
        b'\x00\x00[2,"7","StopTransaction",{"transactionId":1,"meterStop":' + b"9" * 60 + b"}]"
    ),
}


def fuzz(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / "fuzz"), *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_ten_thousand_odd_inputs_break_nothing(tmp_path: Path):
    done = fuzz(tmp_path, "--plain", "--inputs", "10000", "--seed", "3")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "10000 inputs" in done.stdout


@pytest.mark.parametrize("data", FOUND.values(), ids=FOUND)
def test_what_was_found_once_breaks_nothing_any_more(tmp_path: Path, data: bytes):
    (tmp_path / "input").write_bytes(data)
    done = fuzz(tmp_path, "--replay", "input")
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_broken_promise_is_found_and_kept(tmp_path: Path):
    broken = tmp_path / "broken.py"
    broken.write_text(
        "import runpy, sys, ingufu.ocpp.wire as wire\n"
        "encode = wire.encode\n"
        "wire.encode = lambda payload: encode(payload).replace(b'Accepted', b'Acepted')\n"
        f"sys.argv = ['fuzz', '--plain', '--inputs', '3000']\nsys.path.insert(0, {str(ROOT / 'tools' / 'fuzz')!r})\n"
        f"runpy.run_path({str(ROOT / 'tools' / 'fuzz' / '__main__.py')!r}, run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, str(broken)], cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode != 0
    assert "is kept in .fuzz/failed-1-" in done.stdout
    assert len(list((tmp_path / ".fuzz").iterdir())) == 1
