"""What is unusual in a loop that was watched, and what to do: a sentence each, with its evidence.

Every finding rests on what was seen, not on taste: a sound loop gives none. Loops that could be
meant as they are, such as one that begins each window from zeros, are only described.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from tbptt.pytorch.watching.history import History
from tbptt.pytorch.watching.passes import Call
from tbptt.pytorch.watching.successors import jump, other_successors

# So many borders, or passes, before one speaks of a habit.
_HABIT = 3


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
    # A step that begins a sequence is none at which anything could be detached.
    going_on = [call for call in live[1:] if call.linked or _any(call.carried)]
    carried = [call for call in going_on if not call.linked]
    one_step = all(call.steps == 1 for call in live)
    if one_step and history.passes and len(carried) >= max(_HABIT, 0.9 * len(going_on)):
        yield (
            f"The state is detached at every step: at {len(carried)} of {len(going_on)} steps it "
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
            "summed up over passes. Begin the sum again after each backward(), and detach the "
            "state."
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
    # Training's own: validation may carry its state and record gradients, too.
    following = [
        call for call, _ in history.borders if call.follows and call.recorded and call.training
    ]
    anew = [
        call
        for call in following
        if call.source is None and (all(call.row_flags()[1]) or call.number in history.drawn)
    ]
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
            f"The state is drawn again at {len(drawn)} of {len(live)} borders: neither carried nor "
            "zero, another one each time, and all units alike as random numbers are. The network "
            "has to learn to forget it, or learns to read it; begin from zeros or from a learned "
            "state, and carry it where rows go on."
        )


def _carried_across_a_jump(history: History) -> Iterator[str]:
    # Step by step without gradients a loop acts, or writes: its inputs are drawn, and may jump.
    carried = [
        call
        for call, _ in history.borders
        if call.source is not None and not call.cut_rows and (call.recorded or call.steps > 1)
    ]
    far = jump(carried, [float(call.moves) for call in history.calls if call.moves is not None])
    evidence = other_successors(carried) or (far and f"inputs jump {far:.0f} times as far there")
    if evidence:
        yield (
            f"The state is carried where the data do not go on: {evidence}. Row i of a batch must "
            "continue row i of the last one: deal the windows in lanes "
            "(tbptt.windows.stateful_batches), with shuffle=False, or reset the state before each "
            "window. tbptt.windows.continuity looks at the pipeline itself."
        )


def _across_epochs(history: History) -> Iterator[str]:
    begun = [
        call
        for call, before in history.borders
        if call.again and call.recorded and call.training and call.source == before.number
    ]
    if begun:
        count = f"{len(begun)} times" if len(begun) > 1 else "once"
        yield (
            f"The state is carried from the end of the data to where they begin again, {count} "
            f"(first at step {begun[0].first}): each epoch begins with what the last one left. "
            "Begin every epoch from zeros."
        )


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
    # Windows that go on from nothing may have any length, as sentences do.
    known = {call.number: call for call in history.calls}
    begun = [known[int(reached[0])] for _, _, reached in history.passes[1:]]
    going_on = all(call.source is not None or call.follows for call in begun)
    # A chunk that is cut short comes last, and alone.
    if ordered and going_on and longer and len(shorter) >= 2:
        yield (
            f"Chunks have {first} and {first - 1} steps, {len(lengths)} in all: tensor_split and "
            "chunk take the number of chunks. If you asked for a length, use split(length)."
        )


def _any(flag: object) -> bool:
    return bool(torch.as_tensor(flag).any())


_FINDERS: tuple[Callable[[History], Iterator[str]], ...] = (
    _never_detached, _counted_twice, _stale_inside, _detached_in_part, _detached_at_every_step,
    _zeroed_though_it_goes_on, _drawn_anew, _carried_across_a_jump, _across_epochs,
    _into_validation, _rows_cut_off, _uneven_chunks,
)  # fmt: skip
