"""The small data that the book ships: published figures, and what long experiments produced."""

from __future__ import annotations

import csv
from pathlib import Path

_HERE = Path(__file__).parent


def path(name: str) -> Path:
    """Find a file of the book's ``data`` folder, in a checkout or in an installed package.

    Parameters
    ----------
    name : str
        Relative to ``data``, such as ``"results/sunspots/results.csv"``.

    Returns
    -------
    Path
        Where the file is.

    Raises
    ------
    FileNotFoundError
        If the book ships no such file.
    """
    for folder in (_HERE / "data", _HERE.parents[1] / "data"):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f"The book ships no data/{name}. Results come from `python -m tbptt.experiments NAME`."
    )


def table(name: str) -> list[dict[str, str]]:
    """Read a shipped CSV file, one dict a row, every value as text.

    Parameters
    ----------
    name : str
        Relative to ``data``.

    Returns
    -------
    list of dict
        Column name to text.

    Raises
    ------
    FileNotFoundError
        If the book ships no such file.
    """
    with path(name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
