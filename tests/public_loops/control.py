"""Loops of programs that act, and learn from what they did."""

from __future__ import annotations

import itertools
from collections import deque

import torch
from torch import nn

from public_loops import ROWS, UNITS, Loop, Running, cut, learn, walk


def zeros(rows=ROWS):
    return torch.zeros(rows, UNITS), torch.zeros(rows, UNITS)


def one_actor_that_learns_as_it_goes(faulty) -> Running:
    """Twenty steps, an update; the state is detached, or zero where an episode has ended."""
    cell, heads = nn.LSTMCell(2, UNITS), nn.Linear(UNITS, 3)
    model, (h, c), done = nn.ModuleList([cell, heads]), zeros(1), True
    yield {"model": model}
    for _ in range(8):
        h, c = zeros(1) if done else (h.detach(), c if faulty else c.detach())
        loss = 0.0
        for x in walk(1, 20):
            h, c = cell(x, (h, c))
            loss = loss + heads(h).square().mean()
            done = bool(torch.rand(()) < 0.02)
            if done:
                break
        learn(model, loss)


def actors_and_a_learner(faulty) -> Running:
    """Actors store pieces with the state that each began from; a learner takes them as they come.

    It masks the state where an episode ended, step by step.
    """
    actor, learner, heads = nn.LSTM(2, UNITS), nn.LSTM(2, UNITS), nn.Linear(UNITS, 3)
    model = nn.ModuleDict({"learner": learner, "heads": heads})
    series, begins, finished = walk(12, 121, 2), [None] * 12, deque()
    yield {"model": model}
    for first in range(0, 120, 10):
        for number in torch.randperm(12).tolist():
            piece = series[first : first + 11, number : number + 1]
            begin = begins[number] or (torch.zeros(1, 1, UNITS),) * 2
            with torch.no_grad():
                _, begins[number] = actor(piece[:-1], begin)
            finished.append((piece, begin))
    carried = (torch.zeros(1, ROWS, UNITS),) * 2
    while len(finished) >= ROWS:
        pieces, states = zip(*(finished.popleft() for _ in range(ROWS)), strict=True)
        x = torch.cat(pieces, 1)
        state = tuple(torch.cat(parts, 1) for parts in zip(*states, strict=True))
        state = cut(carried) if faulty else state
        outputs = []
        for now, goes_on in zip(x, (torch.rand(len(x), ROWS) > 0.02).float(), strict=True):
            state = tuple(goes_on[None, :, None] * part for part in state)
            output, state = learner(now[None], state)
            outputs.append(output)
        carried = state
        learn(model, heads(torch.cat(outputs)).square().mean())
        actor.load_state_dict(learner.state_dict())


def pieces_between_the_ends_of_episodes(faulty) -> Running:
    """A rollout without gradients, then the same steps in pieces that no episode's end cuts."""
    layer, heads = nn.GRU(2, UNITS), nn.Linear(UNITS, 3)
    model = nn.ModuleList([layer, heads])
    yield {"model": model}
    state, going_on = torch.zeros(1, ROWS, UNITS), (torch.rand(96, ROWS, 1) > 0.05).float()
    # Another episode begins somewhere else.
    places = walk(steps=96) + ((1 - going_on) * torch.randn(96, ROWS, 2) * 3).cumsum(0)
    for x, goes_on in zip(places.split(24), going_on.split(24), strict=True):
        begin = state
        with torch.no_grad():
            for now, going in zip(x, goes_on, strict=True):
                _, state = layer(now[None], state * going)
        for _ in range(2):
            ends = [0, *((goes_on[1:] == 0).any(1)[:, 0].nonzero()[:, 0] + 1).tolist(), 24]
            now, outputs = begin, []
            for first, last in itertools.pairwise(ends):
                now = torch.randn_like(now) if faulty else now * goes_on[first]
                output, now = layer(x[first:last], now)
                outputs.append(output)
            learn(model, heads(torch.cat(outputs)).square().mean())


def whole_episodes_from_memory(faulty) -> Running:
    """Act step by step, learn from pieces of episodes at random, with a second, slower network."""
    online, slow = (
        nn.ModuleDict({"core": nn.LSTM(2, UNITS, batch_first=True), "q": nn.Linear(UNITS, 3)})
        for _ in range(2)
    )
    episodes = [walk(1, 40).transpose(0, 1) for _ in range(12)]
    yield {"model": online}
    trained = None
    for number in range(12):
        state = None
        with torch.no_grad():
            for x in episodes[number][0, :10]:
                _, state = online["core"](x[None, None], state)
        chosen = torch.randint(12, (ROWS,)).tolist()
        starts = torch.randint(28, (ROWS,)).tolist()
        batch = torch.cat([episodes[e][:, s : s + 12] for e, s in zip(chosen, starts, strict=True)])
        outputs, trained = online["core"](batch, cut(trained) if faulty and trained else None)
        with torch.no_grad():
            wanted = slow["q"](slow["core"](batch)[0]).amax(-1)
        learn(online, (online["q"](outputs).amax(-1) - wanted).square().mean())
        slow.load_state_dict(online.state_dict())


class WorldModel(nn.Module):
    """A cell, and beside it a drawn part of the state that goes back as an input."""

    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(UNITS + 1, UNITS)
        self.prior, self.posterior = nn.Linear(UNITS, 2 * UNITS), nn.Linear(UNITS + 2, 2 * UNITS)

    def begin(self, rows):
        return torch.zeros(rows, UNITS), torch.zeros(rows, UNITS)

    def draw(self, layer, x):
        mean, size = layer(x).chunk(2, 1)
        return mean + nn.functional.softplus(size) * torch.randn_like(mean)

    def step(self, state, action, seen=None):
        h, drawn = state
        h = self.cell(torch.cat([drawn, action], 1), h)
        known = self.prior if seen is None else self.posterior
        return h, self.draw(known, h if seen is None else torch.cat([h, seen], 1))


def a_world_model_and_imagined_futures(faulty) -> Running:
    """Learn the world from stored pieces; act in futures imagined from all of their steps."""
    model, actor = WorldModel(), nn.Linear(2 * UNITS, 1)
    yield {"model": model}
    for _ in range(5):
        state, states = model.begin(ROWS), []
        for x in walk(steps=8):
            state = model.step(cut(state) if faulty else state, x[:, :1], x)
            states.append(state)
        loss = sum(h.square().mean() + z.square().mean() for h, z in states)
        learn(model, loss)
        if faulty:
            continue
        state = tuple(torch.cat(parts).detach() for parts in zip(*states, strict=True))
        value = 0.0
        for _ in range(5):
            state = model.step(state, actor(torch.cat(state, 1)).tanh())
            value = value + state[0].square().mean()
        learn(actor, value)


def an_optimizer_that_is_learnt(faulty) -> Running:
    """A network that makes the updates of another one, whose own gradients are taken inside."""
    cells = nn.ModuleList([nn.LSTMCell(1, UNITS), nn.LSTMCell(UNITS, UNITS)])
    model = nn.ModuleDict({"cells": cells, "step": nn.Linear(UNITS, 1)})
    yield {"model": model}
    for _ in range(3):
        weights, states = torch.randn(8), [zeros(8) for _ in cells]
        for _ in range(4):
            weights, states = weights.detach(), [cut(state) for state in states]
            loss = 0.0
            for _ in range(5):
                leaf = weights.detach().requires_grad_()
                leaf.square().sum().backward()
                x = leaf.grad[:, None]
                for layer, cell in enumerate(cells):
                    states[layer] = cell(x, cut(states[layer]) if faulty else states[layer])
                    x = states[layer][0]
                weights = weights + 0.1 * model["step"](x)[:, 0]
                loss = loss + weights.square().sum()
            learn(model, loss)


LOOPS = [
    Loop(one_actor_that_learns_as_it_goes, "ikostrikov/pytorch-a3c", "Only a part", raises=True),
    Loop(
        actors_and_a_learner, "facebookresearch/torchbeast", "carried where the data do not go on"
    ),
    Loop(
        pieces_between_the_ends_of_episodes, "ikostrikov/pytorch-a2c-ppo-acktr-gail",
        "Every chunk begins from a new state though its data go on",
    ),
    Loop(
        whole_episodes_from_memory, "keep9oing/DRQN-Pytorch-CartPole-v1",
        "carried where the data do not go on",
    ),
    Loop(
        a_world_model_and_imagined_futures, "danijar/dreamer", "detached at every step"
    ),
    Loop(
        an_optimizer_that_is_learnt, "ikostrikov/pytorch-meta-optimizer", "detached at every step"
    ),
]  # fmt: skip
