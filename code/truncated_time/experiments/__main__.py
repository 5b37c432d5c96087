"""Run an experiment, over several seeds, and write its results.

Interrupted, killed even, the same command goes on where it was. In a checkout of the book, results
go to data/results/NAME, or, if the book ships other options' results there, to
_build/results/NAME; finished runs are kept in _build/experiments. An installed package writes where
--results and --finished say, and nowhere else.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from truncated_time import shipped
from truncated_time.experiments import NAMES, about, module
from truncated_time.experiments.shared import results, runner
from truncated_time.experiments.shared.options import positive


class Folders(NamedTuple):
    """Where a checkout of the book keeps results.

    Attributes
    ----------
    shipped : Path
        Of the results that chapters read.
    others : Path
        Of results with other options than the shipped ones.
    finished : Path
        Of finished runs.
    """

    shipped: Path
    others: Path
    finished: Path


def checkout() -> Folders | None:
    """Return the folders of the checkout that this package runs from; None if it is installed."""
    root = shipped.checkout()
    if root is None:
        return None
    return Folders(
        root / "data" / "results", root / "_build" / "results", root / "_build" / "experiments"
    )


def parse(arguments: list[str] | None) -> tuple[Any, dict[str, Any], argparse.ArgumentParser]:
    """Read the command line; return the experiment, the options, and who complains about them."""
    listing = "\n".join(f"  {name:14} {about(name)}" for name in NAMES)
    first = argparse.ArgumentParser(prog="python -m truncated_time.experiments", add_help=False)
    first.add_argument("name", nargs="?", choices=NAMES, metavar="NAME", help="the experiment")
    first.add_argument("--list", action="store_true", help="name all experiments, and stop")
    known, _ = first.parse_known_args(arguments)
    help_of = partial(
        argparse.ArgumentParser,
        prog=first.prog,
        parents=[first],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if known.list:
        print(listing)
        raise SystemExit(0)
    if known.name is None:
        parser = help_of(
            description=__doc__,
            epilog=f"experiments (NAME --help says more of one):\n{listing}",
        )
        parser.parse_args(arguments)
        parser.error("name an experiment; --list shows them all.")
    experiment = importlib.import_module(module(known.name))
    parser = help_of(description=experiment.__doc__)
    seeds = getattr(experiment, "SEEDS", 5)
    parser.add_argument("--seeds", type=positive, default=seeds, help=f"how many; {seeds} if unset")
    parser.add_argument("--jobs", type=positive, default=os.cpu_count(), help="processes")
    parser.add_argument("--backend", choices=("loky", "dask"), default="loky")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of the Dask cluster")
    own_folders = checkout()
    parser.add_argument(
        "--results", type=Path, required=own_folders is None, help="folder to write NAME/ into"
    )
    parser.add_argument(
        "--finished", type=Path, required=own_folders is None,
        default=own_folders and own_folders.finished,
        help="folder of finished runs; all workers of a cluster must see it",
    )  # fmt: skip
    own = parser.add_argument_group(f"options of {known.name}")
    getattr(experiment, "add_arguments", lambda _: None)(own)
    chosen = vars(parser.parse_args(arguments))
    if (chosen["backend"] == "dask") != (chosen["scheduler"] is not None):
        parser.error("--backend dask and --scheduler ADDRESS go together.")
    if chosen["backend"] == "dask" and getattr(experiment, "TIMED", False):
        parser.error(f"{known.name} measures times: it runs here, one run after the other.")
    return experiment, chosen, parser


def main(arguments: list[str] | None = None) -> None:
    """Run every run of the experiment's grid and write tidy results."""
    experiment, chosen, parser = parse(arguments)
    del chosen["list"]
    name, jobs, backend, scheduler, folder, finished = (
        chosen.pop(key) for key in ("name", "jobs", "backend", "scheduler", "results", "finished")
    )
    # Where files lie on this machine is no part of what was run.
    options = {key: value for key, value in chosen.items() if not isinstance(value, Path)}
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        try:
            folders = checkout()
            if folder is None and folders is not None:
                there = results.check(folders.shipped / name)
                same = there.get("options", options) == options
                folder = folders.shipped if same else folders.others
            results.check(folder / name)
            runs = experiment.grid(**chosen)
            if backend == "dask":
                stack.enter_context(runner.cluster(scheduler))
        except (OSError, ValueError, RuntimeError) as error:
            parser.exit(2, f"{parser.prog}: {error} Nothing was run, nothing overwritten.\n")
        rows = runner.run_all(experiment, runs, jobs=jobs, finished=finished, name=name)
    seconds = time.monotonic() - began
    results.write(
        folder / name, rows, options=options, packages=experiment.PACKAGES, seconds=seconds
    )
    if hasattr(experiment, "summary"):
        print(json.dumps(experiment.summary(rows)))


if __name__ == "__main__":
    main()
