"""The `sixfold` command with instances that can be profiled: SIGUSR1 starts cProfile, SIGUSR2 stops
it and writes `profile.out` into the instance's run directory. Used by benchmarks.profile only.
"""

from __future__ import annotations

import cProfile
import json
import signal
import sys
from pathlib import Path
from types import FrameType

from cluster import launcher
from cluster.cli import main

PROGRAM = ("-m", "benchmarks.instrumented")
PROFILE_NAME = "profile.out"


def install(config_file: Path) -> None:
    output = Path(json.loads(config_file.read_text())["root"]) / PROFILE_NAME
    profiler = cProfile.Profile()

    def begin(_number: int, _frame: FrameType | None) -> None:
        profiler.clear()
        profiler.enable()

    def end(_number: int, _frame: FrameType | None) -> None:
        profiler.disable()
        profiler.create_stats()
        temporary = output.with_suffix(".tmp")
        profiler.dump_stats(temporary)
        temporary.replace(output)

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)


if __name__ == "__main__":
    launcher.PROGRAM = (sys.executable, *PROGRAM)
    if sys.argv[1] == "instance":
        install(Path(sys.argv[sys.argv.index("--config") + 1]))
    main()
