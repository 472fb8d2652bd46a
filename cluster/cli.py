"""The `sixfold` command. Thin: it parses options, calls one function, and turns OperatorError into
one line and an exit code. Imports are inside the commands, because each component starts through
here and must load only its own package.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from cluster.exits import ExitCode, OperatorError

T = TypeVar("T")

DEFAULT_DATA = "./sixfold-data"
DEFAULT_PORT = 3306

data_option = click.option(
    "--data",
    default=DEFAULT_DATA,
    show_default=True,
    metavar="DIR",
    help="The cluster's data directory.",
)


def _version() -> str:
    """From the installed package; a checkout run in place has none."""
    from importlib import metadata

    try:
        return metadata.version("sixfold")
    except metadata.PackageNotFoundError:
        return "of this checkout, not installed"


class _Size(click.ParamType[int]):
    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from cluster.sizes import parse_size

        try:
            return value if isinstance(value, int) else parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Tiers(click.ParamType[tuple[int, ...]]):
    name = "tiers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        try:
            return tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of tiers; write for example 0,1,1", param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="sixfold")
def main() -> None:
    """Sixfold: a self-hosted, Aurora-like MySQL-compatible cluster.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 cluster not running, 4 port taken, 5 data
    directory in use, 6 data directory of another format or created with other options, 7 unknown
    instance, 8 refused by the cluster.
    """


@main.command()
@data_option
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="Writer endpoint's port.")
@click.option(
    "--instances", type=int, help="Number of instances, the writer included. [default: 3]"
)
@click.option("--tiers", type=_Tiers(), help="Promotion tier of each. [default: 0,1,1,...]")
@click.option("--seed", type=int, help="Makes random choices repeatable.")
@click.option("--page-size", type=_Size(), help="Bytes in a page. [default: 4096]")
@click.option("--segment-size", type=_Size(), help="Bytes in a segment. [default: 10GiB]")
@click.option("--detach", is_flag=True, help="Return once ready; stop it with `sixfold down`.")
def up(
    data: str,
    port: int,
    instances: int | None,
    tiers: tuple[int, ...] | None,
    seed: int | None,
    page_size: int | None,
    segment_size: int | None,
    detach: bool,
) -> None:
    """Run a cluster: six storage nodes, the instances, the endpoint router and the monitor."""
    from cluster.datadir import DataDir
    from cluster.spec import Requested

    directory = DataDir.at(data)
    requested = Requested(
        instances=instances,
        tiers=tiers,
        seed=seed,
        page_size=page_size,
        segment_size=segment_size,
    )

    def launch(on_ready: Callable[[], None]) -> int:
        from cluster.launcher import Launcher

        try:
            Launcher(directory, requested, port, _say, on_ready).run()
        except OperatorError as error:
            _say(f"sixfold: {error.message}", err=True)
            return int(error.code)
        return int(ExitCode.OK)

    if not detach:
        sys.exit(launch(lambda: None))
    from cluster.detach import run_detached

    sys.exit(run_detached(launch, directory.log_file("launcher")))


@main.command()
@data_option
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def status(data: str, as_json: bool) -> None:
    """Show every component of a running cluster."""
    from cluster.datadir import DataDir
    from cluster.status import render, status_now

    found = _or_exit(lambda: status_now(DataDir.at(data)))
    if as_json:
        import json

        click.echo(json.dumps(found, indent=2))
    else:
        click.echo(render(found))


@main.command()
@data_option
@click.option("--to", metavar="INSTANCE", help="The instance to promote; else by tier.")
def failover(data: str, to: str | None) -> None:
    """Planned switchover: make another instance the writer."""
    from cluster.datadir import DataDir
    from cluster.switchover import switch_over

    click.echo(_or_exit(lambda: switch_over(DataDir.at(data), to)))


@main.command()
@data_option
def down(data: str) -> None:
    """Stop a cluster; returns when its last process has gone."""
    from cluster.datadir import DataDir
    from cluster.shutdown import shut_down

    click.echo(_or_exit(lambda: shut_down(DataDir.at(data))))


def _component(kind: str, what: str) -> click.Command:
    @click.option(
        "--config",
        "file",
        required=True,
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="The component's JSON configuration.",
    )
    def command(file: Path) -> None:
        from cluster.component import run

        _or_exit(lambda: run(kind, file))

    return click.command(kind, help=f"Run one {what} in the foreground.")(command)


for _kind, _what in (
    ("storage", "storage node"),
    ("instance", "database instance"),
    ("endpoint", "endpoint router"),
    ("monitor", "failover monitor"),
):
    main.add_command(_component(_kind, _what))


def _or_exit(work: Callable[[], T]) -> T:
    try:
        return work()
    except OperatorError as error:
        _fail(error)


def _fail(error: OperatorError) -> NoReturn:
    _say(f"sixfold: {error.message}", err=True)
    sys.exit(int(error.code))


def _say(line: str, err: bool = False) -> None:
    """A line for the person watching; a closed terminal must not stop the cluster."""
    try:
        print(line, file=sys.stderr if err else sys.stdout, flush=True)
    except BrokenPipeError:
        return


if __name__ == "__main__":
    main()
