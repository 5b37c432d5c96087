"""Sensible calls of PyTorch's room, and tensors that nobody should pass."""

import torch
from hypothesis import strategies as st
from torch import nn

from fuzz.recipes import recipe, size
from fuzz.recipes.schedules import truncation
from tbptt.pytorch import Block
from tbptt.pytorch.evolution import NRES, PES
from tbptt.pytorch.forward_mode import RFLO, RTRL, UORO, EProp, SnAp
from tbptt.pytorch.jacobians import StepJacobians
from tbptt.pytorch.recurrences import MinGRU
from tbptt.pytorch.segments import SegmentAttention

KINDS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


class Own(nn.Module):
    """A cell that PyTorch does not have."""

    def __init__(self, features, hidden):
        super().__init__()
        self.linear = nn.Linear(features + hidden, hidden)

    def forward(self, x, state):
        return self.linear(torch.cat([x, state], dim=1)).tanh()


class Detached(Own):
    """A cell without a gradient."""

    def forward(self, x, state):
        return super().forward(x, state).detach()


HOSTILE = [
    lambda: torch.tensor(2), lambda: torch.tensor(2.5), lambda: torch.tensor(True),
    lambda: torch.zeros(0), lambda: torch.zeros(0, 2, 2), lambda: torch.zeros(3, 0, 2),
    lambda: torch.zeros(3, 2), lambda: torch.zeros(3, 2, 2), lambda: torch.zeros(3, 2, 2).double(),
    lambda: torch.zeros(3, 2, 2, dtype=torch.long), lambda: torch.zeros(3, 2, dtype=torch.bool),
    lambda: torch.full((3, 2, 2), torch.nan), lambda: torch.zeros(3, 2, 2, device="meta"),
    lambda: torch.zeros(3, 2, 2, dtype=torch.bfloat16), lambda: torch.zeros(3, 2).to_sparse(),
    lambda: torch.zeros(3, 2, 2, requires_grad=True), lambda: torch.zeros(3, 2).expand(4, 3, 2),
    lambda: torch.zeros(3, 2, 2, dtype=torch.complex64), lambda: nn.Parameter(torch.zeros(2, 2)),
    lambda: (torch.zeros(2, 2), torch.zeros(2, 2)), lambda: [torch.zeros(2, 2), None],
    lambda: nn.LSTM(2, 2), lambda: nn.Linear(2, 2), lambda: nn.RNNCell(2, 5), lambda: nn.Identity(),
    lambda: nn.RNNCell, lambda: Detached(2, 2), lambda: nn.RNNCell(2, 2, device="meta"),
    lambda: nn.GRUCell(2, 2, dtype=torch.float64), lambda: (lambda x, state: state),
    lambda: (lambda x, state: (state, state)), lambda: (lambda x, state: None),
    lambda: (lambda outputs: outputs), lambda: (lambda outputs: outputs.detach().sum()),
    lambda: (lambda outputs: 1.0), lambda: (lambda outputs: outputs.sum() * torch.nan),
    lambda: (lambda outputs: outputs[0].sum()), lambda: (lambda *_: torch.zeros(())),
    lambda: RTRL(), lambda: SnAp(1), lambda: RTRL, lambda: torch.Generator(),
    lambda: torch.utils.data.DataLoader(torch.zeros(4, 2)),
]  # fmt: skip


def tensor(*shape):
    """Return numbers that differ."""
    return torch.sin(1 + torch.arange(float(torch.tensor(shape).prod()))).reshape(shape)


def total(outputs):
    """Return a loss that adds up over steps."""
    return (outputs**2).sum()


def sequence(draw, kinds=("rnn", "gru", "lstm", "own")):
    """Draw a cell, inputs and a state."""
    kind = draw(st.sampled_from(kinds))
    steps, batch = size(draw, 4), size(draw, 3)
    cell = Own(2, 2) if kind == "own" else KINDS[kind](2, 2)
    state = tensor(batch, 2)
    inputs = tensor(steps, batch, 2).requires_grad_(draw(st.booleans()))
    return cell, inputs, (state, state * 2) if kind == "lstm" else state


@recipe("tbptt.pytorch.backward")
def backward(draw):
    cell, inputs, state = sequence(draw)
    flags = st.sampled_from([None, torch.zeros(inputs.shape[:2], dtype=torch.bool),
                             torch.ones(inputs.shape[:2], dtype=torch.bool)])  # fmt: skip
    return {
        "cell": cell, "loss_fn": total, "inputs": inputs, "state": state,
        "truncation": truncation(draw), "resets": draw(flags), "mask": draw(flags),
    }  # fmt: skip


@recipe("tbptt.pytorch.random_lengths.reweighted")
def reweighted(draw):
    cell, inputs, state = sequence(draw)
    factors = [0.0] + [draw(st.sampled_from([0.0, 1.0, 2.0])) for _ in inputs[1:]]
    return {"cell": cell, "loss_fn": total, "inputs": inputs, "state": state, "factors": factors}


@recipe("tbptt.pytorch.online")
def online(draw):
    cell, inputs, state = sequence(draw)
    chosen = truncation(draw)
    blocks = [Block(block.detach(), block.sum().detach()) for block in inputs.split(chosen.k1)]
    return {
        "cell": cell, "loss_fn": lambda outputs, target: total(outputs) + target, "blocks": blocks,
        "state": state, "truncation": chosen,
    }  # fmt: skip


@recipe("tbptt.pytorch.chunked_loss")
def chunked(draw):
    return {
        "readout": nn.Linear(2, 3), "loss": lambda logits, targets: (logits - targets).sum(),
        "targets": tensor(5, 2, 3), "chunk": size(draw), "scale": 0.5,
    }  # fmt: skip


@recipe("tbptt.pytorch.diagnose")
def diagnose(draw):
    rows, chunks = 4, size(draw, 3)
    cell, readout = nn.RNNCell(2, 2), nn.Linear(2, 2)

    def forward(chunk, state):
        for x in chunk.unbind(1):
            state = cell(x, state)
        return readout(state), state

    return {
        "forward": forward, "chunks": [tensor(rows, 3, 2)] * chunks,
        "labels": torch.arange(rows) % 2, "fresh": torch.zeros(rows, 2),
        "carried": tensor(rows, 2), "train_loss": 0.5,
    }  # fmt: skip


@recipe("tbptt.pytorch.diagonal.DiagonalCell")
def diagonal(draw):
    return {"features": size(draw), "channels": size(draw), "slowest": 0.9}


@recipe("tbptt.pytorch.diagonal.scan")
def scan(draw):
    shape = size(draw), size(draw), size(draw)
    return {"rates": tensor(*shape), "driven": tensor(*shape), "state": tensor(*shape[1:])}


@recipe("tbptt.pytorch.recurrences.MinGRU")
@recipe("tbptt.pytorch.recurrences.MinLSTM")
def minimal(draw):
    return {"features": size(draw), "hidden": size(draw)}


@recipe("tbptt.pytorch.recurrences.GatedLinearAttention")
def linear_attention(draw):
    return {name: size(draw) for name in ("features", "heads", "keys", "values", "chunk")}


@recipe("tbptt.pytorch.recurrences.SelectiveCell")
def selective(draw):
    return {"features": size(draw), "states": size(draw), "taps": size(draw, least=2)}


@recipe("tbptt.pytorch.parallel.ParallelCell")
def parallel(draw):
    return {"features": size(draw), "widths": (size(draw), size(draw))}


@recipe("tbptt.pytorch.parallel.ParallelCell.begin")
def begin_parallel(draw):
    return {"self": MinGRU(2, 2), "batch": size(draw)}


@recipe("tbptt.pytorch.parallel.ParallelCell.at_once")
def at_once(draw):
    steps, batch = size(draw), size(draw)
    flags = torch.zeros(steps, batch, dtype=torch.bool)
    return {"self": MinGRU(2, 2), "inputs": tensor(steps, batch, 2), "state": tensor(batch, 2),
            "resets": flags, "mask": ~flags}  # fmt: skip


@recipe("tbptt.pytorch.chunkwise.chunkwise")
def chunkwise(draw):
    cell, inputs, state = sequence(draw)
    return {"cell": cell, "loss_fn": total, "inputs": inputs, "state": state,
            "chunk": size(draw), "at_once": draw(st.sampled_from([None, False]))}  # fmt: skip


# torch.func takes seconds to start, which no function's share of the time should pay for.
StepJacobians(nn.RNNCell(1, 1), 1, tensor(1, 1)).check(tensor(1, 1), tensor(1, 1))


def jacobians(draw):
    cell, inputs, state = sequence(draw, kinds=("rnn", "own"))
    return StepJacobians(cell, 2, state), inputs.detach()[0], state


@recipe("tbptt.pytorch.forward_mode.accumulate")
def accumulate(draw):
    cell, inputs, state = sequence(draw)
    drawn = UORO(torch.Generator().manual_seed(0))
    kind = st.sampled_from([RTRL(), SnAp(1), drawn, RFLO(0.5)] if isinstance(state, torch.Tensor)
                           else [RTRL(), SnAp(1), drawn, EProp()])  # fmt: skip
    return {"cell": cell, "loss_fn": total, "inputs": inputs.detach(), "state": state,
            "method": draw(kind)}  # fmt: skip


@recipe("tbptt.pytorch.forward_mode.SnAp")
def snap(draw):
    return {"order": size(draw)}


@recipe("tbptt.pytorch.forward_mode.UORO")
def uoro(draw):
    return {"generator": torch.Generator().manual_seed(size(draw))}


@recipe("tbptt.pytorch.forward_mode.EProp")
def eprop(draw):
    own = draw(st.sampled_from([None, lambda x, heard, state: state]))
    return {"own": own, "units": draw(st.sampled_from([None, 2]))}


@recipe("tbptt.pytorch.forward_mode.EProp.begin")
def begin_eprop(draw):
    cell, _, state = sequence(draw, kinds=("rnn", "gru"))
    return {"self": EProp(), "jacobians": StepJacobians(cell, 2, state), "state": state}


@recipe("tbptt.pytorch.forward_mode.RFLO")
def rflo(draw):
    return {"decay": draw(st.sampled_from([0, 0.5]))}


@recipe("tbptt.pytorch.leaky.LeakyCell")
def leaky(draw):
    return {"features": size(draw), "hidden": size(draw), "keep": 0.5}


@recipe("tbptt.pytorch.feedback.RandomFeedback")
def feedback(draw):
    return {"in_features": size(draw), "out_features": size(draw), "generator": torch.Generator()}


@recipe("tbptt.pytorch.evolution.PES")
@recipe("tbptt.pytorch.evolution.NRES")
def strategy(draw):
    return {"spread": draw(st.sampled_from([1, 0.1])), "generator": torch.Generator()}


def draw_of(make):
    def moves(draw):
        rows = size(draw)
        return {"self": make(0.1, torch.Generator()), "summed": tensor(rows, 2),
                "begins": torch.arange(rows) % 2 == 0}  # fmt: skip

    return moves


for kind in (PES, NRES):
    recipe(f"tbptt.pytorch.evolution.{kind.__name__}.draw")(draw_of(kind))


@recipe("tbptt.pytorch.evolution.evolve")
def evolve(draw):
    cell, inputs, state = sequence(draw, kinds=("rnn", "own"))
    strategies = st.sampled_from([PES(0.1, torch.Generator()), NRES(0.1, torch.Generator())])
    rows = inputs.shape[1]
    return {
        "cell": cell, "loss_fn": lambda outputs: (outputs**2).sum(dim=(0, 2)),
        "inputs": inputs.detach(), "state": state, "strategy": draw(strategies),
        "begins": draw(st.sampled_from([None, torch.ones(rows, dtype=torch.bool)])),
    }  # fmt: skip


@recipe("tbptt.pytorch.bootstrap.bootstrapped")
def bootstrapped(draw):
    cell, inputs, state = sequence(draw, kinds=("rnn", "gru", "own"))
    flags = st.sampled_from([None, torch.zeros(inputs.shape[1], dtype=torch.bool)])
    return {"cell": cell, "loss_fn": total, "inputs": inputs, "state": state,
            "synthesiser": nn.Linear(2, 2), "ends": draw(flags)}  # fmt: skip


@recipe("tbptt.pytorch.forward_mode.pattern")
def pattern(draw):
    of, _, state = jacobians(draw)
    return {"jacobians": of, "state": state, "order": size(draw, 3), "tries": size(draw)}


@recipe("tbptt.pytorch.jacobians.StepJacobians")
def of_steps(draw):
    cell, _, state = sequence(draw)
    return {"cell": cell, "features": 2, "state": state}


@recipe("tbptt.pytorch.segments.SegmentAttention")
def attention(draw):
    return {name: size(draw) for name in ("features", "layers", "width")}


@recipe("tbptt.pytorch.segments.SegmentAttention.begin")
def begin_segment(draw):
    return {"self": SegmentAttention(2, 1, 2), "batch": size(draw)}


@recipe("tbptt.pytorch.segments.Layer")
def layer(draw):
    return {"features": size(draw), "width": size(draw)}


METHODS = {"RTRL": RTRL, "SnAp": lambda: SnAp(1), "UORO": lambda: UORO(torch.Generator())}


def begin_of(make):
    def begin(draw):
        of, _, state = jacobians(draw)
        return {"self": make(), "jacobians": of, "state": state}

    return begin


def advance_of(make):
    def advance(draw):
        of, x, state = jacobians(draw)
        method = make()
        carried = method.begin(of, state)
        return {"self": method, "carried": carried, "jacobians": of, "x": x, "state": state}

    return advance


def read_of(make):
    def read(draw):
        arguments = advance_of(make)(draw)
        return {"self": arguments["self"], "carried": arguments["carried"],
                "error": arguments["state"]}  # fmt: skip

    return read


def select_of(make):
    def select(draw):
        arguments = advance_of(make)(draw)
        rows = torch.arange(len(arguments["state"])) % 2 == 0
        return {"self": arguments["self"], "rows": rows, "carried": arguments["carried"],
                "others": arguments["carried"]}  # fmt: skip

    return select


for name, make in METHODS.items():
    room = f"tbptt.pytorch.forward_mode.{name}"
    recipe(f"{room}.select")(select_of(make))
    recipe(f"{room}.begin")(begin_of(make))
    recipe(f"{room}.advance")(advance_of(make))
    if name != "SnAp":  # which reads as RTRL does
        recipe(f"{room}.read")(read_of(make))


@recipe("tbptt.pytorch.forward_mode.UORO.signs")
def signs(draw):
    return {"self": UORO(torch.Generator()), "state": tensor(size(draw), 2)}


def at_a_step(draw):
    of, x, state = jacobians(draw)
    return {"self": of, "x": x, "state": state}


for name in ("step", "check", "by_state", "by_weights"):
    recipe(f"tbptt.pytorch.jacobians.StepJacobians.{name}")(at_a_step)


@recipe("tbptt.pytorch.jacobians.StepJacobians.pull")
def pull(draw):
    arguments = at_a_step(draw)
    return {**arguments, "errors": arguments["state"]}


@recipe("tbptt.pytorch.jacobians.StepJacobians.step_apart")
def step_apart(draw):
    arguments = at_a_step(draw)
    return {**arguments, "weights": tensor(len(arguments["x"]), arguments["self"].size)}


@recipe("tbptt.pytorch.jacobians.StepJacobians.parts")
@recipe("tbptt.pytorch.jacobians.StepJacobians.pack")
def flat(draw):
    of, _, state = jacobians(draw)
    return {"self": of, "flat": state}


@recipe("tbptt.pytorch.jacobians.StepJacobians.split")
@recipe("tbptt.pytorch.jacobians.StepJacobians.add_to_grad")
def add(draw):
    of, _, _ = jacobians(draw)
    return {"self": of, "gradient": tensor(of.size)}
