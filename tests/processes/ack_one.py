"""A mutant of the `sixfold` command: a writer that takes one acknowledgement of six for durable.

Exists so that the process tests can prove their checker; production code has no switch for it.
"""

from __future__ import annotations

import sys

from cluster import launcher
from cluster.cli import main

launcher.PROGRAM = (sys.executable, __file__)


def mutate() -> None:
    """Replaces the rule before anything imports it; the quorums of recovery stay as they are."""
    from volume import quorum

    quorum.pg_complete = max


if __name__ == "__main__":
    if "instance" in sys.argv[1:2]:
        mutate()
    main()
