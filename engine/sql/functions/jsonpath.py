"""JSON paths: `$.key[2]."odd key".*[*]` and `**` (manual, "JSON Path Syntax"). Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from attrs import frozen

from engine.errors import error

_STEP: Final = re.compile(
    r"""\s*(?:
        \.\s*(?:(?P<all>\*)|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<key>[A-Za-z_$\x80-\uffff][\w$]*))
      | \[\s*(?:(?P<every>\*)|(?P<last>last(?:\s*-\s*(?P<back>\d+))?)|(?P<index>\d+))\s*\]
      | (?P<deep>\*\*)
    )""",
    re.X,
)


@frozen
class Step:
    """One leg of a path."""

    kind: str  # key, index, last, all, every, deep
    key: str = ""
    index: int = 0

    @property
    def many(self) -> bool:
        return self.kind in ("all", "every", "deep")


@lru_cache(maxsize=512)
def parse_path(path: str) -> tuple[Step, ...]:
    text = path.strip()
    if not text.startswith("$"):
        raise error(3143, 1)
    steps: list[Step] = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise error(3143, position)
        position = match.end()
        if match["key"] is not None:
            steps.append(Step("key", match["key"]))
        elif match["quoted"] is not None:
            steps.append(Step("key", json.loads(match["quoted"])))
        elif match["index"] is not None:
            steps.append(Step("index", index=int(match["index"])))
        elif match["last"] is not None:
            steps.append(Step("last", index=int(match["back"] or 0)))
        else:
            kind = "all" if match["all"] else "every" if match["every"] else "deep"
            steps.append(Step(kind))
    return tuple(steps)


def find(value: Any, steps: tuple[Step, ...]) -> list[Any]:
    """All values the path reaches, in document order."""
    found = [value]
    for step in steps:
        found = [item for parent in found for item in _children(parent, step)]
    return found


def _children(value: Any, step: Step) -> Iterator[Any]:
    if step.kind == "key":
        if isinstance(value, dict) and step.key in value:
            yield value[step.key]
    elif step.kind in ("index", "last"):
        items = value if isinstance(value, list) else [value]
        at = step.index if step.kind == "index" else len(items) - 1 - step.index
        if 0 <= at < len(items):
            yield items[at]
    elif step.kind == "all":
        if isinstance(value, dict):
            yield from value.values()
    elif step.kind == "every":
        if isinstance(value, list):
            yield from value
    else:
        yield value
        inner = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list):
            for item in inner:
                yield from _children(item, step)


def store(value: Any, steps: tuple[Step, ...], new: Any, create: bool, replace: bool) -> Any:
    """The document with a value put at a path, where creation or replacement is allowed."""
    if not steps:
        return new if replace else value
    step, rest = steps[0], steps[1:]
    if step.many:
        raise error(3149)
    if step.kind == "key":
        if not isinstance(value, dict):
            return value
        if step.key in value:
            return {**value, step.key: store(value[step.key], rest, new, create, replace)}
        return {**value, step.key: new} if create and not rest else value
    if not isinstance(value, list):
        at = step.index if step.kind == "index" else 0
        if at == 0:
            return store(value, rest, new, create, replace)
        return [value, new] if create and not rest else value
    at = step.index if step.kind == "index" else len(value) - 1 - step.index
    if 0 <= at < len(value):
        changed = store(value[at], rest, new, create, replace)
        return [*value[:at], changed, *value[at + 1 :]]
    return [*value, new] if create and not rest and at >= 0 else value


def remove(value: Any, steps: tuple[Step, ...]) -> Any:
    if not steps:
        raise error(3153)
    step, rest = steps[0], steps[1:]
    if step.many:
        raise error(3149)
    if step.kind == "key":
        if not isinstance(value, dict) or step.key not in value:
            return value
        if not rest:
            return {key: item for key, item in value.items() if key != step.key}
        return {**value, step.key: remove(value[step.key], rest)}
    if not isinstance(value, list):
        return value
    at = step.index if step.kind == "index" else len(value) - 1 - step.index
    if not 0 <= at < len(value):
        return value
    if not rest:
        return [*value[:at], *value[at + 1 :]]
    return [*value[:at], remove(value[at], rest), *value[at + 1 :]]
