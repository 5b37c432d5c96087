"""What was seen, described: which runs there were, and what their batches began with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from tbptt.keras.watching.borders import Border

_RUNS = ("fit", "validation", "evaluate", "predict")
_WORDS = {"zero": "from zeros", "random": "from random states", "other": "from another state"}


def described(layers: Mapping[str, Any], borders: Sequence[Border]) -> Iterator[str]:
    """Yield a sentence for every layer, and for every kind of run of those that carry state."""
    for name, layer in layers.items():
        kind = type(layer).__name__
        if not layer.stateful:
            yield (
                f"{name} ({kind}) is stateless: every call begins from zeros, or from the state "
                "that the model hands it, and carries nothing to the next batch."
            )
            continue
        own = [border for border in borders if border.layer == name]
        for run in _RUNS:
            seen = [border for border in own if border.run == run]
            if seen:
                rows = f"{len(seen[0].rows)} row{'s' * (len(seen[0].rows) != 1)}"
                yield f"{name} ({kind}, {rows}), {run}: {_run(run, seen)}"
        if not own:
            yield f"{name} ({kind}) carries its state, and no batch of it was seen."


def _run(run: str, seen: Sequence[Border]) -> str:
    """Describe the runs of a kind: what each begins with, and what is inside."""
    pieces = [list(piece) for _, piece in groupby(seen, lambda border: border[:3])]
    noun = "epoch" if run == "fit" else "run"
    batches = sum(1 + border.unseen for border in seen)
    counted = f"{_count(len(pieces), noun)}, {_count(batches, 'batch', 'es')}. "
    # Of a long training only the end is kept, and so not the beginning of every epoch.
    begun = [(n, piece[0]) for n, piece in enumerate(pieces, 1) if not piece[0].batch]
    starts = [
        ([number for number, _ in group], words)
        for words, group in groupby(begun, lambda pair: _words(pair[1]))
    ]
    whole = len(starts) == 1 and len(begun) == len(pieces)
    if whole and len(pieces) > 1:
        said = [f"Each begins {starts[0][1]}"]
    elif whole:
        said = [f"It begins {starts[0][1]}"]
    else:
        said = [_numbered(noun, numbers, words) for numbers, words in starts]
    sentences = [", ".join(said)] * bool(said)
    inside = [border for border in seen if border.batch]
    if inside:
        carried = sum(set(border.rows) == {"carried"} for border in inside)
        parts = sum("carried" in border.rows for border in inside) - carried
        some = f", at {parts} more in a part of the rows" * bool(parts)
        sentences.append(
            f"inside, the state is carried at {carried} of {_count(len(inside), 'border')}{some}"
        )
    told = "; ".join(sentences)
    return f"{counted}{told[0].upper()}{told[1:]}."


def _numbered(noun: str, numbers: Sequence[int], words: str) -> str:
    several = len(numbers) > 1
    last = f" to {numbers[-1]}" * several
    return f"{noun}{'s' * several} {numbers[0]}{last} begin{'s' * (not several)} {words}"


def _words(border: Border) -> str:
    """Say what a batch begins with."""
    counts = Counter(border.rows)
    left = f"with the state that {border.source} left"
    if len(counts) == 1:
        (kind,) = counts
        return _WORDS.get(kind, left)
    parts = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    return f"with rows of several kinds ({parts})"


def _count(count: int, noun: str, more: str = "s") -> str:
    return f"{count} {noun}{more * (count != 1)}"
