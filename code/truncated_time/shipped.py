"""The small data that the book ships: published figures, and what long experiments produced."""

from __future__ import annotations

import csv
from pathlib import Path

_HERE = Path(__file__).parent


def checkout() -> Path | None:
    """Return the root of the checkout that this package runs from; None if it is installed.

    Returns
    -------
    Path or None
        The folder with ``code/truncated_time`` and ``data``.

    Examples
    --------
    >>> from truncated_time.shipped import checkout
    >>> root = checkout()
    >>> root is None or (root / "data" / "published.csv").is_file()
    True
    """
    code, root = _HERE.parent, _HERE.parents[1]
    return root if code.name == "code" and (root / "data").is_dir() else None


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

    Examples
    --------
    >>> from truncated_time.shipped import path
    >>> path("published.csv").is_file()
    True
    """
    root = checkout()
    file = (_HERE if root is None else root) / "data" / name
    if file.is_file():
        return file
    raise FileNotFoundError(
        f"The book ships no data/{name}. Results come from "
        "`python -m truncated_time.experiments NAME`."
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
    ValueError
        If the file is damaged.

    Examples
    --------
    >>> from truncated_time.shipped import table
    >>> table("published_vanishing.csv")[0]
    {'lag': '0', 'norm': '98'}
    """
    return read(path(name))


def read(file: Path) -> list[dict[str, str]]:
    """Read any CSV file of that kind.

    Parameters
    ----------
    file : Path
        With a header line.

    Returns
    -------
    list of dict
        Column name to text.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is damaged: no text, no rows, or a row with more or fewer fields than the header.

    Examples
    --------
    >>> from truncated_time.shipped import path, read, table
    >>> read(path("published.csv")) == table("published.csv")
    True
    """
    damaged = f"{file} is damaged: {{}}. Get it from the repository again, or delete it and run "
    damaged += "the experiment that made it."
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines, strict=True)
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(damaged.format(error)) from error
    if not rows:
        raise ValueError(damaged.format("it has no rows"))
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise ValueError(damaged.format(f"row {number} does not have one field a column"))
    return rows
