"""Numbers that the prose quotes from the cells: myst-nb's `glue`, without needing myst-nb."""

from __future__ import annotations

from typing import Any

try:
    from IPython.display import display
except ImportError as error:
    raise ImportError(
        "truncated_time.notebook needs IPython: pip install 'tbptt[pictures]'"
    ) from error

_PREFIX = "application/papermill.record/"


def glue(**values: Any) -> None:
    """Store values under their names, for ``{glue:text}`` in the text; nothing is shown.

    myst-nb has a function of this name that takes one value at a time; where a chapter is run
    elsewhere (Colab), myst-nb is not installed. The record is the same.

    Parameters
    ----------
    **values
        Numbers and short strings, by the name that the prose uses.

    Examples
    --------
    >>> from truncated_time.notebook import glue
    >>> glue(accuracy=0.75)  # a notebook shows nothing, and keeps this record
    {'application/papermill.record/text/plain': '0.75'}
    """
    for name, value in values.items():
        display(
            {f"{_PREFIX}text/plain": value if isinstance(value, str) else repr(value)},
            metadata={"scrapbook": {"name": name, "mime_prefix": _PREFIX}},
            raw=True,
        )
