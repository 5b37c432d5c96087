"""What takes too long for a page: seeded experiments whose results the book ships.

``python -m truncated_time.experiments NAME`` runs one and writes ``data/results/NAME/``.
"""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

NAMES = (
    "across", "ahead", "alarms", "alarms-keras", "beyond", "bias", "bootstrap", "budget",
    "burnin", "burnin-rates", "carried", "carried-rates", "checking", "choosing", "cures",
    "cures-rates", "cuts", "digits", "evolution", "floor", "hearsay", "initial-state", "language",
    "leak", "longer", "memory", "once", "outputs", "passing", "passing-rates", "price", "ptb",
    "rates", "sea", "staleness", "starts", "starts-rates", "stateful", "sunspots", "text",
    "throughput", "timing", "unbiased", "vanishing", "watching",
)  # fmt: skip


def module(name: str) -> str:
    """Name of the module of an experiment."""
    return f"truncated_time.experiments.{name.replace('-', '_')}"


def about(name: str) -> str:
    """First line of an experiment's docstring, without importing it and its framework."""
    spec = importlib.util.find_spec(module(name))
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{module(name)} is named, but not there.")
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8")))
    return (text or "").partition("\n")[0]
