"""What is unusual in a loop that was watched, and what to do: a sentence each, with its evidence.

Every finding rests on what was seen, not on taste: a sound loop gives none. Loops that could be
meant as they are, such as one that begins each window from zeros, are only described.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tbptt.pytorch.watching.ledger import Call, Ledger, Pass

# So many borders, or passes, before one speaks of a habit.
_HABIT = 3
# How much larger a jump of the inputs at borders is than inside windows, where rows do not go on.
_JUMP, _SAMPLES = 3.0, 16


@dataclass
class History:
    """A ledger, read once for all findings.

    Attributes
    ----------
    calls : list of Call
        In order, those that are kept.
    borders : list of (Call, Call)
        Every call whose state came in without a way back for errors, with the call before it.
    passes : list of (Pass, ndarray of int, ndarray of int)
        With the steps whose losses it owns, and the numbers of the calls that it reached.
    counts : ndarray of int, shape (steps, steps)
        As `Seen.counts`.
    drawn : set of int
        The calls whose state looks drawn at random.
    failed : str
        The message of the error that ended the loop; empty where none did.
    """

    calls: list[Call]
    borders: list[tuple[Call, Call]]
    passes: list[tuple[Pass, NDArray[np.int64], NDArray[np.int64]]]
    counts: NDArray[np.int64]
    drawn: set[int]
    failed: str

    @classmethod
    def of(cls, ledger: Ledger, failed: str = "") -> History:
        """Read a ledger."""
        ledger.settle()
        calls = list(ledger.calls.values())
        borders = [(a, b) for a, b in zip(calls[1:], calls, strict=False) if not a.linked]
        passes = []
        for backward in ledger.passes:
            steps, reached = [], []
            for errors, call in ledger.errors(backward):
                steps.append(errors)
                reached.append(call.number)
            if steps:
                owned = np.unique(np.concatenate(steps))
                passes.append((backward, owned, np.array(sorted(reached))))
        return cls(calls, borders, passes, ledger.counts()[1], _drawn(borders), failed)


def findings(history: History) -> list[str]:
    """Return all that is unusual, the gravest first."""
    return [sentence for find in _FINDERS for sentence in find(history)]


def _never_detached(history: History) -> Iterator[str]:
    again = "a second time" in history.failed or "modified by an inplace" in history.failed
    starts = [int(reached[0]) for _, _, reached in history.passes]
    lengths = [len(reached) for _, _, reached in history.passes]
    latest = lengths[-_HABIT - 2 :]
    grows = len(latest) == _HABIT + 2 and len(set(starts[-_HABIT - 2 :])) == 1
    grows = grows and latest == sorted(set(latest))
    crossing = any(
        set(reached) & set(before)
        for (_, _, reached), (_, _, before) in zip(history.passes[1:], history.passes, strict=False)
    )
    # Where a loss is summed up over passes, they grow as well, through states that are detached.
    crossing = crossing and _hangs_together(history)
    longer = again and bool(history.calls) and _chain_is_longer(history)
    if not _cut_in_part(history) and (longer or (grows and crossing)):
        yield (
            "The state is never detached: each backward pass goes back through the steps of those "
            f"before it (the longest through {max(lengths, default=0)} calls), and the graph "
            "grows. Detach the state where a pass ends: state = state.detach(), and both parts of "
            "an LSTM's."
        )


def _hangs_together(history: History) -> bool:
    """Tell whether errors of the last pass went from call to call all the way."""
    reached = {int(number) for number in history.passes[-1][2][1:]}
    return all(call.linked for call in history.calls if call.number in reached)


def _chain_is_longer(history: History) -> bool:
    """Tell whether the last calls hang together with one that a pass has been through."""
    passed = {int(number) for _, _, reached in history.passes for number in reached}
    known = {call.number: call for call in history.calls}
    number: int | None = history.calls[-1].number
    while number is not None and number in known:
        if number in passed:
            return True
        number = next((link for link in known[number].links if link is not None), None)
    return False


def _detached_at_every_step(history: History) -> Iterator[str]:
    live = [call for call in history.calls if call.recorded]
    carried = [call for call in live[1:] if not call.linked and _any(call.carried)]
    one_step = all(call.steps == 1 for call in live)
    most = max(_HABIT, 0.9 * (len(live) - 1))
    if one_step and history.passes and len(carried) >= most:
        yield (
            f"The state is detached at every step: at {len(carried)} of {len(live) - 1} steps it "
            "was carried by value, without a way back, so that no error reaches an earlier step. "
            "Detach it where a chunk ends, not inside."
        )


def _detached_in_part(history: History) -> Iterator[str]:
    cut = _cut_in_part(history)
    if cut:
        (first, *_) = cut
        names = ("h", "c") if len(first.links) == 2 else tuple(map(str, range(len(first.links))))
        kept = [name for name, link in zip(names, first.links, strict=True) if link is not None]
        lost = [name for name, link in zip(names, first.links, strict=True) if link is None]
        yield (
            f"Only a part of the state is detached: at {len(cut)} calls (first at step "
            f"{first.first}) errors still go back through {', '.join(kept)}, and no longer through "
            f"{', '.join(lost)}. Detach all parts, or none: "
            "state = tuple(part.detach() for part in state)."
        )


def _cut_in_part(history: History) -> list[Call]:
    return [
        call
        for call in history.calls
        if call.linked and any(link is None for link in call.links) and call.recorded
    ]


def _counted_twice(history: History) -> Iterator[str]:
    prints: dict[int, list[torch.Tensor]] = {}
    twice: set[int] = set()
    for backward, _, _ in history.passes:
        for number, marks in backward.prints.items():
            alike = any(_same_direction(marks, earlier) for earlier in prints.get(number, ()))
            if alike:
                twice.add(number)
            else:
                prints.setdefault(number, []).append(marks)
    if twice:
        most = int(history.counts.max()) if history.counts.size else 0
        yield (
            f"Losses count more than once: the errors of {len(twice)} calls came again in a later "
            f"backward pass (up to {most} times), as with retain_graph=True around a loss that is "
            "summed up over passes. Begin the sum anew after each backward(), and detach the state."
        )


def _same_direction(one: torch.Tensor, other: torch.Tensor) -> bool:
    a, b = one.double().cpu(), other.double().cpu()
    size = float(a.norm() * b.norm())
    return size > 0 and float(a @ b) > (1 - 1e-6) * size


def _stale_inside(history: History) -> Iterator[str]:
    known = {call.number: call for call in history.calls}
    for _, _, reached in history.passes[: len(history.passes) - bool(history.failed)]:
        updates = {known[int(number)].updates for number in reached if int(number) in known}
        if len(updates) > 1:
            yield (
                "The weights changed inside a backward pass: it went back through steps that ran "
                "with earlier weights, so that what it computed is the gradient of neither. Update "
                "after a pass, then detach; for an update every k1 < k2 steps, run the window "
                "again: tbptt.pytorch.online."
            )
            return


def _zeroed_though_it_goes_on(history: History) -> Iterator[str]:
    anew = [
        call
        for call, _ in history.borders
        if call.follows
        and call.recorded
        and call.source is None
        and (all(call.row_flags()[1]) or call.number in history.drawn)
    ]
    following = [call for call, _ in history.borders if call.follows and call.recorded]
    if len(anew) >= 2 and len(anew) > 0.9 * len(following):
        what = "zeros" if all(all(call.row_flags()[1]) for call in anew) else "a new state"
        yield (
            f"Every chunk begins from {what} though its data go on where the last chunk ended "
            f"({len(anew)} borders): what happened before a chunk is lost to it. Carry the state: "
            "keep what the last call returned, detached."
        )


def _drawn_anew(history: History) -> Iterator[str]:
    drawn, live = history.drawn, [call for call, _ in history.borders if call.recorded]
    told = any(True for _ in _zeroed_though_it_goes_on(history))
    if len(drawn) >= _HABIT and len(drawn) > 0.9 * len(live) and not told:
        yield (
            f"The state is drawn anew at {len(drawn)} of {len(live)} borders: neither carried nor "
            "zero, another one each time, and all units alike as random numbers are. The network "
            "has to learn to forget it, or learns to read it; begin from zeros or from a learned "
            "state, and carry it where rows go on."
        )


def _drawn(borders: list[tuple[Call, Call]]) -> set[int]:
    """Return the calls whose state looks drawn at random: no unit differs from the others.

    States that a network left somewhere else, in a buffer, say, have units of their own means: then
    the means of units differ by much more than the means of as many random numbers would.
    """
    strange = [call for call, _ in borders if call.strange is not None and call.recorded]
    rows = [call.strange.double().cpu() for call in strange if call.strange is not None]
    if not rows or len({part.shape[1:] for part in rows}) > 1:
        return set()
    states = torch.cat(rows)
    count, units = states.shape
    if units < 4 or count < 8 or len(states.unique(dim=0)) < 0.9 * count:
        return set()
    ratio = count * states.mean(0).var() / states.var()
    return {call.number for call in strange} if ratio < 3 else set()


def _carried_across_a_jump(history: History) -> Iterator[str]:
    carried = [a for a, b in history.borders if a.source == b.number and a.rows == b.rows]
    jump = _jump(carried, [float(call.moves) for call in history.calls if call.moves is not None])
    evidence = _other_successors(carried) or (jump and f"inputs jump {jump:.0f} times as far there")
    if evidence:
        yield (
            f"The state is carried where the data do not go on: {evidence}. Row i of a batch must "
            "continue row i of the last one: deal the windows in lanes "
            "(tbptt.windows.stateful_batches), with shuffle=False, or begin each window anew. "
            "tbptt.windows.continuity looks at the pipeline itself."
        )


def _jump(carried: list[Call], moves: list[float]) -> float | None:
    """Return how much further inputs jump at borders than inside windows, if that is far."""
    pairs = [
        (call.begins, call.before)
        for call in carried
        if call.begins is not None and call.before is not None
        and call.begins.is_floating_point() and call.begins.shape == call.before.shape
    ]  # fmt: skip
    if not moves or sum(len(begins) for begins, _ in pairs) < _SAMPLES:
        return None
    begins, before = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    across, within = float((begins - before).abs().mean()), float(np.mean(moves))
    spread = float((begins - begins.roll(len(begins) // 2, 0)).abs().mean())
    far = 0 < _JUMP * within < across and across > 0.5 * spread
    return across / within if far else None


def _other_successors(carried: list[Call]) -> str:
    """Say if the same past was followed by one window, and later by another.

    In a series of few words the same past has many successors anyway: then it has them inside
    windows too, and this says nothing.
    """
    known = [(call.past, call.begins) for call in carried if call.past is not None]
    within = _conflicts((past[:, :-1], past[:, -1]) for past, _ in known)
    across = _conflicts((past[:, 1:], begins) for past, begins in known if begins is not None)
    others, repeated = sum(across.values()), len(across)
    chance = sum(within.values()) / max(len(within), 1)
    if others >= _SAMPLES and others > 0.5 * repeated and chance < 0.5 * others / repeated:
        return f"{others} of {repeated} windows were followed by another one than before"
    return ""


def _conflicts(pairs: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> dict[str, bool]:
    """Tell of every past that came again whether something else followed it then."""
    after: dict[str, str] = {}
    changed: dict[str, bool] = {}
    for pasts, nexts in pairs:
        if not pasts.shape[1]:
            continue
        for past, following in zip(pasts.flatten(1).tolist(), nexts.tolist(), strict=True):
            key, value = repr(past), repr(following)
            if key in after and len(set(past)) > 1:  # padding says nothing
                changed[key] = changed.get(key, False) or after[key] != value
            after[key] = value
    return changed


def _into_validation(history: History) -> Iterator[str]:
    known = {call.number: call for call in history.calls}
    into = [
        (call, known[call.source])
        for call in history.calls
        if call.source in known and known[call.source].training != call.training
    ]
    back = [call for call, earlier in into if call.training and not earlier.training]
    if back:
        yield (
            f"Training goes on from a state that validation left (at step {back[0].first}): it has "
            "read other data. Keep training's own state aside, and begin validation from zeros."
        )
    elif into:
        yield (
            f"Validation begins from the state that training left (at step {into[0][0].first}): "
            "its rows are other sequences, and its figures depend on what was trained last. Begin "
            "it from zeros, or let it read its own past first."
        )


def _rows_cut_off(history: History) -> Iterator[str]:
    cut = [call for call in history.calls if call.cut_rows and call.source is not None]
    if cut:
        yield (
            f"A short batch cuts rows off the state: {cut[0].cut_rows} rows end at step "
            f"{cut[0].first}, and the others may go on with a state of another row. Drop the last "
            "short batch (drop_last=True), or deal all rows in lanes of equal length."
        )


def _uneven_chunks(history: History) -> Iterator[str]:
    lengths = [len(owned) for _, owned, _ in history.passes]
    first = lengths[0] if lengths else 0
    longer = [length for length in lengths if length == first]
    shorter = [length for length in lengths if length == first - 1]
    ordered = lengths == longer + shorter
    if ordered and len(longer) >= 2 and len(shorter) >= 2:
        yield (
            f"Chunks have {first} and {first - 1} steps, {len(lengths)} in all: tensor_split and "
            "chunk take the number of chunks. If you asked for a length, use split(length)."
        )


def _any(flag: object) -> bool:
    return bool(torch.as_tensor(flag).any())


_FINDERS: tuple[Callable[[History], Iterator[str]], ...] = (
    _never_detached, _counted_twice, _stale_inside, _detached_in_part, _detached_at_every_step,
    _zeroed_though_it_goes_on, _drawn_anew, _carried_across_a_jump, _into_validation,
    _rows_cut_off, _uneven_chunks,
)  # fmt: skip
