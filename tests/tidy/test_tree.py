"""The whole repository keeps the house rules.

An exception is a line in `ALLOWED`, with the reason it is one; an exception that is no longer
needed fails too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.tidy import rules
from tests.tidy.rules import LAYERS, Source, module_name

ROOT = Path(__file__).parents[2]

# (rule, path) -> why this file may break this rule
ALLOWED: dict[tuple[str, str], str] = {}


def _sources() -> list[Source]:
    found = []
    for top in (*LAYERS, "tests", "benchmarks"):
        for file in sorted((ROOT / top).rglob("*.py")):
            found.append(Source(file.relative_to(ROOT).as_posix(), file.read_text("utf-8")))
    return found


SOURCES = _sources()
BY_MODULE = {module_name(source.path): source for source in SOURCES}


def _neighbours(source: Source) -> Iterable[str]:
    return rules.pure_neighbours(source, BY_MODULE)


RULES: dict[str, Callable[[Source], Iterable[str]]] = {
    "import_directions": rules.import_directions,
    "pure_imports": rules.pure_imports,
    "pure_neighbours": _neighbours,
    "seam_imports": rules.seam_imports,
    "banned_calls": rules.banned_calls,
    "function_lengths": rules.function_lengths,
    "file_lengths": rules.file_lengths,
}


@pytest.mark.parametrize("name", RULES)
def test_rule(name: str) -> None:
    complaints = []
    for source in SOURCES:
        found = list(RULES[name](source))
        if (name, source.path) in ALLOWED:
            if not found:
                complaints.append(f"{source.path}: the exception from {name} is not needed")
        else:
            complaints += found
    assert not complaints, "\n" + "\n".join(complaints)


def test_every_exception_has_a_file_and_a_reason() -> None:
    known = {source.path for source in SOURCES}
    for (name, path), reason in ALLOWED.items():
        assert name in RULES
        assert path in known, f"{path} is gone; remove its exception"
        assert len(reason) > 20, f"say why {path} may break {name}"


def test_every_layer_has_pure_files_or_is_a_shell() -> None:
    """The cores that carry the guarantees are marked, so that the rules above bite."""
    pure = {source.package for source in SOURCES if source.pure}
    assert {"runtime", "wire"} <= pure
