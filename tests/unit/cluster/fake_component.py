"""Stands in for a component in tests of the supervisor: `fake_component.py KIND --config FILE`.

The config's `config` object says how to behave: `fail` (refuse to start), `deaf` (ignore SIGTERM).
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path


def main() -> None:
    behaviour = json.loads(Path(sys.argv[3]).read_text())["config"]
    if behaviour.get("fail"):
        sys.exit("sixfold: the disk is full; free some space")
    if behaviour.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ready", flush=True)
    sys.stdin.buffer.read()


main()
