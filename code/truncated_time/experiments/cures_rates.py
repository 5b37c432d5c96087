"""The cures for a leak, each at learning rates around its best.

The networks of ``cures`` on ``DiffDistRandom`` sequences with chunks of 5, at other rates than its
own. All networks of one cure are trained side by side, as batches of matrices; those of one seed
start alike and meet the same draws.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from truncated_time.experiments import cures
from truncated_time.experiments.shared.adam import Adam
from truncated_time.experiments.shared.chunked import Carry, Classifier, sequences
from truncated_time.tasks.labelled import DataType

PACKAGES = cures.PACKAGES
DATA: DataType = "DiffDistRandom"
# All but the rate of `cures`; few updates want large ones. A state that does not outlive its chunk
# is not here: no rate gets more out of five numbers. Small updates are `none` at another rate.
RATES = {
    "none": (0.0001, 0.0003, 0.001, 0.003),
    "dropout": (0.0003, 0.001, 0.003, 0.03),
    "one update": (0.003, 0.03, 0.1),
    "loss at the end": (0.003, 0.03, 0.1),
    "shuffled": (0.0001, 0.0003, 0.001, 0.003),
    "true truncation": (0.0001, 0.0003, 0.001, 0.003),
}
LAST = 3  # epochs that are looked at


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: one for each cure, with all its rates and all seeds."""
    return [{"cure": cure, "seeds": seeds} for cure in RATES]


def weights_of(net: Classifier) -> list[Tensor]:
    """Matrices ``(inputs, outputs)`` and biases ``(1, outputs)``: into the GRU, within it, out."""
    w_in, w, b_in, b = net.gru.all_weights[0]
    out = net.readout
    parts = (w_in.T, b_in[None], w.T, b[None], out.weight.T, out.bias[None])
    return [part.detach() for part in parts]


class Side:
    """Classifiers side by side, each with a learning rate of its own.

    Parameters
    ----------
    nets : sequence of Classifier
        What each starts as.
    rates : sequence of float
        Learning rates.
    """

    def __init__(self, nets: Sequence[Classifier], rates: Sequence[float]):
        self.hidden = nets[0].gru.hidden_size
        starts = zip(*map(weights_of, nets), strict=True)
        self.parts = [torch.stack(parts).requires_grad_() for parts in starts]
        self._adam = Adam(rates, self.parts)

    def update(self) -> None:
        """Clip the gradient of each network, and take a step of Adam."""
        self._adam.step_back(clip=1.0)

    def read(self, x: Tensor, state: Tensor) -> list[Tensor]:
        """Read ``(networks, steps, rows)`` from a state; return the state after every step."""
        w_in, b_in, w, b = self.parts[:4]
        inputs = torch.baddbmm(b_in, x.reshape(len(x), -1, 1), w_in)
        states = []
        for now in inputs.view(*x.shape, -1).unbind(1):
            before = torch.baddbmm(b, state, w)
            gates, new = now.split((2 * self.hidden, self.hidden), -1)
            gates_before, new_before = before.split((2 * self.hidden, self.hidden), -1)
            reset, update = (gates + gates_before).sigmoid().chunk(2, -1)
            state = torch.lerp((new + reset * new_before).tanh(), state, update)
            states.append(state)
        return states

    def losses(self, state: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Name labels ``(networks, rows)`` from a state; return losses and shares of right ones."""
        logits = torch.baddbmm(self.parts[5], state, self.parts[4])
        each = nn.functional.cross_entropy(logits.movedim(2, 1), y, reduction="none")
        return each.mean(1), (logits.detach().argmax(2) == y).float().mean(1)


def in_chunks(
    side: Side,
    x: Tensor,
    y: Tensor,
    state: Tensor,
    carry: Carry | None,
    update: Literal["never", "each", "once", "last"],
) -> tuple[Tensor, Tensor]:
    """Go through all chunks once, as ``one_pass`` does; return the mean loss, the last accuracy."""
    parts = x.split(cures.CHUNK, 1)
    losses = []
    for number, part in enumerate(parts, start=1):
        done = number == len(parts)
        learns = update in ("each", "once") or (update == "last" and done)
        with torch.set_grad_enabled(learns):
            state = side.read(part, state)[-1]
            loss, right = side.losses(state, y)
            if learns:
                (loss / len(parts) if update == "once" else loss).sum().backward()
                if update == "each" or done:
                    side.update()
        losses.append(loss.detach())
        state = carry(state.detach()) if carry else state.detach()
    return torch.stack(losses).mean(0), right


def shuffled(side: Side, x: Tensor, y: Tensor, stored: Tensor, order: Tensor) -> Tensor:
    """Visit all chunks in some order, as ``cures.shuffled_pass`` does; return the mean loss."""
    networks, _, rows = x.shape
    each = torch.arange(networks)[:, None]
    parts = x.view(networks, -1, cures.CHUNK, rows)
    losses = []
    for visits in order.split(rows, 1):
        at, row = visits // rows, visits % rows
        part = parts[each, at, :, row].movedim(2, 1)
        state = side.read(part, stored[each, at, row])[-1]
        loss = side.losses(state, y[each, row])[0]
        loss.sum().backward()
        side.update()
        stored[each, at + 1, row] = state.detach()
        losses.append(loss.detach())
    return torch.stack(losses).mean(0)


def true(side: Side, x: Tensor, y: Tensor, state: Tensor) -> Tensor:
    """Update at every step, as ``cures.true_pass`` does; return the mean loss."""
    losses = []
    begins = [state]  # before each of the steps that an error still reaches
    for now in range(x.shape[1]):
        back = len(begins)
        states = side.read(x[:, now + 1 - back : now + 1], begins[0])
        loss = side.losses(states[-1], y)[0]
        loss.sum().backward()
        side.update()
        begins = [begins[0], *(after.detach() for after in states)][-cures.CHUNK :]
        losses.append(loss.detach())
    return torch.stack(losses).mean(0)


def run(cure: str, seeds: int) -> list[dict[str, Any]]:
    """Train networks side by side, every seed at every rate, and look at the last epochs.

    Returns
    -------
    list of dict
        For every network means over the last epochs of ``train_loss``, ``frozen_loss`` and
        ``test_accuracy``, as ``cures`` has them. Losses in nats.
    """
    torch.set_num_threads(1)
    rates = RATES[cure]
    nets, draws = [], []
    for seed in range(seeds):
        torch.manual_seed(seed)
        nets.append(Classifier(1, cures.HIDDEN))
        draws.append(torch.Generator())
        draws[-1].set_state(torch.get_rng_state())

    def every(each: Iterable[Tensor]) -> Tensor:
        return torch.stack(list(each)).repeat_interleave(len(rates), 0)

    def data(examples: int, steps: int, first: int) -> tuple[Tensor, Tensor]:
        found = [sequences(DATA, examples, steps, first + seed) for seed in range(seeds)]
        return every(x[..., 0] for x, _ in found), every(y for _, y in found)

    def start(rows: int) -> Tensor:
        shape = rows, cures.HIDDEN
        return every(torch.zeros(shape).normal_(generator=draw).clamp_(-1, 1) for draw in draws)

    def drop(state: Tensor) -> Tensor:
        kept = 1 - cures.DROPOUT
        like = torch.empty_like(state[0])
        return state * every(like.bernoulli(kept, generator=draw) for draw in draws) / kept

    x, y = data(cures.EXAMPLES, cures.STEPS, 0)
    test = data(cures.TEST_EXAMPLES, cures.TEST_STEPS, 2000)
    side = Side([net for net in nets for _ in rates], rates * seeds)
    rows, chunks = y.shape[1], cures.STEPS // cures.CHUNK
    stored = torch.zeros(len(x), chunks + 1, rows, cures.HIDDEN)

    def plain(state: Tensor) -> Tensor:
        how: Any = {"one update": "once", "loss at the end": "last"}.get(cure, "each")
        return in_chunks(side, x, y, state, drop if cure == "dropout" else None, how)[0]

    def in_any_order(state: Tensor) -> Tensor:
        stored[:, 0] = state
        order = every(torch.randperm(chunks * rows, generator=draw) for draw in draws)
        return shuffled(side, x, y, stored, order)

    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "shuffled": in_any_order,
        "true truncation": lambda state: true(side, x, y, state),
    }
    epochs = cures.OTHER_EPOCHS.get(cure, cures.EPOCHS)
    looks: list[Tensor] = []
    for epoch in range(1, epochs + 1):
        trained = ways.get(cure, plain)(start(rows))
        # `cures` validates as well; what is drawn for it is drawn here, so that all draws agree.
        again, _, new = start(rows), start(test[1].shape[1]), start(test[1].shape[1])
        if epoch > epochs - LAST:
            frozen = in_chunks(side, x, y, again, None, "never")[0]
            right = in_chunks(side, *test, new, None, "never")[1]
            looks.append(torch.stack([trained, frozen, right]))
    means = torch.stack(looks).mean(0).T.tolist()
    return [
        {"cure": cure, "rate": rate, "seed": seed, "train_loss": round(mean[0], 4),
         "frozen_loss": round(mean[1], 4), "test_accuracy": round(mean[2], 4)}
        for (seed, rate), mean in zip(itertools.product(range(seeds), rates), means, strict=True)
    ]  # fmt: skip
