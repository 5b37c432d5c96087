"""What detach cuts: borders and graphs tried out, errors walked back."""

from __future__ import annotations

from typing import Any

from truncated_time.exercises._form import function, integers, require


def _rows(answer: Any) -> None:
    """Try every row's flags, and ask for values and errors."""
    import torch

    boundary = function(answer, "boundary(state, cut, begins)")
    state = torch.linspace(-1, 1.4, 12, dtype=torch.float64).reshape(4, 3).requires_grad_()
    before = state.detach().clone()
    cut = torch.tensor([False, True, False, True])
    begins = torch.tensor([False, False, True, True])
    crossed = boundary(state, cut, begins)
    require(
        isinstance(crossed, torch.Tensor) and crossed.shape == state.shape,
        "Return the state after the border, a tensor of the same shape.",
    )
    require(torch.equal(state, before), "You changed the state that was passed in; make a new one.")
    require(torch.equal(crossed[0], before[0]), "A row that goes on has to keep its value.")
    require(
        torch.equal(crossed[1], before[1]),
        "A row whose error is cut lost its value as well: cutting costs credit, a reset memory.",
    )
    require(
        (crossed[2:] == 0).all(),
        "A row that begins a new sequence still has the old one's value: `detach` hands it on.",
    )
    require(
        crossed.requires_grad,
        "No error crosses at all, not even in row 0: you detached the whole state.",
    )
    (arrived,) = torch.autograd.grad(crossed.sum(), state, allow_unused=True)
    require(
        arrived is not None and (arrived[0] == 1).all(),
        "The error of row 0 has to arrive as it is.",
    )
    require((arrived[1:] == 0).all(), "An error crosses in a row where none may.")


def _exact(answer: Any) -> None:
    """Compare with one full backward pass, and watch the longest graph."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(3)
            self.cell, self.readout = nn.RNNCell(1, 4).double(), nn.Linear(4, 1).double()
            self.longest = 0

        def forward(self, chunk: Any, state: Any) -> Any:
            for x_t in chunk:
                state = self.cell(x_t, state)
            self.longest = max(self.longest, _depth(state))
            return self.readout(state)[:, 0], state

    network = Network()
    x = torch.randn(12, 5, 1, dtype=torch.float64)
    y = torch.tensor([0.0, 1, 0, 1, 1], dtype=torch.float64)
    loss_of = nn.BCEWithLogitsLoss()
    state, total = torch.zeros(5, 4, dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for chunk in torch.split(x, 3):
        logits, state = network(chunk, state)
        total = total + loss_of(logits, y)
    wanted = torch.autograd.grad(total, list(network.parameters()))
    network.longest = 0
    function(answer, "accumulate(network, loss_of, x, y, k)")(network, loss_of, x, y, 3)
    got = [weight.grad for weight in network.parameters()]
    require(
        all(gradient is not None for gradient in got),
        "Weights are left without `.grad`: let every chunk's `backward` accumulate there.",
    )
    require(
        network.longest <= 3,
        f"The gradient may be right, but a graph of {network.longest} steps was kept for chunks "
        "of 3: cut it at every border.",
    )
    require(
        all(
            a is not None and torch.allclose(a, b, rtol=0, atol=1e-10)
            for a, b in zip(got, wanted, strict=True)
        ),
        "This is not the full gradient. Does the error that arrives at a chunk's first state go on "
        "as the error of the last state of the chunk before, in addition to that chunk's own loss?",
    )


def _depth(state: Any) -> int:
    """Count the steps in a state's graph: one `tanh` each."""
    visited, stack = set(), [state.grad_fn]
    while stack:
        node = stack.pop()
        if node is not None and node not in visited:
            visited.add(node)
            stack += [before for before, _ in node.next_functions]
    return sum(node.name().startswith("Tanh") for node in visited)


def _forgotten(answer: Any) -> None:
    """Walk each error back until a border stops it."""
    walked = integers(answer, "the steps that each of the four errors reaches")
    detached_before = {5, 15}  # steps whose incoming state has no history

    def reached(step: int) -> int:
        count = 1
        while step > 0 and step not in detached_before:
            step, count = step - 1, count + 1
        return count

    right = [reached(t) for t in (4, 9, 14, 19)]
    require(len(walked) == 4, f"There are four losses, so four numbers, not {len(walked)}.")
    require(
        walked != [steps - 1 for steps in right],
        "You counted Jacobians. An error also reaches the weights of its own step.",
    )
    require(
        walked != [t + 1 for t in (4, 9, 14, 19)],
        "As if nothing were cut: two of the three borders are still detached.",
    )
    require(walked != [5] * 4, "As if nothing were forgotten: one border has no `detach`.")
    require(
        walked != [5, 10, 5, 5],
        "Errors walk back. An open border is crossed by the errors that arise after it.",
    )
    require(
        walked == right, "Begin at each loss, walk back, and stop at the first detached border."
    )


CHECKS = {
    "rows": _rows,
    "exact": _exact,
    "forgotten": _forgotten,
}
