"""Tidy results and where they came from, side by side in a folder."""

from __future__ import annotations

import csv
import importlib.metadata
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def write(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    *,
    options: Mapping[str, Any],
    packages: Sequence[str],
    seconds: float,
) -> None:
    """Write ``results.csv``, one observation a row, and ``provenance.json`` beside it.

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

    Raises
    ------
    ValueError
        If there are no rows, or they differ in their keys.
    """
    if not rows or any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError("rows must be observations that all have the same keys.")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "results.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    provenance = {
        "command": f"python -m tbptt.experiments {folder.name}",
        "options": dict(options),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "machine": f"{platform.system()} {platform.machine()}",
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": round(seconds),
    }
    text = json.dumps(provenance, indent=2, sort_keys=True) + "\n"
    (folder / "provenance.json").write_text(text, encoding="utf-8")
    print(f"wrote {len(rows)} rows to {folder}", file=sys.stderr)
