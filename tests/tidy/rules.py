"""The house rules, each a function from one parsed file to the complaints about it.

A file is pure when its module docstring begins with "Pure:"; it then imports nothing that could
reach time, chance, disks, sockets or threads, and nothing from its own package that is not pure
itself.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from attrs import field, frozen

# A package may import those before it and itself.
LAYERS = ("runtime", "wire", "volume", "engine", "failover", "endpoints", "cluster")

FUNCTION_LINES = 70
FILE_LINES = 500

# What a pure file must not import, at any depth.
IMPURE_MODULES = {
    *("asyncio", "greenback", "multiprocessing", "os", "pathlib", "random", "secrets", "select"),
    *("selectors", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile", "threading"),
    *("time", "trio", "uuid"),
}

# What only runtime may import.
SEAM_MODULES = {
    *("multiprocessing", "random", "secrets", "select", "selectors", "socket", "threading"),
}

# What only runtime may use, with what to use instead.
BANNED = {
    "time.time": "runtime.clock.wall",
    "time.monotonic": "runtime.clock.monotonic",
    "time.monotonic_ns": "runtime.clock.monotonic",
    "time.perf_counter": "runtime.clock.monotonic",
    "time.time_ns": "runtime.clock.wall",
    "time.sleep": "runtime.clock.sleep",
    "datetime.datetime.now": "runtime.clock.wall",
    "datetime.datetime.utcnow": "runtime.clock.wall",
    "datetime.datetime.today": "runtime.clock.wall",
    "datetime.date.today": "runtime.clock.wall",
    "random": "runtime.rng",
    "secrets": "runtime.rng",
    "uuid.uuid1": "runtime.rng.uuid",
    "uuid.uuid4": "runtime.rng.uuid",
    "os.urandom": "runtime.rng.randbytes",
    "trio.current_time": "runtime.clock.monotonic",
    "trio.to_thread": "the event loop, or runtime.threads where blocking is unavoidable",
}


@frozen(eq=False)
class Source:
    """One Python file of the repository; `path` is relative with "/" between parts."""

    path: str
    text: str
    tree: ast.Module = field(init=False)

    @tree.default
    def _parse(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def package(self) -> str:
        return self.path.split("/")[0]

    @property
    def pure(self) -> bool:
        return (ast.get_docstring(self.tree) or "").startswith("Pure:")


def module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything a file imports, wherever in the file."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = _base(source, node)
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def _base(source: Source, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = source.path.split("/")[: -node.level]
    return ".".join([*parts, node.module] if node.module else parts)


def import_directions(source: Source) -> Iterator[str]:
    if source.package not in LAYERS:
        return
    rank = LAYERS.index(source.package)
    for line, name in imports(source):
        target = name.split(".")[0]
        if target in LAYERS and LAYERS.index(target) > rank:
            yield f"{source.path}:{line}: {source.package} must not import {target}"
        if target in ("tests", "benchmarks"):
            yield f"{source.path}:{line}: production code must not import {target}"


def pure_imports(source: Source) -> Iterator[str]:
    if not source.pure:
        return
    for line, name in imports(source):
        if name.split(".")[0] in IMPURE_MODULES:
            yield f"{source.path}:{line}: a pure file must not import {name}"


def pure_neighbours(source: Source, others: dict[str, Source]) -> Iterator[str]:
    """Neither does what a pure file imports from its own package; `others` is by module name."""
    if not source.pure:
        return
    for line, neighbour in sorted(_neighbours(source, others).items()):
        reached = [neighbour]
        for found in reached:
            if impure := _impure_import(found):
                yield (
                    f"{source.path}:{line}: a pure file must not import {neighbour.path}:"
                    f" {found.path} imports {impure}"
                )
                break
            further = _neighbours(found, others).values()
            reached += [other for other in further if other not in reached]


def _neighbours(source: Source, others: dict[str, Source]) -> dict[int, Source]:
    """The files of its own package that a file imports, by line."""
    found: dict[int, Source] = {}
    for line, name in imports(source):
        target = others.get(name) or others.get(name.rpartition(".")[0])
        if target is not None and target.package == source.package and target is not source:
            found[line] = target
    return found


def _impure_import(source: Source) -> str | None:
    names = (name for _, name in imports(source))
    return next((name for name in names if name.split(".")[0] in IMPURE_MODULES), None)


def seam_imports(source: Source) -> Iterator[str]:
    if source.package not in LAYERS or source.package == "runtime":
        return
    for line, name in imports(source):
        if name.split(".")[0] in SEAM_MODULES:
            yield f"{source.path}:{line}: only runtime may import {name}"


def banned_calls(source: Source) -> Iterator[str]:
    if source.package not in LAYERS or source.package == "runtime":
        return
    known = _aliases(source)
    found: dict[int, str] = {}
    for node in ast.walk(source.tree):
        dotted = _dotted(node, known)
        instead = _banned(dotted) if dotted else None
        if instead:
            found.setdefault(getattr(node, "lineno", 0), f"{dotted} is banned; use {instead}")
    for line, complaint in sorted(found.items()):
        yield f"{source.path}:{line}: {complaint}"


def _aliases(source: Source) -> dict[str, str]:
    """What each imported local name stands for."""
    known: dict[str, str] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                known[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            base = _base(source, node)
            for alias in node.names:
                known[alias.asname or alias.name] = f"{base}.{alias.name}"
    return known


def _dotted(node: ast.AST, known: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value, known)
        return f"{inner}.{node.attr}" if inner else None
    return None


def _banned(dotted: str) -> str | None:
    parts = dotted.split(".")
    for count in range(1, len(parts) + 1):
        if (name := ".".join(parts[:count])) in BANNED:
            return BANNED[name]
    return None


def function_lengths(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield (
                    f"{source.path}:{node.lineno}: {node.name} has {length} lines,"
                    f" at most {FUNCTION_LINES} are allowed; split it"
                )


def file_lengths(source: Source) -> Iterator[str]:
    length = len(source.text.splitlines())
    if length > FILE_LINES:
        yield f"{source.path}: {length} lines, at most {FILE_LINES} are allowed; split it"
