"""Answers as readers give them: the right ones pass, and the usual wrong ones are told why."""

import math
import numbers
import re
from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest
import torch

from tbptt import Truncation
from tbptt.keras import twin
from truncated_time.exercises import NAMES, Result, check
from truncated_time.recipes import forget
from truncated_time.tasks import echo_floors


def rows_by_where(state, cut, begins):
    state = torch.where(cut[:, None], state.detach(), state)
    return torch.where(begins[:, None], 0.0, state)


def everything_detached(state, cut, begins):
    return torch.where(begins[:, None], 0.0, state.detach())


def cut_is_reset(state, cut, begins):
    return torch.where((cut | begins)[:, None], 0.0, state)


def begins_is_detached(state, cut, begins):
    return torch.where((cut | begins)[:, None], state.detach(), state)


def nothing_is_cut(state, cut, begins):
    return torch.where(begins[:, None], 0.0, state)


def starts_by_where(begins, learned, saved):
    return torch.where(begins[:, None], learned, saved.detach())


def starts_by_mixing(begins, learned, saved):
    rows = begins[:, None].float()
    return rows * learned + (1 - rows) * saved.detach()


def last_that_counts(sizes, agreements):
    counts = (sizes >= max(sizes) / 20) & (agreements >= 0.5)
    return int(np.flatnonzero(counts)[-1]) + 1


def in_place(state, cut, begins):
    with torch.no_grad():
        state[begins] = 0
    return rows_by_where(state, cut, begins)


def in_chunks(network, loss_of, x, y, k, hand_back=True, whole=False):
    k = len(x) if whole else k
    states = [x.new_zeros(x.shape[1], 4)]
    with torch.no_grad():
        for chunk in x.split(k):
            states.append(network(chunk, states[-1])[1])
    error = torch.zeros_like(states[0])
    for start, chunk in zip(states[-2::-1], x.split(k)[::-1], strict=True):
        leaf = start.clone().requires_grad_()
        said, state = network(chunk, leaf)
        error = error if hand_back else torch.zeros_like(error)
        torch.autograd.backward([loss_of(said, y), state], [None, error])
        error = leaf.grad


def all_in_one_graph(network, loss_of, x, y, k):
    state, total = x.new_zeros(x.shape[1], 4), 0
    for chunk in x.split(k):
        said, state = network(chunk, state)
        total = total + loss_of(said, y)
    total.backward()


def without_errors(network, loss_of, x, y, k):
    in_chunks(network, loss_of, x, y, k, hand_back=False)


def nothing(*arguments):
    return None


def last(outputs, lengths, before):
    return np.array(
        [row[n - 1] if n else own for row, n, own in zip(outputs, lengths, before, strict=True)]
    )


def by_name(state, before, now):
    known = dict(zip(before, state, strict=True))
    return np.array([known.get(name, np.zeros(2)) for name in now])


def the_other_way_round(state, before, now):
    told = np.zeros((len(now), 2))
    for row, name in enumerate(before):
        if name in now:
            told[row] = state[now.index(name) % len(before)]
    return told


def newcomers_inherit(state, before, now):
    told = by_name(state, before, now)
    told[~told.any(axis=1)] = state[0]
    return told


def kinder(length):
    return 0.6 if length == 1 else 0.1


def gru_in_chunks(detach=True, anew=True, begin=None, keep=False):
    """A reader's loop over chunks, right or with one fault."""

    def train(cell, chunks):
        state, loss = torch.zeros(3, 4), 0.0
        for chunk in chunks:
            state = state.detach() if detach else state
            state = state if begin is None else begin(state)
            loss = 0.0 if anew else loss
            for x in chunk:
                state = cell(x, state)
                loss = loss + state.square().sum()
            loss.backward(retain_graph=True)
        return state if keep else state.detach()

    return train


LOUD = 1 - 10 ** (-1 / 20)  # the chance that makes an error at lag 20 count tenfold
LSTM = 4 * 512 * (64 + 512 + 2)
WAYS = {"a": "whole", "b": "online", "c": "once"}
LANES = [["A1", "B1"], ["A2", "B2"], ["A3", "B3"], ["C1", "D1"], ["C2", "D2"], ["C3", "D3"]]
IN_TURN = [["A1", "A2"], ["A3", "B1"], ["B2", "B3"], ["C1", "C2"], ["C3", "D1"], ["D2", "D3"]]
STEP_BY_STEP = [["A1", "B1"], ["C1", "D1"], ["A2", "B2"], ["C2", "D2"], ["A3", "B3"], ["C3", "D3"]]

LEAKS = {"a": False, "b": True, "c": False, "d": False}


def begins(done):
    resets = np.ones_like(done)
    resets[1:] = done[:-1]
    return resets


def begins_in_place(done):
    done[1:] = done[:-1].copy()
    done[0] = True
    return done


def turned(table, length):
    return np.lib.stride_tricks.sliding_window_view(table.T, length, axis=0).swapaxes(1, 2)


def reshaped(table, length):
    features, steps = table.shape
    wrong = table.reshape(steps, features)
    return np.stack([wrong[start : start + length] for start in range(steps - length + 1)])


def fresh_rows(lanes):
    begins = np.zeros((sum(lanes[0]), len(lanes)), dtype=bool)
    for row, lengths in enumerate(lanes):
        at = 0
        for length in lengths:
            begins[at, row] = True
            at += length
    return begins


def whole_batches(lanes):
    return fresh_rows(lanes) | fresh_rows(lanes).any(axis=1, keepdims=True)


def first_batch_only(lanes):
    return fresh_rows(lanes) & (np.arange(sum(lanes[0])) == 0)[:, None]


def serve(model, sequence):
    one = twin(model, 1)
    for step in sequence:
        answer = one(step[None, None])
    return answer


ONES = []  # a twin that is built once, and never reset


def goes_on(model, sequence):
    if not ONES:
        ONES.append(twin(model, 1))
    for step in sequence:
        answer = ONES[0](step[None, None])
    return answer


def nearly_forget(trail):
    for leaf, _ in trail:
        leaf.grad = torch.full_like(leaf, 1e-9)


RIGHT = {
    "factors": [(20, 4, 166_650, 99)],
    "rate": [(0.02, 0.01), [0.0195, 0.0101]],
    "which-steps": [({3}, {2, 3, 4}), ([3], [4, 3, 2])],
    "shapes": [((6, 5, 8), (2, 6, 8)), [torch.Size([6, 5, 8]), torch.Size([2, 6, 8])]],
    "rows": [rows_by_where, lambda s, c, b: ~b[:, None] * torch.where(c[:, None], s.detach(), s)],
    "exact": [in_chunks],
    "forgotten": [[5, 5, 10, 5], np.array([5, 5, 10, 5])],
    "middle": [(Fraction(3, 4), Fraction(17, 22)), (0.75, 0.773)],
    "shortest": [20],
    "lopsided": [(0.8, 0.6)],
    "named": [(0.65, 0.8), (Fraction(13, 20), Fraction(4, 5))],
    "input-shape": [(1160, 100, 6)],
    "turn": [turned, lambda table, length: [table.T[i : i + length].tolist()
                                            for i in range(table.shape[1] - length + 1)]],
    "two-lanes": [([0, 2, 4, 6], [1, 3, 5]), ([1, 3, 5], [0, 2, 4, 6])],
    "context": [(0.19, 51)],
    "count": [0.94, 15 / 16],
    "digits": [[0.5, 0.8, 0.75, 0.65]],
    "lane-order": [
        (LANES, [0, 3]),
        ([[b, a] for a, b in LANES], (0, 3)),
        ([[one.replace("B", "x").replace("C", "B").replace("x", "C") for one in row]
          for row in LANES], [0, 3]),
    ],
    "unequal": [{"at": [2, 3]}, {"at": (0, 2, 3)}],
    "fresh-rows": [fresh_rows, lambda lanes: fresh_rows(lanes).tolist()],
    "moves": [{"a", "b", "e"}, "abe"],
    "saved": [(320, 80)],
    "serve": [serve, lambda model, sequence: twin(model, 1)(sequence[None])],
    "two-distances": [lambda t, window: (t + 1, t % window + 1)],
    "border": [([7, 15, 23], [8, 16]), ([15, 23], (8, 16))],
    "identity": [(False, True)],
    "grow": ["be", "E, b"],
    "how-much-state": [(16, 8, 24, 48)],
    "begin": [starts_by_where, starts_by_mixing],
    "mask": [{"zero_output_for_mask": True}],
    "last-output": [last],
    "own-state": [by_name],
    "far": [(1 / 7, 3470 / 3500), (0.143, 0.991)],
    "bug": [forget],
    "updates": [(5809, 1452)],
    "share": [(2 / 3, 1 / 3), (0.667, 0.333)],
    "fair": [{"B", "C"}, ["C", "B"]],
    "gap": [14],
    "recordings": [[18, 5, 0], np.array([18, 5, 0])],
    "work": [(19_810, 1_990, 19)],
    "again": [(4, 1)],
    "two-thirds": [(13, 36)],
    "one-per-cent": [0.1425, math.tan(math.acos(0.99))],
    "without-lag": [
        [(1, Truncation(24, 24)), (-1, Truncation.true(4)), (1, Truncation.true(3))],
        [(-1, Truncation.true(4)), (1, Truncation.true(40)), (1, Truncation.true(3))],
    ],
    "read-reach": [last_that_counts],
    "below-rounding": [(20, 40)],
    "gate": [3, math.log(0.95 / 0.05)],
    "semi": [Truncation(3, 8)],
    "translate": [[Truncation(4, 12), Truncation(25, 25), Truncation(10, 10), Truncation(1, 16)]],
    "what-it-is": [Truncation(3, 6)],
    "lost-row": [(8, 1), [8, 1]],
    "begin-again": [[(2, 1), (3, 0), (3, 2)], np.array([(3, 2), (3, 0), (2, 1), (0, 0)])],
    "how-often": [(5, 1), np.array([5, 1])],
    "fix-it": [gru_in_chunks()],
    "two-means": [(3, 0.005)],
    "whose-row": [(1, 3), [1, 3]],
    "name-tags": [128],
    "freeze-midway": [(0.01, 2.5)],
    "impossible": [np.log(2), torch.tensor(0.6932)],
    "fingerprint": [{"SameRandom": 0.5, "SameDistRandom": 1.0}],
    "updates-left": [(960, 60, 16), [960, 60, 16.0]],
    "alone": [27],
    "which-leak": [LEAKS],
    "short-warm-up": [(5, 1.25)],
    "window-length": [math.ceil(5 * np.subtract(*echo_floors()[::-1]) / 0.01)],
    "done": [begins, lambda done: np.vstack([done[:1] | True, done[:-1]])],
    "choose-k2": [(1 / 4, 1, 4), (0.25, 1.0, 3.996)],
    "choose-guide": [WAYS],
    "choose-device": [Truncation(50, 200)],
    "choose-change": [(0.9589, 0.9445), (0.959, 0.944)],
    "case-cut": [(3, 9)],
    "case-neighbours": [0.686, [0.69]],
    "case-look": [(0.585, 0.547)],
    "case-flag": [(0.5384, 58 / 59), (0.538, 0.98)],
    "case-left": [(-0.256, -0.561), (-0.26, -0.56)],
    "coin": [(LOUD, 1 / LOUD, 0.1), (0.109, 9.2, 0.1)],
    "tail": [kinder, lambda length: 0.5 if length == 1 else 0.125],
    "sign": [(-1 / 2, -4 / 9, 2)],
    "blind": [(4, 1e-4, True), [3, 8e-4, 1], (5, 2e-5, np.True_)],
    "lstm": [(4 * 1024 * LSTM, LSTM / 1000), (4.85e9, 1184)],
    "ring": [(8, 3), torch.tensor([8, 3])],
    "kept": [(0.8**5, 0.9**5, (1 + 0.8**5) / 2), (0.328, 0.590, 0.664)],
    "forecast": [(4, 1.44, 11), (4.0, 1.44, 11.0)],
    "hops": [(12, 7)],
    "state-bytes": [(3_301_441_536, 263)],
    "packed": [([0, 700, 900, 1024], [0, 176, 676], 1)],
    "chunk-size": [(29, 693)],
    "nested": [(3, 168), [3, 168.0]],
    "compose": [(0.2, 1.9, 12)],
    "outgrown": [(1.0032, 4.51)],
    "burn-in": [(21, 4603)],
    "reread": [(2.85, 10.5)],
}  # fmt: skip

WRONG = [
    ("kept", (0.8**4, 0.9**5, 0.664), "count the steps again"),
    ("kept", (0.9**5, 0.9**5, 0.664), "connection to itself"),
    ("kept", (0.5, 0.9**5, 0.664), "what does a unit keep"),
    ("kept", (0.8**5, 0.8**5, 0.664), "hears itself as well"),
    ("kept", (0.8**5, 0.1, 0.664), "only the diagonal"),
    ("kept", (0.8**5, 0.9**5, 0.9**5), "comes back from it"),
    ("kept", (0.8**5, 0.9**5, 0.1), "five times over"),
    ("forecast", (5, 1.44, 11), "own loss is not among them"),
    ("forecast", (1, 1.44, 11), "0.8 of the one after"),
    ("forecast", (4, 1.8, 11), "state \\*before\\* the chunk"),
    ("forecast", (4, 1.0, 11), "two steps, and nothing"),
    ("forecast", (4, 1.44, 10.5), "whole number"),
    ("forecast", (4, 1.44, 21), "Count chunks, not steps"),
    ("forecast", (4, 1.44, 10), "for the first time"),
    ("what-it-is", Truncation(1, 6), "what its author says"),
    ("what-it-is", Truncation(6, 6), "The reach is right"),
    ("what-it-is", Truncation(3, 5), "goes furthest"),
    ("what-it-is", (3, 6), "Truncation\\(k1, k2\\)"),
    ("lost-row", (9, 1), "counted from 0"),
    ("lost-row", (8, 2), "Which row"),
    ("lost-row", (4, 1), "still knows"),
    ("lost-row", (1, 8), "First the step"),
    ("lost-row", (0, 1), "between 1 and 19"),
    ("lost-row", 8, "two things"),
    ("begin-again", [(1, 1), (2, 0), (2, 2)], "Name those that begin"),
    ("begin-again", [(1, 2), (0, 3), (2, 3)], "First the batch"),
    ("begin-again", [(2, 1), (3, 0), (3, 1), (3, 2)], "goes on where it was"),
    ("begin-again", [(2, 1), (3, 0)], "not all"),
    ("begin-again", [2, 3, 3], "pairs"),
    ("how-often", (1, 1), "How often is it sent back"),
    ("how-often", (1, 5), "other way round"),
    ("how-often", (4, 1), "diagonal"),
    ("fix-it", gru_in_chunks(detach=False), "watch says: "),
    ("fix-it", gru_in_chunks(anew=False), "watch says: Losses count"),
    ("fix-it", gru_in_chunks(begin=torch.zeros_like), "watch says: Every chunk begins from zeros"),
    ("fix-it", gru_in_chunks(begin=lambda state: 0.5 * state), "does not get through"),
    ("fix-it", gru_in_chunks(keep=True), "still has its graph"),
    ("fix-it", lambda cell, chunks: None, "Return the last state"),
    ("fix-it", lambda cell, chunks: torch.zeros(3, 4), "saw 0 of 24"),
    ("fix-it", lambda cell, chunks: gru_in_chunks()(cell, torch.cat(chunks).split(6)), "k1=6"),
    ("gap", 29, "Those are hours"),
    ("gap", 11, "has a horizon as well"),
    ("gap", 13, "still shares an hour"),
    ("gap", 15, "so is a smaller gap"),
    ("gap", 0.5, "0, 1, 2"),
    ("recordings", [18, 6, 1], "last targets do not all"),
    ("recordings", [16, 3, 0], "Targets overlap"),
    ("recordings", [18, 5, 1], "12 rows"),
    ("recordings", [17, 5, 0], "need 15 rows"),
    ("work", (20_000, 2_000, 19), "first passes are shorter"),
    ("work", (19_800, 1_990, 19), "k1 = 1"),
    ("work", (19_810, 1_980, 19), "k1 = 10"),
    ("work", (19_810, 1_990, 19_810), "move back together"),
    ("work", (19_810, 1_990, 20), "from the first of 20"),
    ("work", (19_810, 1_990, 50), "furthest error"),
    ("again", (4, 2), "just run"),
    ("again", (4, 20), "share with this"),
    ("again", (20, 1), "every 5 steps"),
    ("again", (3, 1), "count the first run"),
    ("again", (5, 1), "how many windows"),
    ("share", (0.08, 0.04), "number of nats"),
    ("share", (1 / 3, 2 / 3), "other way round"),
    ("share", (0.5, 0.5), "nothing else change"),
    ("share", (2 / 3, 2 / 3), "make up the whole"),
    ("fair", {"A", "B", "C"}, "A: one side updates every 20"),
    ("fair", {"C"}, "its best rate"),
    ("fair", {"B"}, "equally often"),
    ("fair", "none", "Give the letters"),
    ("updates", (5809 * 32, 1452), "worked on together"),
    ("updates", (929_589 // 5, 1452), "how many words has one"),
    ("updates", (5800, 1452), "Chunks of 5"),
    ("updates", (5809, 5809), "do not update equally often"),
    ("updates", (5809, 5809 // 5), "Chunks of 20"),
    ("factors", (35, 4, 166_650, 99), "one factor too many"),
    ("factors", (10, 4, 166_650, 99), "number of products"),
    ("factors", (20, 5, 166_650, 99), "at borders between steps"),
    ("factors", (20, 10, 166_650, 99), "errors join"),
    ("factors", (20, 4, 4950, 99), "cube"),
    ("factors", (21, 4, 166_650, 99), "how many factors"),
    ("factors", 20, "4 finite number"),
    ("factors", "twenty", "plain numbers"),
    ("which-steps", ({3, 5}, {2, 3, 4, 5}), "after the loss"),
    ("which-steps", ({2}, {0, 1, 2, 3}), "counted from 1"),
    ("which-steps", ({1, 2, 3, 4}, {2, 3, 4}), "W: an error arrives"),
    ("which-steps", ({2}, {2, 3, 4}), "W: at which steps"),
    ("which-steps", ({3}, {1, 2, 3, 4}), "U: an error arrives"),
    ("which-steps", ({3}, {4}), "U: before which"),
    ("which-steps", {3}, "two things"),
    ("shapes", ((5, 6, 8), (2, 6, 8)), "rows of the output come first"),
    ("shapes", ((6, 5, 16), (2, 6, 8)), "top layer alone"),
    ("shapes", ((6, 5, 3), (2, 6, 8)), "units of a layer"),
    ("shapes", ((6, 5, 8), (6, 2, 8)), "in front of its rows"),
    ("shapes", ((6, 5, 8), (1, 6, 8)), "two layers"),
    ("shapes", ((6, 5, 8), (2, 5, 8)), "every layer and row"),
    ("rate", (0.005, 0.01), "smaller still"),
    ("rate", (0.04, 0.01), "more than was lost"),
    ("rate", (0.02, 0.02), "A mean does not grow"),
    ("rows", everything_detached, "not even in row 0"),
    ("rows", cut_is_reset, "a reset memory"),
    ("rows", begins_is_detached, "`detach` hands it on"),
    ("rows", nothing_is_cut, "where none may"),
    ("rows", in_place, "changed the state"),
    ("rows", lambda state, cut, begins: 2 * state, "keep its value"),
    ("rows", lambda state: state, "raised TypeError"),
    ("rows", torch.zeros(3, 4), "takes a function"),
    ("exact", all_in_one_graph, "graph of 12 steps"),
    ("exact", without_errors, "the chunk before"),
    ("exact", nothing, "without `.grad`"),
    ("forgotten", [4, 4, 9, 4], "counted Jacobians"),
    ("forgotten", [5, 10, 15, 20], "nothing were cut"),
    ("forgotten", [5, 5, 5, 5], "nothing were forgotten"),
    ("forgotten", [5, 10, 5, 5], "Errors walk back"),
    ("forgotten", [5, 5, 5, 10], "stop at the first detached"),
    ("forgotten", [20], "four numbers"),
    ("forgotten", [0.5], "integers only"),
    ("middle", (0.5, 17 / 22), "still be guessed"),
    ("middle", (0.75, 6 / 11), "the share of windows"),
    ("middle", (0.75, 0.6), "Count those"),
    ("middle", (0.75, 0.5 + 5 / 22), "One window short"),
    ("middle", (1.0, 17 / 22), "Which of them holds step 6"),
    ("middle", (75, 77), "not per cent"),
    ("shortest", 19, "how many of them contain the first step"),
    ("shortest", 21, "at most the sequence's 20"),
    ("lopsided", (0.75, 0.6), "as many positive as negative"),
    ("lopsided", (0.7, 0.6), "count the positive"),
    ("lopsided", (0.8, 0.5), "Always answering 0"),
    ("lopsided", (80, 60), "not per cent"),
    ("named", (0.3, 0.8), "share of positive windows"),
    ("named", (0.8, 0.8), "still all zeros"),
    ("named", (0.75, 0.8), "in no window"),
    ("named", (0.65, 0.6), "half of all have none"),
    ("named", (0.65, 1.0), "six of the twenty"),
    ("named", (0.65, 0.65), "one window that holds"),
    ("named", (0.65, 0.7), "at how many of the 20"),
    ("named", (65, 80), "not per cent"),
    ("input-shape", (1160, 2, 6), "not two steps"),
    ("input-shape", (1160, 6, 100), "Steps come before"),
    ("input-shape", (1160, 50, 6), "How many rows are two seconds"),
    ("input-shape", (1160, 100, 1), "at one moment"),
    ("input-shape", (1199, 100, 6), "one recording into the next"),
    ("input-shape", (600, 100, 6), "end to end"),
    ("input-shape", (1200, 100, 6), "too short"),
    ("input-shape", (40, 100, 6), "where do they begin"),
    ("turn", lambda table, length: turned(table, length).swapaxes(1, 2), "sensors before"),
    ("turn", reshaped, "turns nothing"),
    ("turn", lambda table, length: turned(table, length)[::length], "the shape"),
    ("turn", lambda table, length: table.T, "three axes"),
    ("two-lanes", ([0, 1, 2, 3], [4, 5, 6]), "5 steps again"),
    ("two-lanes", ([0, 2, 6], [1, 3, 5]), "Each of the windows"),
    ("two-lanes", ([0, 3, 5], [1, 2, 4, 6]), "leaves 5 steps out"),
    ("context", (0.2, 51), "has seen 20"),
    ("context", (0.8, 51), "is that too few"),
    ("context", (0.19, 50), "its own step"),
    ("context", (0.19, 1), "very first window"),
    ("context", (0.19, 100), "comes first in its window"),
    ("context", (19, 51), "not per cent"),
    ("count", 1 / 16, "clean windows"),
    ("count", 0.75, "Two neighbours"),
    ("count", 0.5, "several neighbours"),
    ("count", 0.85, "clean only if all"),
    ("count", 94, "not per cent"),
    ("digits", [0.99, 0.99, 0.99, 0.99], "both sides of the split"),
    ("digits", [0.1, 0.1, 0.1, 0.1], "nearest neighbour"),
    ("digits", [50, 80, 70, 60], "not per cent"),
    ("lane-order", (IN_TURN, [0]), "side by side"),
    ("lane-order", (STEP_BY_STEP, [0]), "belongs to a row"),
    ("lane-order", (LANES, [0]), "stranger's state"),
    ("lane-order", (LANES, [3]), "epoch before"),
    ("lane-order", (LANES, [1, 4]), "Count from 0"),
    ("lane-order", (LANES, range(6)), "in the middle"),
    ("lane-order", (LANES[:5], [0]), "Six batches"),
    ("lane-order", LANES, "two things"),
    ("unequal", {"every": 2}, "one length for all"),
    ("unequal", {"at": [2]}, "misses the beginning"),
    ("unequal", {"at": [3, 4]}, "counted from 0"),
    ("unequal", {"every": []}, "one number"),
    ("unequal", [2, 3], "by name"),
    ("fresh-rows", lambda lanes: fresh_rows(lanes).T, "First the batches"),
    ("fresh-rows", lambda lanes: fresh_rows(lanes)[1:], "the shape is"),
    ("fresh-rows", lambda lanes: ~fresh_rows(lanes), "Batch 0 begins"),
    ("fresh-rows", whole_batches, "in mid-sequence"),
    ("fresh-rows", first_batch_only, "that you do not reset"),
    ("moves", {"a", "b", "e", "f"}, "put back afterwards"),
    ("moves", {"a", "b", "d", "e"}, "not among the weights"),
    ("moves", {"a", "e"}, "not training alone"),
    ("moves", {"a", "b"}, "whether or not a method"),
    ("moves", {"x"}, "a to f"),
    ("moves", 3, "Give the letters"),
    ("saved", (192, 80), "two parts"),
    ("saved", (80, 80), "Each of the four rows"),
    ("saved", (64, 80), "not in the last alone"),
    ("saved", (7089, 80), "from call to call"),
    ("saved", (160, 80), "each part of a layer"),
    ("saved", (320, 320), "that row's share"),
    ("serve", lambda model, sequence: twin(model, 3)(sequence[None].repeat(3, 0)), "one answer"),
    ("serve", lambda model, sequence: model(sequence[None].repeat(3, 0))[:1], "have moved"),
    ("serve", lambda model, sequence: twin(model, 1)(sequence[None, -1:]), "forgot the others"),
    ("serve", lambda model, sequence: twin(model, 1)(sequence[None, ::-1]), "something else"),
    ("serve", goes_on, "what the first"),
    ("two-distances", lambda t, window: (t, t % window), "step itself counts"),
    ("two-distances", lambda t, window: (t % window + 1, t % window + 1), "without carried"),
    ("two-distances", lambda t, window: (t + 1, t + 1), "beginning of the batch"),
    ("two-distances", lambda t, window: (t + 1, min(window, t + 1)), "whole window"),
    ("two-distances", lambda t, window: (20, window), "is wrong"),
    ("two-distances", lambda t, window: t, "2 finite"),
    ("border", ([8, 16, 24], [8, 16]), "Count steps from 0"),
    ("border", ([7, 15, 23], [0, 8, 16]), "no border"),
    ("border", ([7, 15, 23], [9, 17]), "Right after"),
    ("border", ([23], [8, 16]), "last step of each call"),
    ("grow", "b", "where does it put its zeros"),
    ("grow", "e", "a tensor"),
    ("grow", "abe", "before the loop"),
    ("grow", "bce", "an array"),
    ("grow", "bde", "NumPy know"),
    ("grow", "bef", "a new node"),
    ("grow", "xy", "a to f"),
    ("grow", 2, "in one string"),
    ("how-much-state", (8, 8, 24, 48), "two parts"),
    ("how-much-state", (16, 16, 24, 48), "no cell state"),
    ("how-much-state", (16, 8, 12, 48), "Each layer of a stack"),
    ("how-much-state", (16, 8, 24, 16), "three layers"),
    ("how-much-state", (16, 8), "four numbers"),
    ("begin", lambda begins, learned, saved: torch.where(begins[:, None], learned, saved),
     "into the call before"),
    ("begin", lambda begins, learned, saved: starts_by_where(begins, learned.detach(), saved),
     "no history"),
    ("begin", lambda begins, learned, saved: starts_by_where(~begins, learned, saved),
     "does not begin with its saved"),
    ("begin", lambda begins, learned, saved: saved.detach(), "does not have the learned"),
    ("begin", lambda begins, learned, saved: learned, "a state for each row"),
    ("identity", (True, True), "whatever the graph holds"),
    ("identity", (False, False), "From which state"),
    ("identity", (0.0, 0.1), "True or False"),
    ("mask", {"return_state": True}, "nothing else"),
    ("mask", {"unroll": True}, "repeats the last output"),
    ("mask", {"mask_zero": True}, "does not make such a layer"),
    ("mask", "zero_output_for_mask", "by name"),
    ("last-output", lambda outputs, lengths, before: outputs[:, -1], "past its end"),
    ("last-output", lambda o, lengths, b: o[np.arange(4), lengths - 1], "wraps around"),
    ("last-output", lambda o, lengths, b: o[np.arange(4), lengths], "raised IndexError"),
    ("last-output", lambda outputs, lengths, before: outputs, "one output a row"),
    ("own-state", lambda state, before, now: state, "somebody else's"),
    ("own-state", the_other_way_round, "not the other way round"),
    ("own-state", lambda state, before, now: [[1], [1, 2]], "Return an array"),
    ("own-state", newcomers_inherit, "not with zeros"),
    ("far", (6 / 35, 0.991), "gets to lag 29"),
    ("far", (0.5, 0.991), "last errors reach far"),
    ("far", (1 / 7, 1 / 7), "its \\*first\\* error"),
    ("far", (1 / 7, 0.5), "first of the five"),
    ("far", (14.3, 99.1), "between 0 and 1"),
    ("bug", nothing, "pass before"),
    ("bug", lambda trail: setattr(trail[-1][0], "grad", None), "pass before"),
    ("bug", lambda trail: [leaf.requires_grad_(False) for leaf, _ in trail], "cannot walk"),
    ("bug", nearly_forget, "off by"),
    ("bug", forget(()), "takes a function"),
    ("two-thirds", (12, 36), "one step short"),
    ("two-thirds", (25, 36), "its own included"),
    ("two-thirds", (13, 18), "other third"),
    ("two-thirds", (13, 24), "first 12 errors"),
    ("two-thirds", 13, "two things"),
    ("one-per-cent", 0.01, "hardly falls"),
    ("one-per-cent", 0.1411, "of the \\*whole\\*"),
    ("one-per-cent", 0.14, "three digits"),
    ("one-per-cent", 0.5, "would be 0.89"),
    ("one-per-cent", 14.2, "between 0 and 1"),
    ("without-lag", [(1, Truncation.true(24)), (-1, Truncation.true(4))], "once each"),
    ("without-lag", [(1, Truncation.true(24)), (-1, Truncation.true(3))], "still there"),
    ("without-lag", [(1, Truncation.true(3))], "beyond 3"),
    ("without-lag", [(1, Truncation(24, 24)), (-1, Truncation(4, 4)), (1, Truncation(3, 3))],
     "still there"),
    ("without-lag", [(2, Truncation.true(24)), (-1, Truncation.true(4))], "still there"),
    ("without-lag", [Truncation.true(3)], "list of pairs"),
    ("read-reach", lambda sizes, agreements: last_that_counts(sizes, agreements) - 1,
     "does it need"),
    ("read-reach", lambda sizes, agreements: last_that_counts(sizes, agreements * 0 + 1),
     "on which no streams agree"),
    ("read-reach", lambda sizes, agreements: last_that_counts(sizes * 0 + 1, agreements),
     "A small share counts"),
    ("below-rounding", (19, 40), "times the rounding"),
    ("below-rounding", (21, 40), "one step earlier"),
    ("below-rounding", (8, 12), "once for each lag"),
    ("gate", 0.95, "through the sigmoid"),
    ("gate", 1.0, "only"),
    ("gate", 6.0, "set both"),
    ("semi", Truncation(8, 8), "the first one"),
    ("semi", Truncation(1, 6), "less often"),
    ("semi", Truncation(5, 10), "more than 8"),
    ("semi", (3, 8), "as a `Truncation"),
    ("translate", [Truncation(k, k) for k in (12, 25, 10, 16)], "reach first"),
    ("translate",
     [Truncation(4, 12), Truncation(1, 25), Truncation(10, 10), Truncation(1, 16)], "one batch"),
    ("translate",
     [Truncation(4, 12), Truncation(25, 25), Truncation(1, 10), Truncation(1, 16)], "pieces"),
    ("translate",
     [Truncation(4, 12), Truncation(25, 25), Truncation(10, 10), Truncation(16, 16)], "how many l"),
    ("translate", [(4, 12)], "four `Truncation`s"),
    ("two-means", (1 / 3, 0.005), "other way round"),
    ("two-means", (1, 0.005), "to the mean of its process"),
    ("two-means", (3, 1 / 400), "averaged, not added"),
    ("two-means", (3, 0.01), "comes out as 2"),
    ("whose-row", (1, 9), "every second row"),
    ("whose-row", (2, 3), "with 16 rows each"),
    ("whose-row", (0, 3), "How many rows lie before"),
    ("whose-row", (1,), "two integers"),
    ("name-tags", 64, "no more of them than dimensions"),
    ("name-tags", 512, "fewer rows already"),
    ("name-tags", 100, "One of"),
    ("freeze-midway", (0.7, 0.7), "nothing forgets"),
    ("freeze-midway", (0.01, 0.001), "the state that is gone"),
    ("freeze-midway", (0.01, 0.69), "as sure as before"),
    ("freeze-midway", (-1, 1), "not negative"),
    ("impossible", 0, "No answer costs so little"),
    ("impossible", 0.5, "is the accuracy"),
    ("impossible", 1, "in bits"),
    ("impossible", 2.0, "a better answer"),
    ("fingerprint", {"SameRandom": 1.0, "SameDistRandom": 1.0}, "twins"),
    ("fingerprint", {"SameRandom": 0.5, "SameDistRandom": 0.5}, "how many dimensions"),
    ("fingerprint", 0.5, "keys"),
    ("updates-left", (7680, 480, 16), "side by side"),
    ("updates-left", (16, 60, 16), "one batch"),
    ("updates-left", (900, 60, 15), "After every chunk"),
    ("updates-left", (960, 61, 16), "One a batch"),
    ("updates-left", (960, 60, 1 / 16), "other way round"),
    ("updates-left", (960, 60, 8), "add up"),
    ("alone", 7, "half way between"),
    ("alone", 2, "too few"),
    ("alone", 26, "too few"),
    ("alone", 40, "so are fewer"),
    ("alone", 0.5, "Whole steps"),
    ("which-leak", {**LEAKS, "a": True}, "do the weights move"),
    ("which-leak", {**LEAKS, "b": False}, "which of the three"),
    ("which-leak", {**LEAKS, "c": True}, "the answer to this one"),
    ("which-leak", {**LEAKS, "d": True}, "no state goes on"),
    ("which-leak", {**LEAKS, "d": "no"}, "True or False"),
    ("which-leak", ["b"], "keys"),
    ("short-warm-up", (6, 1.3), "own first word"),
    ("short-warm-up", (4, 1.2), "1 answers are still"),
    ("short-warm-up", (0, 1), "5 answers are still"),
    ("short-warm-up", (8, 1.4), "Fewer words"),
    ("short-warm-up", (5, 0.25), "The warm-up is read as well"),
    ("short-warm-up", (4.5, 1), "Whole words"),
    ("window-length", math.ceil(np.subtract(*echo_floors()[::-1]) / 0.01), "five of them"),
    ("window-length", 20, "still costs"),
    ("window-length", 2000, "shorter window"),
    ("window-length", 1, "five at least"),
    ("done", lambda done: done, "end an episode"),
    ("done", lambda done: np.vstack([done[:1] & False, done[:-1]]), "first step of each row"),
    ("done", lambda done: np.vstack([done[:2] | True, done[:-2]]), "a step late"),
    ("done", lambda done: done[:-1], "not \\(11, 4\\)"),
    ("done", lambda done: np.ones_like(done), "Not all flags"),
    ("done", begins_in_place, "still needs"),
    ("done", True, "takes a function"),
    ("choose-k2", (16 / 60, 1, 4), "has not gone 45 steps"),
    ("choose-k2", (0.75, 1, 4), "which of the 60 errors"),
    ("choose-k2", (1, 1, 4), "only the last error of a chunk"),
    ("choose-k2", (0.25, 0.25, 4), "owns its last 15 errors"),
    ("choose-k2", (0.25, 1, 0.25), "comes more often"),
    ("choose-k2", (0.25, 1, 15), "how many passes"),
    ("choose-k2", (25, 100, 4), "not per cent"),
    ("choose-guide", {**WAYS, "a": "windows"}, "\\(a\\) An answer is scored that has heard 100"),
    ("choose-guide", {**WAYS, "a": "online"}, "\\(a\\) .* stranger"),
    ("choose-guide", {**WAYS, "a": "once"}, "\\(a\\) It works, but"),
    ("choose-guide", {**WAYS, "b": "whole"}, "\\(b\\) .* without an end"),
    ("choose-guide", {**WAYS, "b": "windows"}, "\\(b\\) An answer is scored"),
    ("choose-guide", {**WAYS, "b": "once"}, "\\(b\\) .* without an end"),
    ("choose-guide", {**WAYS, "c": "whole"}, "\\(c\\) A graph of 5000 steps"),
    ("choose-guide", {**WAYS, "c": "windows"}, "\\(c\\) An answer is scored"),
    ("choose-guide", {**WAYS, "c": "online"}, "\\(c\\) .* stranger"),
    ("choose-guide", {**WAYS, "c": ["once"]}, "one of whole"),
    ("choose-device", Truncation(1, 250), "Not the state alone"),
    ("choose-device", Truncation(200, 200), "look at the first one"),
    ("choose-device", Truncation(51, 200), "look at the first one"),
    ("choose-device", Truncation(49, 200), "had for less"),
    ("choose-device", Truncation(20, 170), "memory that is not used"),
    ("choose-device", (50, 200), "takes a `Truncation"),
    ("choose-change", (0.9994, 0.9696), "of the \\*levels\\*"),
    ("choose-change", (0.9589, 0.9696), "of the \\*levels\\*"),
    ("choose-change", (95.9, 94.4), "not per cent"),
    ("choose-change", (0.9445, 0.9589), "other way round"),
    ("choose-change", (0.93, 0.9445), "own level, and her folds"),
    ("choose-change", (0.9589, 0.93), "What was true"),
    ("case-cut", (9, 9), "is known by then"),
    ("case-cut", (0, 9), "day 702 is the answer"),
    ("case-cut", (2, 9), "on which day"),
    ("case-cut", (3, 10), "One less does"),
    ("case-cut", (3, 3), "read days, too"),
    ("case-neighbours", 0.6, "own level on, in ppm"),
    ("case-look", (0.633, 0.547), "validation error by which"),
    ("case-look", (0.612, 0.547), "not the seed"),
    ("case-look", (0.585, 0.585), "chooses the seed as well"),
    ("case-look", (0.585, 0.612), "smallest `test_error`"),
    ("case-flag", (0.549, 0.98), "with the flags"),
    ("case-flag", (0.574, 0.98), "the test weeks"),
    ("case-flag", (0.503, 0.98), "were in the fit"),
    ("case-flag", (0.542, 0.98), "scored training weeks"),
    ("case-flag", (0.538, 58 / 1400), "that are \\*missing\\*"),
    ("case-left", (0.256, -0.561), "too low has a negative one"),
    ("case-left", (0.572, -0.561), "hides the sign"),
    ("case-left", (-0.1, -0.561), "from `TEST` on"),
    ("case-left", (-0.256, -0.2), "52 weeks later"),
    ("case-left", (-0.256, -56), "between -1 and 1"),
    ("coin", (0.9, 1 / 0.9, 0.1), "multiplied"),
    ("coin", (0.045, 22, 0.1), "cut more often"),
    ("coin", (1.0, 1, 0.1), "between 0 and 1"),
    ("coin", (LOUD, 1 / (1 - LOUD), 0.1), "wait for heads"),
    ("coin", (LOUD, 1 / LOUD, LOUD), "how often one step is cut"),
    ("coin", (LOUD, 1 / LOUD, 1 - LOUD), "in a row must not be heads"),
    ("coin", (LOUD, 1 / LOUD, 10), "not per cent"),
    ("tail", lambda length: 0.2, "A constant chance"),
    ("tail", lambda length: 0.1, "more than Cleo can keep"),
    ("tail", lambda length: 0.1 if length < 5 else 0.8, "your chance rises"),
    ("tail", lambda length: 0.9 if length == 1 else 0.025, "share out the cuts"),
    ("tail", lambda length: 0.5 if length == 1 else 0, "do not end"),
    ("tail", lambda length: 1 / length, "with 1 no error would cross"),
    ("tail", 0.2, "takes a function"),
    ("tail", lambda: 0.2, "raised TypeError"),
    ("sign", (-1, -4 / 9, 2), "the step itself, and one before"),
    ("sign", (1 / 4, -4 / 9, 2), "ends a lag earlier"),
    ("sign", (1 / 2, -4 / 9, 2), "push the weight"),
    ("sign", (-1 / 2, 2, 2), "with the doubling"),
    ("sign", (-1 / 2, -2 / 9, 2), "Its own step needs none"),
    ("sign", (-1 / 2, -4 / 9, 1 / 2), "for good"),
    ("blind", (20, 1e-4, True), "what the task needs"),
    ("blind", (12, 1e-4, True), "what do the data choose"),
    ("blind", (9, 1e-4, True), "mean over eight streams"),
    ("blind", (3.5, 1e-4, True), "whole number"),
    ("blind", (4, 0, True), "has to be measured"),
    ("blind", (4, 1.0, True), "gradient of reach 20 itself"),
    ("blind", (4, 0.03, True), "before the norm"),
    ("blind", (4, 2e-8, True), "not the difference of the norms"),
    ("blind", (4, 1e-4, False), "does not promise that the echo is covered"),
    ("blind", (4, 1e-4, 2), "True or False"),
    ("blind", (4, 1e-4), "three|3 finite"),
    ("lstm", (4 * 512 * LSTM, LSTM / 1000), "two parts, and both"),
    ("lstm", (1024 * LSTM, LSTM / 1000), "four bytes"),
    ("lstm", (8 * 1024 * LSTM, LSTM / 1000), "float64"),
    ("lstm", (4 * LSTM, LSTM / 1000), "counts weights"),
    ("lstm", (1024 * LSTM / 4 * 3, LSTM / 1000), "four blocks"),
    ("lstm", (4 * 1024 * LSTM, LSTM / 500), "two parts as well"),
    ("lstm", (4 * 1024 * LSTM, 32), "states of 1,000 steps"),
    ("ring", (7, 3), "count units, not hops"),
    ("ring", (2, 3), "not yet heard"),
    ("ring", (9, 3), "smaller n already"),
    ("ring", (0, 3), "begins with n = 1"),
    ("ring", (8, 24), "for one weight"),
    ("ring", (8, 4), "within three steps"),
    ("hops", (4, 7), "that is one layer"),
    ("hops", (15, 7), "three hops in a row"),
    ("hops", (12, 10), "where may the last hop land"),
    ("hops", (12, 6), "one step less"),
    ("hops", (12, 8), "is it the first"),
    ("hops", (12, 6.5), "whole steps"),
    ("state-bytes", (3_221_225_472, 263), "short convolution"),
    ("state-bytes", (51_585_024, 263), "every row of the batch"),
    ("state-bytes", (825_360_384, 263), "counts numbers"),
    ("state-bytes", (1_650_720_768, 263), "kept in float32"),
    ("state-bytes", (5, 263), "multiply the numbers"),
    ("state-bytes", (3_301_441_536, 525), "a key and a value"),
    ("state-bytes", (3_301_441_536, 132), "different bytes a number"),
    ("state-bytes", (3_301_441_536, 262), "does one step add"),
    ("packed", ([0, 700, 900, 1024], [0, 176, 676]), "three things"),
    ("packed", ([700, 200, 124], [0, 176, 676], 1), "those are lengths"),
    ("packed", ([0, 700, 900], [0, 176, 676], 1), "need 4 offsets"),
    ("packed", ([0, 700, 900, 1024], [0, 1200, 1700], 1), "its own beginning"),
    ("packed", ([0, 700, 900, 1024], [0, 300, 676], 1), "fall inside one"),
    ("packed", ([0, 700, 900, 1024], [0, 176, 676], 2), "What has that one read"),
    ("packed", ([0, 700, 900, 1024], [0, 176, 676], 0), "Which begin there"),
    ("nested", (2, 168), "once more, without a graph"),
    ("nested", (64, 168), "follow one step"),
    ("nested", (3, 832), "one level"),
    ("nested", (3, 608), "the chunk at hand"),
    ("nested", (3, 104), "kept all along"),
    ("nested", (3, 5), "and one graph"),
    ("compose", (1.8, 1.9, 12), "not moved"),
    ("compose", (0.5, 1.9, 12), "left of the state"),
    ("compose", (0.2, 2, 12), "at the later ones"),
    ("compose", (0.2, 1.3, 12), "applied first"),
    ("compose", (0.2, 7, 12), "if h is zero"),
    ("compose", (0.2, 1.9, 4096), "that is a loop"),
    ("compose", (0.2, 1.9, 11), "twice as many"),
    ("reread", (3, 10.5), "less than 100 steps"),
    ("reread", (1.85, 10.5), "read as well"),
    ("reread", (2, 10.5), "twenty windows, and add"),
    ("reread", (2.85, 20), "the last window alone"),
    ("reread", (2.85, 9.5), "lie before each"),
    ("chunk-size", (100, 1300), "costs twelve states here"),
    ("chunk-size", (30, 694), "not the least"),
    ("chunk-size", (29, 348), "borders are kept"),
    ("chunk-size", (29, 12), "one state for each chunk"),
    ("chunk-size", (0, 12), "whole steps"),
    ("outgrown", (-1, 4.51), "positive"),
    ("outgrown", (1.0032, 20.34), "of the variances"),
    ("outgrown", (1.0032, 8), "if nothing ever faded"),
    ("outgrown", (1.0032, 3), "follow the variance"),
    ("burn-in", (20, 4603), "of the error is left"),
    ("burn-in", (21, 5000), "so are fewer"),
    ("burn-in", (20.5, 4603), "whole steps"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "answer"), [(name, one) for name, answers in RIGHT.items() for one in answers]
)
def test_a_right_answer_passes(name, answer):
    told = check(name, answer)
    assert told.passed, told
    assert repr(told) == "Right."


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_a_wrong_answer_is_told_why(name, answer, words):
    told = check(name, answer)
    assert not told.passed
    assert re.search(words, repr(told)), told


# What a reader measures differs by its random numbers: a near miss of these is far.
MEASURED = {"rate": 0.3, "digits": 0.5}
# And these have only to lie on the right side of something, which `WRONG` asks of both sides.
BOUNDED = {"blind", "freeze-midway"}


def near_misses(answer, share):
    """Move each number of an answer a little: by a share, and a small whole number by 1."""
    if isinstance(answer, (tuple, list)):
        for place, part in enumerate(answer):
            for moved in near_misses(part, share):
                yield type(answer)([*answer[:place], moved, *answer[place + 1 :]])
    elif isinstance(answer, numbers.Integral) and not isinstance(answer, bool):
        step = 1 if answer < 100_000 else int(0.05 * answer)
        yield from (answer - step, answer + step)
    elif isinstance(answer, numbers.Real) and not isinstance(answer, bool):
        yield from (float(answer) * (1 - share), float(answer) * (1 + share))


@pytest.mark.parametrize("name", sorted({*RIGHT} - BOUNDED))
def test_what_is_nearly_right_is_wrong(name):
    for answer in near_misses(RIGHT[name][0], MEASURED.get(name, 0.05)):
        assert not check(name, answer).passed, answer


@pytest.mark.slow
def test_rows_that_come_back_from_the_installed_keras():
    """Which is right depends on Keras: either one row is broadcast to four, or it fails."""
    broadcast, loud = ({5: rows, 6: None, 7: None, 8: 8} for rows in (8, None))
    passed = [check("broadcast", one).passed for one in (broadcast, loud)]
    assert sorted(passed) == [False, True]
    assert "broadcasting" in repr(check("broadcast", {5: 5, 6: None, 7: None, 8: 8}))
    assert "told, or silent" in repr(check("broadcast", {5: 8, 6: 8, 7: 8, 8: 8}))
    assert "nothing is left over" in repr(check("broadcast", {5: 8, 6: None, 7: None, 8: 4}))
    assert "keys" in repr(check("broadcast", 8))


def test_every_check_is_tried_with_right_and_wrong_answers():
    assert {*RIGHT, "broadcast"} == set(NAMES)
    assert {name for name, *_ in WRONG} | {"broadcast"} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_three_dots_are_no_answer(name):
    told = check(name, ...)
    assert not told.passed
    assert "Not yet answered" in repr(told)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "answer", [None, "a word", [], {}, object(), float("nan"), [[1], [2, 3]], nothing],
    ids=lambda answer: type(answer).__name__,
)  # fmt: skip
def test_nonsense_is_wrong_and_raises_nothing(name, answer):
    told = check(name, answer)
    assert not told.passed
    assert len(repr(told)) > 20


def test_an_unknown_name_says_which_are_near():
    with pytest.raises(ValueError, match=r"did you mean.*factors"):
        check("factor", 20)


def test_a_result_cannot_be_changed():
    told = check("shortest", 3)
    assert isinstance(told, Result)
    with pytest.raises(FrozenInstanceError):
        told.passed = True
