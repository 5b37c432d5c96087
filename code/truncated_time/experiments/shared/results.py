"""Tidy results and where they came from, side by side in a folder."""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from truncated_time import shipped

TABLE, PROVENANCE = "results.csv", "provenance.json"


def write(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    *,
    options: Mapping[str, Any],
    packages: Sequence[str],
    seconds: float,
    command: str | None = None,
) -> None:
    """Write ``results.csv``, one observation a row, and ``provenance.json`` next to it.

    Both are written under another name first: a process that is killed leaves the old files whole.

    Parameters
    ----------
    folder : Path
        Made if missing.
    rows : sequence of mappings
        Observations, all with the same keys.
    options : mapping
        What the experiment was run with.
    packages : sequence of str
        Distributions whose versions matter.
    seconds : float
        How long it took.
    command : str, optional
        What made the rows, where it is not the experiment of the folder's name.

    Raises
    ------
    ValueError
        If there are no rows, or they differ in their keys.
    """
    if not rows or any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError("rows must be observations that all have the same keys.")
    folder.mkdir(parents=True, exist_ok=True)
    new = {name: folder / f"{name}.part" for name in (TABLE, PROVENANCE)}
    with new[TABLE].open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    provenance = {
        "command": command or f"python -m truncated_time.experiments {folder.name}",
        "options": dict(options),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "machine": machine(str(options.get("device", "cpu"))),
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": round(seconds),
        "sha256": digest(new[TABLE]),
    }
    text = json.dumps(provenance, indent=2, sort_keys=True) + "\n"
    new[PROVENANCE].write_text(text, encoding="utf-8")
    for name, file_ in new.items():
        os.replace(file_, folder / name)
    print(f"wrote {len(rows)} rows to {folder}", file=sys.stderr)


def machine(device: str) -> str:
    """Class of this machine, with the name of its GPU if that is the device."""
    kind = f"{platform.system()} {platform.machine()}"
    if not device.startswith("cuda"):
        return kind
    import torch

    return f"{kind}, {torch.cuda.get_device_name(device)}"


def digest(file: Path) -> str:
    """SHA-256 of a text, the same whichever line ends a checkout gives it."""
    return hashlib.sha256(file.read_text(encoding="utf-8").encode()).hexdigest()


def check(folder: Path) -> dict[str, Any]:
    """Look at what would be overwritten, before anything is run.

    Parameters
    ----------
    folder : Path
        Where results are to go.

    Returns
    -------
    dict
        Provenance of the results that are there; empty if there are none.

    Raises
    ------
    OSError
        If `folder` is no folder, or cannot be read or written.
    ValueError
        If the files in it are damaged, or `results.csv` is not what its provenance describes.
    """
    for there in (folder, *folder.parents):
        if there.exists():
            if not there.is_dir() or not os.access(there, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(f"{there} is no folder that can be written to.")
            break
    table, story = folder / TABLE, folder / PROVENANCE
    if not table.exists() and not story.exists():
        return {}
    if list(folder.glob("*.part")):  # an earlier run ended before all was written
        return {}
    try:
        shipped.read(table)
        provenance = json.loads(story.read_text(encoding="utf-8"))
        whole = provenance["sha256"] == digest(table) and isinstance(provenance["options"], dict)
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"{story} is damaged ({error}).") from error
    if not whole:
        raise ValueError(f"{table} is not the file that {PROVENANCE} next to it describes.")
    return dict(provenance)
