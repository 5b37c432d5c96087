"""``python -m tbptt.experiments NAME``: run an experiment and write its results."""

from __future__ import annotations

import argparse
import importlib
import os
import time
from pathlib import Path

from joblib import Parallel, delayed
from tqdm import tqdm

from tbptt.experiments import results

NAMES = ("sunspots",)


def main(arguments: list[str] | None = None) -> None:
    """Run every run of the experiment's grid, in processes, and write tidy results."""
    parser = argparse.ArgumentParser(prog="python -m tbptt.experiments", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--seeds", type=int, default=5, help="seeds for each setting")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--results", type=Path, default=Path("data/results"), help="folder")
    chosen = parser.parse_args(arguments)
    if chosen.seeds < 1:
        parser.error(f"--seeds must be at least 1, got {chosen.seeds}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    experiment = importlib.import_module(f"tbptt.experiments.{chosen.name}")
    began = time.monotonic()
    runs = experiment.grid(chosen.seeds)
    waiting = Parallel(n_jobs=chosen.jobs, return_as="generator")(
        delayed(experiment.run)(**one) for one in runs
    )
    rows = list(tqdm(waiting, total=len(runs), desc=chosen.name))
    results.write(
        chosen.results / chosen.name,
        rows,
        options={"seeds": chosen.seeds},
        packages=experiment.PACKAGES,
        seconds=time.monotonic() - began,
    )


if __name__ == "__main__":
    main()
