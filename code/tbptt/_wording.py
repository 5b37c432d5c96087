"""Sentences on lines that fit a page."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill

_WIDTH = 76


def report(lines: Iterable[str], findings: Iterable[str]) -> str:
    """Join what is said and, each marked, what is unusual; continued lines are indented."""
    marked = [*lines, *(f"! {sentence}" for sentence in findings)]
    return "\n".join(
        fill(line, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for line in marked
    )
