"""Run a grid in processes or on a Dask cluster; what is finished is not run again."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from joblib import Memory, Parallel, delayed, parallel_config
from tqdm import tqdm

import tbptt
import truncated_time

# What no run depends on: drawing a picture otherwise makes none stale.
PICTURES = {"drawing", "exercises", "explorers", "figures", "notebook", "picture"}
SCHEDULER_TIMEOUT = 10  # seconds


def sources() -> str:
    """Fingerprint of both packages' code, pictures left out: what a finished run depends on."""
    digest = hashlib.sha256()
    for package in (tbptt, truncated_time):
        (folder,) = map(Path, package.__path__)
        for file in sorted(folder.rglob("*.py")):
            name = file.relative_to(folder.parent).as_posix()
            if name.removesuffix(".py").split("/")[1] not in PICTURES:
                digest.update(f"{name}\n{file.read_text(encoding='utf-8')}".encode())
    return digest.hexdigest()[:16]


def store(folder: Path, packages: Sequence[str]) -> Memory:
    """Open the place where finished runs are kept, for this code and these versions.

    Parameters
    ----------
    folder : Path
        Of all finished runs; the processes of a cluster must all see it.
    packages : sequence of str
        Distributions whose versions matter.

    Returns
    -------
    joblib.Memory
        Empty if anything that the runs depend on has changed.
    """
    versions = [f"{name} {importlib.metadata.version(name)}" for name in sorted(packages)]
    key = hashlib.sha256("\n".join([sources(), *versions]).encode()).hexdigest()[:16]
    return Memory(folder.resolve() / key, verbose=0)


def run_all(
    experiment: Any, runs: Sequence[dict[str, Any]], *, jobs: int, finished: Path, name: str
) -> list[dict[str, Any]]:
    """Make every run that is not finished, and gather the rows of all, in order.

    Parameters
    ----------
    experiment : module
        With ``run`` and ``PACKAGES``. If it is ``TIMED``, runs are made one after the other in
        this process, and never taken from an earlier one; if it has ``THREADS``, in threads.
    runs : sequence of dict
        What to call ``run`` with.
    jobs : int
        Processes or threads; a cluster uses all of its own.
    finished : Path
        Where finished runs are kept.
    name : str
        For the progress bar.

    Returns
    -------
    list of dict
        Tidy rows.
    """
    timed = getattr(experiment, "TIMED", False)
    memory = None if timed else store(finished, experiment.PACKAGES)
    once = memory.cache(experiment.run) if memory else experiment.run
    how = {"prefer": "threads" if getattr(experiment, "THREADS", False) else "processes"}
    if timed:
        how = {"backend": "loky"}
    workers = Parallel(n_jobs=1 if timed else jobs, return_as="generator", **how)
    rows: list[dict[str, Any]] = []
    waiting = workers(delayed(once)(**options) for options in runs)
    for result in tqdm(waiting, total=len(runs), desc=name):
        rows += result if isinstance(result, list) else [result]
    return rows


@contextlib.contextmanager
def cluster(address: str) -> Iterator[None]:
    """Send the grids of this block to a Dask cluster.

    Parameters
    ----------
    address : str
        Of its scheduler, such as ``"tcp://10.0.0.1:8786"``.

    Raises
    ------
    ConnectionError
        If no scheduler answers there, or it has no workers.
    RuntimeError
        If a worker has no `tbptt`, or another one.
    """
    from dask.distributed import Client

    try:
        client = Client(address, timeout=SCHEDULER_TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:  # TimeoutError is an OSError
        raise ConnectionError(f"No Dask scheduler answers at {address}: {error}") from error
    with client:
        theirs = client.run(sources, on_error="return")
        if not theirs:
            raise ConnectionError(f"The Dask scheduler at {address} has no workers.")
        for worker, fingerprint in theirs.items():
            if fingerprint != sources():
                raise RuntimeError(
                    f"The worker {worker} runs another tbptt than this one ({fingerprint!r}): "
                    "install the same on all of them, or results would mix."
                )
        with parallel_config("dask", client=client):
            yield
