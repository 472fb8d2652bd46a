"""--detach: the caller gets the lines and the outcome, the background process goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from cluster.detach import run_detached

def body(on_ready):
    print("starting", flush=True)
    if sys.argv[2] == "fail":
        print("no room", file=sys.stderr, flush=True)
        return 4
    on_ready()
    print("later", flush=True)
    return 0

sys.exit(run_detached(body, Path(sys.argv[1])))
"""


def run(log: Path, how: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(log), how], capture_output=True, text=True, timeout=30
    )


def test_ready_returns_and_later_lines_go_to_the_log(tmp_path: Path):
    log = tmp_path / "launcher.log"
    done = run(log, "work")
    assert (done.returncode, done.stdout) == (0, "starting\n")
    while not log.exists() or "later" not in log.read_text():
        continue


def test_a_failed_start_passes_its_lines_and_code_on(tmp_path: Path):
    done = run(tmp_path / "launcher.log", "fail")
    assert done.returncode == 4
    assert done.stdout == "starting\nno room\n"
