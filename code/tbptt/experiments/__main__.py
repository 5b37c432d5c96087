"""``python -m tbptt.experiments NAME``: run an experiment and write its results."""

from __future__ import annotations

import argparse
import importlib
import os
import time
from pathlib import Path
from typing import Any

from joblib import Memory, Parallel, delayed
from tqdm import tqdm

from tbptt.experiments import results

NAMES = (
    "bias", "carried", "language", "memory", "stateful", "sunspots", "text",
    "throughput", "timing", "vanishing",
)  # fmt: skip
# Finished runs stay here, so that an interrupted experiment goes on where it was.
FINISHED = Path("_build/experiments")


def main(arguments: list[str] | None = None) -> None:
    """Run every run of the experiment's grid, in processes, and write tidy results."""
    parser = argparse.ArgumentParser(prog="python -m tbptt.experiments", add_help=False)
    parser.add_argument("name", choices=NAMES)
    known, _ = parser.parse_known_args(arguments)
    experiment = importlib.import_module(f"tbptt.experiments.{known.name}")
    parser = argparse.ArgumentParser(parents=[parser], description=experiment.__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="seeds for each setting")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--results", type=Path, default=Path("data/results"), help="folder")
    own = parser.add_argument_group(f"options of {known.name}")
    getattr(experiment, "add_arguments", lambda _: None)(own)
    chosen = vars(parser.parse_args(arguments))
    name, jobs, folder = (chosen.pop(key) for key in ("name", "jobs", "results"))
    if chosen["seeds"] < 1:
        parser.error(f"--seeds must be at least 1, got {chosen['seeds']}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    began = time.monotonic()
    runs = experiment.grid(**chosen)
    timed = getattr(experiment, "TIMED", False)
    once = experiment.run if timed else Memory(FINISHED, verbose=0).cache(experiment.run)
    workers = Parallel(n_jobs=1 if timed else jobs, return_as="generator")
    waiting = workers(delayed(once)(**one) for one in runs)
    rows: list[dict[str, Any]] = []
    for found in tqdm(waiting, total=len(runs), desc=name):
        rows += found if isinstance(found, list) else [found]
    results.write(
        folder / name,
        rows,
        # Where files lie on this machine is no part of what was run.
        options={key: value for key, value in chosen.items() if not isinstance(value, Path)},
        packages=experiment.PACKAGES,
        seconds=time.monotonic() - began,
    )


if __name__ == "__main__":
    main()
