"""Windows from a replay of episodes: begun with zeros, with stored states, after a burn-in.

A GRU learns from a replay, as agents do, but a supervised task: no environment is needed to see a
stored state grow old. The words of an episode are the echo language, and each word 1 also moves an
agent to the next of three rooms in a ring. The next word has its evidence 6 steps back; the room
depends on every word since the episode began. Windows of 20 steps are drawn from episodes of 100,
whose states were stored when the episode came in.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from truncated_time.experiments.shared.echo import BATCH, CLIP, HIDDEN, PERIOD, WORDS
from truncated_time.tasks import echo_language

EPISODE, WINDOW, UPDATES, ROOMS = 100, 20, 1000, 3
EPISODES, BLOCKS = 256, 16  # in the replay
SHARE = EPISODES // BLOCKS
# What a window begins with, the steps of burn-in before it, and how many updates an episode stays
# in the replay. The truth is read from step 0.
SETTINGS = (
    ("zeros", 0, 1024), ("zeros", 20, 1024), ("stored", 0, 1024), ("stored", 20, 1024),
    ("stored", 0, 32), ("true", 0, 1024),
)  # fmt: skip
RATE = 0.01  # ``burnin-rates`` has others
PACKAGES = ("torch", "numpy")


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every setting and every seed."""
    return [
        {"start": start, "burn": burn, "life": life, "seed": seed}
        for seed, (start, burn, life) in itertools.product(range(seeds), SETTINGS)
    ]


class Episodes(NamedTuple):
    """Whole episodes, and the states that a network had in them.

    Attributes
    ----------
    words : Tensor, shape (EPISODE + 1, rows)
        What is read, and one word more, which is predicted last.
    rooms : Tensor, shape (EPISODE, rows)
        Where the agent is after each step: every word 1 is a move to the next of three rooms.
    states : Tensor, shape (EPISODE + 1, rows, HIDDEN)
        Before each step, as they were when they were stored, and after the last one.
    """

    words: Tensor
    rooms: Tensor
    states: Tensor


class Model(nn.Module):
    """A GRU that names the next word and the room."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(WORDS, HIDDEN)
        self.readout = nn.Linear(HIDDEN, WORDS + ROOMS)

    def forward(self, words: Tensor, state: Tensor) -> Tensor:
        """Return the states ``(steps, rows, HIDDEN)`` that follow on one of ``(rows, HIDDEN)``."""
        inputs = nn.functional.one_hot(words, WORDS).float()
        states: Tensor = self.gru(inputs, state[None].contiguous())[0]
        return states

    def losses(self, words: Tensor, rooms: Tensor, state: Tensor) -> Tensor:
        """Return ``(2, steps, rows)`` losses in nats: of the next word, and of the room."""
        word, room = self.readout(self(words[:-1], state)).movedim(2, 1).split([WORDS, ROOMS], 1)
        return torch.stack(
            [
                nn.functional.cross_entropy(word, words[1:], reduction="none"),
                nn.functional.cross_entropy(room, rooms, reduction="none"),
            ]
        )


def words_of(rows: int, seed: int) -> Tensor:
    """Draw the words of episodes."""
    return torch.from_numpy(echo_language(EPISODE, rows, period=PERIOD, seed=seed))


def act(model: Model, words: Tensor) -> Episodes:
    """Live through episodes, and store the states of the current weights."""
    return Episodes(words, words[:-1].cumsum(0) % ROOMS, reread(model, words))


def reread(model: Model, words: Tensor) -> Tensor:
    """Return the true states: what the current weights make of episodes from their beginning."""
    first = torch.zeros(words.shape[1], HIDDEN)
    with torch.no_grad():
        return torch.cat([first[None], model(words[:-1], first)])


def cut(steps: Tensor, at: Tensor, row: Tensor, length: int) -> Tensor:
    """Return ``length`` steps from step ``at`` of each row."""
    return steps[at + torch.arange(length)[:, None], row]


def begin(
    model: Model, episodes: Episodes, start: str, burn: int, at: Tensor, row: Tensor
) -> Tensor:
    """Return the state before step `at` of each row, without gradient.

    Parameters
    ----------
    start : {"zeros", "stored", "true"}
        What the burn-in begins with, or the window if there is none.
    burn : int
        Steps of burn-in; fewer where the episode begins later.
    at, row : Tensor, shape (rows,)
        Step and episode.
    """
    if start == "true":
        return cut(reread(model, episodes.words[:, row]), at, torch.arange(len(row)), 1)[0]
    # Windows that begin too early for it are those at step 0: nothing comes before them.
    early = torch.where(at < burn, at, at - burn)
    state = episodes.states[early, row]
    if start == "zeros":
        state = torch.zeros_like(state)
    if not burn:
        return state
    with torch.no_grad():
        warm = model(cut(episodes.words, early, row, burn), state)[-1]
    return torch.where((at < burn)[:, None], state, warm)


def train(
    start: str, burn: int, life: int, seed: int, updates: int = UPDATES, rate: float = RATE
) -> Iterator[tuple[int, Model]]:
    """Train one network; yield it after every update."""
    torch.manual_seed(seed)
    model, rng = Model(), torch.Generator().manual_seed(seed)
    adam = torch.optim.Adam(model.parameters(), rate)
    # Whatever comes in later is drawn now: the same episodes for every start.
    words = words_of(EPISODES + updates * EPISODES // life, seed)
    replay, arriving = act(model, words[:, :EPISODES].clone()), words[:, EPISODES:]
    for update in range(1, updates + 1):
        row = torch.randint(EPISODES, (BATCH,), generator=rng)
        at = WINDOW * torch.randint(EPISODE // WINDOW, (BATCH,), generator=rng)
        state = begin(model, replay, start, burn, at, row)
        read, rooms = cut(replay.words, at, row, WINDOW + 1), cut(replay.rooms, at, row, WINDOW)
        model.losses(read, rooms, state).mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        adam.step()
        adam.zero_grad()
        # The oldest make room, a block at a time: after `life` updates none of these is left.
        if update % (life // BLOCKS) == 0:
            block = slice((done := update * BLOCKS // life) * SHARE - SHARE, done * SHARE)
            fresh = act(model, arriving[:, block])
            oldest = torch.arange(block.start, block.stop) % EPISODES
            for kept, part in zip(replay, fresh, strict=True):
                kept[:, oldest] = part
        yield update, model


def run(start: str, burn: int, life: int, seed: int, rate: float = RATE) -> dict[str, Any]:
    """Train one network, and read new episodes from their beginning.

    Returns
    -------
    dict
        The arguments, the losses in nats of the word (``near``) and of the room (``far``), once
        both can be known, and the steps ``read`` for each that is scored: the others have no
        gradient.
    """
    torch.set_num_threads(1)
    *_, (_, model) = train(start, burn, life, seed, rate=rate)
    near, far = score(model, seed + 1000)
    return {
        "start": start, "burn": burn, "life": life, "seed": seed,
        "near": round(near, 4), "far": round(far, 4),
        "read": reads(start, burn),
    }  # fmt: skip


def score(model: Model, seed: int) -> tuple[float, float]:
    """Return the two losses on 256 new episodes, where both can be known."""
    new = act(model, words_of(EPISODES, seed))
    with torch.no_grad():
        near, far = model.losses(*new[:2], new.states[0])[:, PERIOD:].mean((1, 2))
    return near.item(), far.item()


def reads(start: str, burn: int) -> float:
    """Return the steps read for each step of a window, on average over where it begins."""
    at = range(0, EPISODE, WINDOW)
    before = [first if start == "true" else min(first, burn) for first in at]
    return 1 + sum(before) / (WINDOW * len(before))
