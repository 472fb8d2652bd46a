"""Each house rule catches what it is for, and lets its neighbour pass."""

from __future__ import annotations

import pytest

from tests.tidy import rules
from tests.tidy.rules import Source


def check(rule: object, path: str, text: str) -> list[str]:
    assert callable(rule)
    return list(rule(Source(path, text)))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("wire/a.py", "import volume"),
        ("runtime/a.py", "from wire.rpc import RpcClient"),
        ("volume/a.py", "def f():\n    from engine import vfs"),
        ("engine/sql/a.py", "from ...failover import monitor"),
        ("cluster/a.py", "import tests.fakes"),
    ],
)
def test_import_directions_catches(path: str, text: str) -> None:
    (complaint,) = check(rules.import_directions, path, text)
    assert complaint.startswith(f"{path}:")
    assert "must not import" in complaint


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("volume/a.py", "from wire.rpc import RpcClient\nfrom volume.model import Lsn"),
        ("cluster/a.py", "import runtime, endpoints.router"),
        ("tests/unit/wire/test_a.py", "import cluster"),
        ("engine/sql/a.py", "from . import types\nimport enginex"),
    ],
)
def test_import_directions_passes(path: str, text: str) -> None:
    assert check(rules.import_directions, path, text) == []


@pytest.mark.parametrize(
    "statement",
    ["import trio", "from os import path", "import time as t", "def f():\n    import socket"],
)
def test_pure_imports_catches(statement: str) -> None:
    (complaint,) = check(rules.pure_imports, "volume/a.py", f'"""Pure: text."""\n{statement}')
    assert "a pure file must not import" in complaint


def test_pure_imports_passes() -> None:
    assert check(rules.pure_imports, "volume/a.py", '"""A shell."""\nimport trio') == []
    assert check(rules.pure_imports, "volume/a.py", '"""Pure: text."""\nimport zlib') == []


def neighbours(text: str, **files: str) -> list[str]:
    """Complaints about volume/core.py holding `text`, beside other files of the package."""
    made = [Source(f"volume/{name}.py", content) for name, content in files.items()]
    others = {rules.module_name(source.path): source for source in made}
    others["runtime.net"] = Source("runtime/net.py", "import trio")
    core = Source("volume/core.py", f'"""Pure: text."""\n{text}')
    return list(rules.pure_neighbours(core, others))


def test_pure_neighbours_catches() -> None:
    (complaint,) = neighbours("from volume.node import run, stop", node="import trio")
    assert complaint.endswith("not import volume/node.py: volume/node.py imports trio")
    (complaint,) = neighbours(
        "from volume import a", a="from volume.b import x", b="from volume import a\nimport os"
    )
    assert complaint.endswith("not import volume/a.py: volume/b.py imports os")


def test_pure_neighbours_passes() -> None:
    assert neighbours("from volume import a", a="import zlib\nfrom volume import core") == []
    assert neighbours("from runtime.net import Address") == []


@pytest.mark.parametrize("module", ["socket", "threading", "random"])
def test_seam_imports_catches(module: str) -> None:
    (complaint,) = check(rules.seam_imports, "engine/a.py", f"import {module}")
    assert f"only runtime may import {module}" in complaint


def test_seam_imports_passes() -> None:
    assert check(rules.seam_imports, "runtime/a.py", "import socket") == []
    assert check(rules.seam_imports, "tests/a.py", "import socket") == []


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.time()",
        "import time\nx = time.monotonic",
        "from time import sleep\nsleep(1)",
        "import time as clock\nclock.sleep(1)",
        "import random\nrandom.shuffle([])",
        "from random import choice as pick\npick([1])",
        "import uuid\nuuid.uuid4()",
        "from uuid import uuid4\nuuid4()",
        "import os\nos.urandom(8)",
        "import trio\nasync def f():\n    await trio.to_thread.run_sync(print)",
        "from trio import to_thread\nto_thread.run_sync",
        "from datetime import datetime\ndatetime.now()",
        "import trio\ntrio.current_time()",
    ],
)
def test_banned_calls_catches(text: str) -> None:
    complaints = check(rules.banned_calls, "engine/a.py", text)
    assert complaints
    assert all("is banned; use" in complaint for complaint in complaints)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("runtime/a.py", "import time\ntime.time()"),
        ("engine/a.py", "import time\ntime.strftime('%Y')"),
        ("engine/a.py", "def f(self):\n    return self.time.time() + rng.random()"),
        ("engine/a.py", "import trio\ntrio.sleep_forever"),
        ("tests/a.py", "import time\ntime.time()"),
    ],
)
def test_banned_calls_passes(path: str, text: str) -> None:
    assert check(rules.banned_calls, path, text) == []


def test_function_lengths() -> None:
    def function(lines: int, kind: str) -> str:
        return f"{kind} f():\n" + "    x = 1\n" * (lines - 1)

    assert check(rules.function_lengths, "a.py", function(70, "def")) == []
    for kind in ("def", "async def"):
        (complaint,) = check(rules.function_lengths, "a.py", function(71, kind))
        assert complaint == "a.py:1: f has 71 lines, at most 70 are allowed; split it"


def test_file_lengths() -> None:
    assert check(rules.file_lengths, "a.py", "x = 1\n" * 500) == []
    (complaint,) = check(rules.file_lengths, "a.py", "x = 1\n" * 501)
    assert complaint == "a.py: 501 lines, at most 500 are allowed; split it"
