"""The cures again, where there is a signal, each at its best learning rate.

As in ``cures``, on `DiffDistRandom` sequences, at several rates; "small updates" are one of them.
All rates and seeds of a cure are trained side by side, in a few large products.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from truncated_time.experiments.cures import CHUNK, DROPOUT, EXAMPLES, HIDDEN, STEPS
from truncated_time.experiments.cures import EPOCHS as PASSES
from truncated_time.experiments.cures import OTHER_EPOCHS as OTHER_PASSES
from truncated_time.experiments.shared.chunked import Classifier, sequences
from truncated_time.experiments.shared.fleet import Adam

TEST_EXAMPLES, TEST_STEPS = 16, 500
LAST = 3  # passes at the end of which results are the mean
WITHIN, AFTER = (0.0003, 0.001, 0.003, 0.01, 0.03), (0.003, 0.01, 0.03, 0.1)
# Updates within a pass, or one after it, which wants larger steps.
RATES = {
    "none": WITHIN, "zero state": WITHIN, "dropout": WITHIN, "shuffled": WITHIN,
    "one update": AFTER, "loss at the end": AFTER,
}  # fmt: skip
PACKAGES = ("torch", "numpy")


def grid(seeds: int) -> list[dict[str, Any]]:
    """List the runs: every cure; a run is all rates and seeds of one."""
    return [{"cure": cure, "seeds": seeds} for cure in RATES]


class Classifiers(NamedTuple):
    """GRUs with a readout side by side, as :class:`Classifier` has one.

    Attributes
    ----------
    weight_ih, weight_hh, bias_ih, bias_hh : Tensor
        Of the units, as in `nn.GRU`, the networks in front.
    readout, readout_bias : Tensor
        Of the readouts.
    """

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor
    bias_hh: Tensor
    readout: Tensor
    readout_bias: Tensor

    def read(self, x: Tensor, state: Tensor) -> Tensor:
        """Read ``(networks, steps, rows, 1)``; return the states after, ``(networks, rows, n)``."""
        networks, steps, rows, _ = x.shape
        heard = torch.baddbmm(self.bias_ih[:, None], x.flatten(1, 2), self.weight_ih.mT)
        for own in heard.view(networks, steps, rows, -1).unbind(dim=1):
            back = torch.baddbmm(self.bias_hh[:, None], state, self.weight_hh.mT)
            gates = torch.sigmoid((own + back)[..., : 2 * HIDDEN])
            reset, keep = gates.chunk(2, dim=-1)
            new = torch.tanh(own[..., 2 * HIDDEN :] + reset * back[..., 2 * HIDDEN :])
            state = new + keep * (state - new)
        return state

    def logits(self, state: Tensor) -> Tensor:
        """Read out of states ``(networks, rows, hidden)``; return ``(networks, rows, 2)``."""
        return torch.baddbmm(self.readout_bias[:, None], state, self.readout.mT)


def begin(seeds: int, rates: tuple[float, ...]) -> Classifiers:
    """Make the networks: those of one seed begin alike at every rate."""
    weights = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        net = Classifier(1, HIDDEN)
        weights.append([weight.detach() for weight in net.parameters()])
    stacked = (torch.stack(part) for part in zip(*weights, strict=True))
    repeated = (
        part.repeat(len(rates), *[1] * (part.ndim - 1)).requires_grad_() for part in stacked
    )
    return Classifiers(*repeated)


def data(seeds: int, rates: int, examples: int, steps: int, more: int) -> tuple[Tensor, Tensor]:
    """Make sequences ``(chunks, networks, CHUNK, rows, 1)`` and labels ``(networks, rows)``."""
    made = [sequences("DiffDistRandom", examples, steps, seed + more) for seed in range(seeds)]
    x = torch.stack([x for x, _ in made]).repeat(rates, 1, 1, 1)
    return torch.stack(x.split(CHUNK, dim=1)), torch.stack([y for _, y in made]).repeat(rates, 1)


def losses_of(logits: Tensor, y: Tensor) -> Tensor:
    """Return the mean cross-entropy of every network, ``(networks,)``."""
    return nn.functional.cross_entropy(logits.mT, y, reduction="none").mean(dim=1)


def start(cure: str, networks: int, rows: int) -> Tensor:
    """Make initial states ``(networks, rows, HIDDEN)``."""
    state = torch.zeros(networks, rows, HIDDEN)
    return state if cure == "zero state" else state.normal_().clamp_(-1, 1)


def carry(cure: str, *, training: bool) -> Callable[[Tensor], Tensor]:
    """Say what becomes of states between two chunks."""
    if cure == "zero state":
        return torch.zeros_like
    if cure == "dropout" and training:
        return lambda state: nn.functional.dropout(state, DROPOUT)
    return lambda state: state


@torch.no_grad()
def frozen(nets: Classifiers, cure: str, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Go through all chunks without updates.

    Returns
    -------
    losses : Tensor, shape (networks,)
        The mean over chunks.
    last, right : Tensor, shape (networks,)
        The loss after the last chunk, and the share of right answers there.
    """
    state, kept, losses = start(cure, *y.shape), carry(cure, training=False), []
    for part in x:
        after = nets.read(part, state)
        losses.append(losses_of(nets.logits(after), y))
        state = kept(after)
    right = (nets.logits(after).argmax(dim=2) == y).float().mean(dim=1)
    return torch.stack(losses).mean(dim=0), losses[-1], right


def visits(cure: str, chunks: int, rows: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield what an update reads: the chunk of every row, and the rows."""
    order = torch.arange(chunks * rows)
    if cure == "shuffled":
        order = torch.randperm(chunks * rows)
    for visit in order.split(rows):
        yield visit // rows, visit % rows


def one_pass(
    nets: Classifiers, cure: str, x: Tensor, y: Tensor, adam: Adam, stored: Tensor
) -> Tensor:
    """Train on all chunks once, each from the states that are stored before it.

    Parameters
    ----------
    nets : Classifiers
        Trained in place.
    cure : str
        Which one.
    x, y : Tensor
        All sequences and their labels, as from `data`.
    adam : Adam
        Of the weights of `nets`.
    stored : Tensor, shape (chunks + 1, networks, rows, HIDDEN)
        The state before every chunk, as it was left at the last visit. Written to.

    Returns
    -------
    Tensor, shape (networks,)
        The loss with updates, the mean over chunks.
    """
    chunks, rows = len(x), y.shape[1]
    stored[0] = start(cure, len(y), rows)
    kept, losses = carry(cure, training=True), []
    total = [torch.zeros_like(weight) for weight in nets]
    for at, row in visits(cure, chunks, rows):
        # (rows, networks, CHUNK, 1) -> (networks, CHUNK, rows, 1)
        part = x[at, :, :, row].permute(1, 2, 0, 3)
        # An update of all chunks needs each one's gradient, one at the end the last one's alone.
        scored = cure != "loss at the end" or len(losses) == chunks - 1
        with torch.set_grad_enabled(scored):
            after = nets.read(part, stored[at, :, row].transpose(0, 1))
            loss = losses_of(nets.logits(after), y[:, row])
        losses.append(loss.detach())
        stored[at + 1, :, row] = kept(after.detach()).transpose(0, 1)
        if not scored:
            continue
        gradients = torch.autograd.grad(loss.sum(), nets)
        if cure == "one update":
            total = [done + new / chunks for done, new in zip(total, gradients, strict=True)]
            if len(losses) < chunks:
                continue
            gradients = tuple(total)
        with torch.no_grad():
            adam.step(gradients, clip=1.0)
    return torch.stack(losses).mean(dim=0)


def run(
    cure: str, seeds: int, steps: int = STEPS, passes: int | None = None
) -> list[dict[str, Any]]:
    """Train all networks of a cure.

    Returns
    -------
    list of dict
        For every ``rate`` and ``seed``, means over the last three passes: ``train_loss``; ``gap``,
        the frozen loss on the same sequences less that; ``right``, of the answers after the last
        step of sequences never trained on; and ``stopped``, that share after the pass with the
        lowest frozen loss on others.
    """
    torch.set_num_threads(1)
    rates = RATES[cure]
    nets, total = begin(seeds, rates), passes or OTHER_PASSES.get(cure, PASSES)
    x, y = data(seeds, len(rates), EXAMPLES, steps, 0)
    validation, test = (
        data(seeds, len(rates), TEST_EXAMPLES, TEST_STEPS, more) for more in (1000, 2000)
    )
    adam = Adam([rate for rate in rates for _ in range(seeds)], nets)
    stored = torch.zeros(len(x) + 1, *y.shape, HIDDEN)
    train, gaps, checked, right = [], [], [], []
    for _ in range(total):
        train.append(one_pass(nets, cure, x, y, adam, stored))
        gaps.append(frozen(nets, cure, x, y)[0] - train[-1])
        checked.append(frozen(nets, cure, *validation)[1])
        right.append(frozen(nets, cure, *test)[2])
    best = torch.stack(checked).argmin(dim=0)
    stopped = torch.stack(right).gather(0, best[None])[0]
    columns = {
        "train_loss": torch.stack(train[-LAST:]).mean(dim=0),
        "gap": torch.stack(gaps[-LAST:]).mean(dim=0),
        "right": torch.stack(right[-LAST:]).mean(dim=0),
        "stopped": stopped,
    }
    networks = itertools.product(rates, range(seeds))
    return [
        {"cure": cure, "rate": rate, "seed": seed}
        | {name: round(values[place].item(), 4) for name, values in columns.items()}
        for place, (rate, seed) in enumerate(networks)
    ]
