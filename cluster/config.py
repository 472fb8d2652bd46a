"""Configuration files of components: one JSON envelope around each package's own config class.

The envelope says what every component needs whatever it is: its name, directory, seed, and whether
its standard input is the launcher's life line. The package's part is structured strictly: an
unknown or missing key is refused with its path, so a typo cannot turn into a default.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from attrs import frozen
from cattrs import Converter, transform_error
from cattrs.v import format_exception

from cluster.exits import ExitCode, OperatorError
from runtime.errors import OperatingError
from runtime.net import Address

T = TypeVar("T")


@frozen
class ComponentFile:
    """What `sixfold storage|instance|endpoint|monitor --config FILE` reads."""

    kind: str
    name: str
    root: str
    seed: int | None
    # True when a launcher holds the other end of standard input: its end of file means "stop".
    stop_on_stdin_eof: bool
    config: dict[str, Any]


def make_converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook(Address, lambda text, _: Address.parse(text))
    return converter


def load(path: Path, kind: str) -> ComponentFile:
    """Read the envelope; every problem is one line that names the file."""
    try:
        raw = json.loads(path.read_text())
    except OSError as error:
        raise OperatorError(ExitCode.FAILED, f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise OperatorError(ExitCode.FAILED, f"{path} is not JSON: {error}") from error
    envelope = structure(raw, ComponentFile, where=str(path))
    if envelope.kind != kind:
        raise OperatorError(
            ExitCode.FAILED,
            f"{path} configures a component of kind {envelope.kind!r}; "
            f"run `sixfold {envelope.kind}`",
        )
    return envelope


def structure(raw: object, wanted: type[T], *, where: str) -> T:
    try:
        return make_converter().structure(raw, wanted)
    except Exception as error:  # cattrs groups errors of any type; all mean a bad file
        problems = "; ".join(transform_error(error, path=where, format_exception=_describe))
        raise OperatorError(ExitCode.FAILED, f"bad configuration: {problems}") from error


def _describe(error: BaseException, expected: type[Any] | None) -> str:
    """Our own checks say what is wrong better than the name of a type does."""
    if isinstance(error, ValueError | OperatingError) and str(error):
        return str(error)
    return format_exception(error, expected)
