"""Recurrences of today with a problem to solve: for tests that ask the same of all of them."""

import torch

from tbptt.pytorch.diagonal import DiagonalCell
from tbptt.pytorch.recurrences import GatedLinearAttention, MinGRU, MinLSTM, SelectiveCell

STEPS, BATCH, FEATURES = 11, 3, 4
CELLS = {
    "minGRU": lambda: MinGRU(FEATURES, 5),
    "minLSTM": lambda: MinLSTM(FEATURES, 5),
    "diagonal": lambda: DiagonalCell(FEATURES, 3),
    "attention": lambda: GatedLinearAttention(FEATURES, heads=2, keys=3, values=2, chunk=4),
    "selective": lambda: SelectiveCell(FEATURES, states=3, taps=3),
}


def parts(state):
    return state if isinstance(state, tuple) else (state,)


class Problem:
    """A cell with weights of some size, a sequence, and a loss of its outputs."""

    def __init__(self, name, seed=0, flags=True):
        torch.manual_seed(seed)
        self.cell = CELLS[name]()
        with torch.no_grad():
            for weight in self.cell.parameters():
                weight.add_(0.3 * torch.randn_like(weight))
        self.x = torch.randn(STEPS, BATCH, FEATURES)
        zero = self.cell.begin(BATCH)
        drawn = tuple(torch.randn_like(part) for part in parts(zero))
        self.state = drawn if isinstance(zero, tuple) else drawn[0]
        self.errors = torch.randn(STEPS, BATCH, self.cell.widths[0])
        self.resets = torch.rand(STEPS, BATCH) < 0.25
        self.mask = torch.rand(STEPS, BATCH) < 0.7
        self.mask[:, 1] = torch.arange(STEPS) < 6  # a row that is padded at the end
        self.flags = {"resets": self.resets, "mask": self.mask} if flags else {}

    def loss(self, outputs):
        return (self.errors * (outputs + outputs**2 / 2)).sum()

    def gradient(self, way, *options, **flags):
        self.cell.zero_grad()
        way(self.cell, self.loss, self.x, self.state, *options, **self.flags, **flags)
        return self.weights_gradient()

    def weights_gradient(self):
        return torch.cat([weight.grad.flatten() for weight in self.cell.parameters()])

    def looped(self, *, resets, mask, truncate=None):
        """Run step by step, rows apart; `truncate` the graph before a step."""
        now, states = parts(self.state), []
        for t in range(STEPS):
            used = []
            for row in range(BATCH):
                mine = tuple(part[row : row + 1] for part in now)
                if resets[t, row]:
                    mine = tuple(torch.zeros_like(part) for part in mine)
                if t == truncate:
                    mine = tuple(part.detach() for part in mine)
                if mask[t, row]:
                    given = mine if isinstance(self.state, tuple) else mine[0]
                    mine = parts(self.cell(self.x[t, row : row + 1], given))
                used.append(mine)
            now = tuple(torch.cat(part) for part in zip(*used, strict=True))
            states.append(now)
        return states

    def by_definition(self, truncation):
        """Sum what each loss has to say to the steps that it reaches, by autograd, one by one."""
        total = 0
        for t, reached in enumerate(truncation.reach(STEPS)):
            self.cell.zero_grad()
            first = int(reached.argmax())
            states = self.looped(resets=self.resets, mask=self.mask, truncate=first)
            out, error = states[t][0], self.errors[t] * self.mask[t][:, None]
            # Steps before `first` are cut off: the state there is a constant.
            (error * (out + out**2 / 2)).sum().backward()
            total = total + torch.cat([
                torch.zeros(w.numel()) if w.grad is None else w.grad.flatten()
                for w in self.cell.parameters()
            ])  # fmt: skip
        return total


def close(ours, wanted, places=1e-12):
    scale = max(float(wanted.detach().abs().max()), 1)
    assert ours.shape == wanted.shape
    assert float((ours - wanted).detach().abs().max()) <= places * scale
