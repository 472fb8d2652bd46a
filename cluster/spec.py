"""Pure: what a data directory is: the properties of a cluster fixed when its volume is created.

Invariants: a spec is checked as a whole when it is made, and no later start may contradict it,
because page size, segment size and the instances' names are baked into the volume and its topology
document.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import asdict, frozen

from cluster.exits import ExitCode, OperatorError
from cluster.sizes import format_size

FORMAT_VERSION = 1
MAX_INSTANCES = 16  # one writer and 15 readers, as in Aurora
MAX_TIER = 15
AZS = ("a", "b", "c")
NODES_PER_AZ = 2
DEFAULT_PAGE_SIZE = 4096
DEFAULT_SEGMENT_SIZE = 10 << 30
DEFAULT_INSTANCES = 3


@frozen
class Requested:
    """Options of `sixfold up` that describe the cluster; None means the user did not say."""

    instances: int | None = None
    tiers: tuple[int, ...] | None = None
    seed: int | None = None
    page_size: int | None = None
    segment_size: int | None = None


@frozen
class ClusterSpec:
    format_version: int
    volume_id: str
    page_size: int
    segment_size: int
    instances: int
    tiers: tuple[int, ...]
    # None: every process draws from the operating system; a number makes their draws repeatable.
    seed: int | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"tiers": list(self.tiers)}


def default_tiers(instances: int) -> tuple[int, ...]:
    """The first instance is the preferred writer, the others are equal."""
    return (0,) + (1,) * (instances - 1)


def check(requested: Requested) -> None:
    """Refuse values no cluster can have, naming the option."""
    _require(
        requested.instances is None or 1 <= requested.instances <= MAX_INSTANCES,
        f"--instances must be 1 to {MAX_INSTANCES}",
    )
    for tier in requested.tiers or ():
        _require(0 <= tier <= MAX_TIER, f"--tiers holds {tier}; a tier is 0 (first) to {MAX_TIER}")
    size = requested.page_size
    _require(
        size is None or (512 <= size <= 65536 and size & (size - 1) == 0),
        "--page-size must be a power of two from 512 to 65536",
    )


def create(requested: Requested, *, volume_id: str) -> ClusterSpec:
    """The spec of a new data directory."""
    check(requested)
    tiers = requested.tiers
    instances = requested.instances
    if instances is None:
        instances = len(tiers) if tiers is not None else DEFAULT_INSTANCES
    tiers = tiers if tiers is not None else default_tiers(instances)
    _require(
        len(tiers) == instances,
        f"--tiers names {len(tiers)} tiers for {instances} instances; give one for each",
    )
    page_size = requested.page_size or DEFAULT_PAGE_SIZE
    segment_size = requested.segment_size or DEFAULT_SEGMENT_SIZE
    _require(
        segment_size >= page_size and segment_size % page_size == 0,
        f"--segment-size must be a multiple of the page size, {page_size} bytes",
    )
    return ClusterSpec(
        format_version=FORMAT_VERSION,
        volume_id=volume_id,
        page_size=page_size,
        segment_size=segment_size,
        instances=instances,
        tiers=tiers,
        seed=requested.seed,
    )


def from_json(raw: Mapping[str, Any], *, where: str) -> ClusterSpec:
    """Read an existing directory's spec; another format version is refused before anything else."""
    version = raw.get("format_version")
    if version != FORMAT_VERSION:
        raise OperatorError(
            ExitCode.DATA_MISMATCH,
            f"{where} has data format version {version}, this program reads version "
            f"{FORMAT_VERSION}; use the matching release or another --data directory",
        )
    try:
        return ClusterSpec(**{**raw, "tiers": tuple(raw["tiers"])})
    except (KeyError, TypeError) as error:
        raise OperatorError(
            ExitCode.DATA_MISMATCH,
            f"{where}/cluster.json is damaged ({error}); "
            "restore it or use another --data directory",
        ) from error


def refuse_contradiction(spec: ClusterSpec, requested: Requested, *, where: str) -> None:
    """An option that differs from what the directory was created with is refused, never ignored."""
    check(requested)
    pairs: tuple[tuple[str, Any, Any, Callable[[Any], str]], ...] = (
        ("--page-size", requested.page_size, spec.page_size, str),
        ("--segment-size", requested.segment_size, spec.segment_size, format_size),
        ("--instances", requested.instances, spec.instances, str),
        ("--tiers", requested.tiers, spec.tiers, _join),
        ("--seed", requested.seed, spec.seed, str),
    )
    for option, wanted, actual, show in pairs:
        if wanted is not None and wanted != actual:
            raise OperatorError(
                ExitCode.DATA_MISMATCH,
                f"{where} was created {_with(option, actual, show)}, not {show(wanted)}; "
                f"leave the option out or use another --data directory",
            )


def instance_ids(spec: ClusterSpec) -> list[str]:
    return [f"instance-{number}" for number in range(1, spec.instances + 1)]


def storage_ids() -> list[tuple[str, str]]:
    """(node id, AZ) of the six storage nodes, two in each AZ."""
    return [(f"storage-{az}{n}", az) for az in AZS for n in range(1, NODES_PER_AZ + 1)]


def _with(option: str, value: Any, show: Callable[[Any], str]) -> str:
    return f"without {option}" if value is None else f"with {option} {show(value)}"


def _join(tiers: tuple[int, ...]) -> str:
    return ",".join(map(str, tiers))


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise OperatorError(ExitCode.USAGE, message)
