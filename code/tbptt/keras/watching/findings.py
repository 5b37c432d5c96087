"""What is unusual about the state in ``fit`` and the like, and what to do: a sentence or two each.

As for PyTorch's loops, every finding rests on what was seen. What could be meant as it is, such as
a layer that begins every batch from zeros because nothing told it to carry its state, is only
described.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tbptt.keras.watching.asked import Asked
from tbptt.keras.watching.borders import Border, Record

# So many borders before one speaks of a habit.
_HABIT = 3
_ORDER = "callbacks=[KeepState(), ResetState()], in that order"


@dataclass(frozen=True)
class History:
    """What was seen, for all findings.

    Attributes
    ----------
    records : sequence of Record
        In order, those that are kept.
    asked : sequence of Asked
        What each ``fit`` was asked for.
    backwards : frozenset of str
        Layers that read their windows from the end.
    refused : sequence of str
        What Keras's backend cannot do with the state, and what to do about it.
    """

    records: Sequence[Record]
    asked: Sequence[Asked]
    backwards: frozenset[str]
    refused: Sequence[str]

    def of(self, run: str) -> list[Record]:
        """Return the records of a kind of run."""
        return [each for each in self.records if each.border.run == run]


def findings(history: History) -> list[str]:
    """Return all that is unusual, the gravest first."""
    return [*history.refused, *(said for find in _FINDERS for said in find(history))]


def _shuffled(history: History) -> Iterator[str]:
    carried = [
        each.border
        for each in history.of("fit")
        if history.asked[each.border.call].shuffles
        and each.border.source == "fit"
        and (each.border.epoch or each.border.batch)
    ]
    if carried:
        yield (
            f"fit shuffles (shuffle=True, which is its default), and the state is carried at "
            f"{_borders(carried)}: row i of a batch begins with the state of what row i of the "
            "last one happened to hold. Deal the windows in lanes (tbptt.windows.in_lanes) and "
            "pass shuffle=False, or leave out stateful=True."
        )


def _from_other_data(history: History) -> Iterator[str]:
    back = [each.border for each in history.of("fit") if each.border.source == "validation"]
    if back:
        yield (
            f"Training goes on from a state that validation left ({_when(back[0])}): it has read "
            "other data. Keep training's own state aside with tbptt.keras.KeepState()."
        )
    for run in ("evaluate", "predict"):
        left = [
            each.border
            for each in history.of("fit")
            if each.border.source == run and (each.border.epoch or each.border.batch)
        ]
        if left:
            yield (
                f"Training goes on from a state that {run} left inside of fit ({_when(left[0])}). "
                f"Put it back: with tbptt.keras.kept_state(model): model.{run}(...)."
            )


def _into_validation(history: History) -> Iterator[str]:
    into = [
        each.border
        for each in history.of("validation")
        if each.border.batch == 0 and each.border.source == "fit" and not _one_series(history, each)
    ]
    if into:
        yield (
            f"Validation begins from the state that training left (after epoch "
            f"{into[0].epoch + 1}): unless its rows go on where training's ended, they are other "
            "sequences, and its figures depend on what was trained last. Begin it from zeros: "
            f"{_ORDER}."
        )


def _one_series(history: History, record: Record) -> bool:
    """Say whether the only row goes on with what lies after training's data in memory."""
    call = max((each.border.call for each in history.of("fit")), default=-1)
    return len(record.border.rows) == 1 and history.asked[call].validation_follows


def _across_epochs(history: History) -> Iterator[str]:
    begun = [
        each.border
        for each in history.of("fit")
        if each.border.batch == 0 and each.border.source == "fit" and _again(history, each)
    ]
    if begun:
        count = len({(each.call, each.epoch) for each in begun})
        yield (
            f"{'An epoch begins' if count == 1 else f'{count} epochs begin'} with the state that "
            f"the end of the last one left ({_when(begun[0])}), and the data begin again: fit "
            "resets nothing. Reset the state as an epoch begins: tbptt.keras.ResetState()."
        )


def _again(history: History, record: Record) -> bool:
    """Say whether an epoch reads from their beginning the data that the last one read."""
    border, asked = record.border, history.asked[record.border.call]
    if border.epoch > asked.first_epoch:
        return asked.begins_again
    return border.call > 0 and asked.same_data(history.asked[border.call - 1])


def _zero_at_every_batch(history: History) -> Iterator[str]:
    names = []
    count = 0
    for name in {each.border.layer: None for each in history.records}:
        own = [each for each in history.records if each.border.layer == name]
        inside = [each for each in own if each.border.run == "fit" and each.border.batch]
        zeroed = [each for each in inside if each.each("zero") and each.lost]
        carries = any(each.any("carried") for each in own)
        if len(zeroed) >= _HABIT and len(zeroed) == len(inside) and not carries:
            names.append(repr(name))
            count = max(count, len(zeroed))
    if names:
        yield (
            f"The state of {_listed(names)} is zeroed before every batch of fit (at {count} "
            "borders inside of epochs), so that stateful=True does what stateful=False would. "
            "Where windows of one sequence follow each other, reset it only where a sequence "
            "begins: tbptt.keras.ResetState(every=windows of a sequence)."
        )


def _reset_in_part(history: History) -> Iterator[str]:
    apart = []
    for _, same_batch in groupby(history.records, lambda each: each.border[:4]):
        layers = list(same_batch)
        for each in layers:
            zero = {row for row, kind in enumerate(each.border.rows) if kind == "zero"}
            for other in layers:
                rows = {row for row, kind in enumerate(other.border.rows) if kind == "carried"}
                alike = len(each.border.rows) == len(other.border.rows)
                if alike and each.lost and zero & rows:
                    apart.append((each.border, other.border))
    if apart:
        (zeroed, kept), *_ = apart
        yield (
            f"Only a part of the layers is reset: {zeroed.layer!r} begins from zeros where "
            f"{kept.layer!r} is carried ({_when(zeroed)}). reset_state() of a layer is for that "
            "layer alone; tbptt.keras.reset_rows(model) resets all, ResetState() in fit."
        )


def _drawn_anew(history: History) -> Iterator[str]:
    in_fit = history.of("fit")
    drawn = [each.border for each in in_fit if each.any("random")]
    if len(drawn) >= _HABIT and len(drawn) > 0.9 * len(in_fit):
        yield (
            f"The state is drawn again at {len(drawn)} of {len(in_fit)} borders: neither carried "
            "nor zero, another one each time, and all units alike as random numbers are. The "
            "network has to learn to forget it, or learns to read it; begin from zeros, and carry "
            "it where rows go on."
        )


def _backwards(history: History) -> Iterator[str]:
    carried = {
        each.border.layer: None
        for each in history.records
        if each.border.layer in history.backwards and each.any("carried")
    }
    if carried:
        yield (
            f"{_listed([repr(name) for name in carried])} reads its windows from the end and "
            "carries its state: the last step of a window begins with what the first step of the "
            "window before left. Let only layers that read forwards carry their state."
        )


def _not_finite(history: History) -> Iterator[str]:
    broken = [each.border for each in history.records if each.broken]
    if broken:
        yield (
            f"The state is NaN or infinite after a batch ({_when(broken[0])}), and stays so in "
            "these rows until it is reset. Look for a learning rate that is too high, or for such "
            "values in the data."
        )


def _unseen(history: History) -> Iterator[str]:
    hidden = sum(each.border.unseen for each in history.records)
    if hidden:
        first = next(each.border for each in history.records if each.border.unseen)
        yield (
            f"steps_per_execution hides {hidden} of {hidden + len(history.records)} borders "
            f"({first.unseen + 1} batches run at once): no callback is called between them, so "
            "that nothing is seen there, and nothing can be reset. Compile with "
            "steps_per_execution=1 while you look."
        )


def _when(border: Border) -> str:
    """Say where it was seen first, epochs counted from 1 as Keras prints them."""
    epoch = f"epoch {border.epoch + 1}, " if border.run in ("fit", "validation") else ""
    return f"first in {border.run}, {epoch}batch {border.batch}"


def _borders(borders: Sequence[Border]) -> str:
    return f"{len(borders)} border{'s' * (len(borders) != 1)}"


def _listed(names: Sequence[str]) -> str:
    """Join names as a sentence does."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


_FINDERS: tuple[Callable[[History], Iterator[str]], ...] = (
    _shuffled, _from_other_data, _into_validation, _across_epochs, _zero_at_every_batch,
    _reset_in_part, _drawn_anew, _backwards, _not_finite, _unseen,
)  # fmt: skip
