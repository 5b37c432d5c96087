"""What small functions are handed: right, or an error that names it, the value and the cure."""

from functools import partial

import pytest
import torch
from torch import nn

from tbptt import Truncation
from tbptt.pytorch import (
    Block,
    Seen,
    StackedCell,
    backward,
    diagnose,
    join_state,
    online,
    split_state,
)
from tbptt.pytorch.diagonal import DiagonalCell, scan
from tbptt.pytorch.feedback import RandomFeedback
from tbptt.pytorch.forward_mode import RTRL, UORO, SnAp, accumulate, pattern
from tbptt.pytorch.jacobians import StepJacobians
from tbptt.pytorch.random_lengths import reweighted
from tbptt.pytorch.segments import Layer, SegmentAttention

X, H = torch.ones(3, 2, 2), torch.zeros(2, 3)
OF = StepJacobians(nn.RNNCell(2, 3), 2, H)
J, S = torch.zeros(2, 3, OF.size), torch.zeros(2, OF.size)
META = torch.zeros(2, 3, device="meta")
METHODS = {"RTRL": RTRL(), "SnAp": SnAp(1), "UORO": UORO(torch.Generator())}
ONES = {name: method.begin(OF, H) for name, method in METHODS.items()}
PASS = {
    "backward": partial(backward, truncation=Truncation(1, 2)),
    "generic": partial(backward, truncation=Truncation(1, 2), derived=False),
    "reweighted": partial(reweighted, factors=[0, 1, 1]),
    "accumulate": partial(accumulate, method=RTRL()),
}


class Whole(nn.Module):
    """Takes everything at once, as no cell does."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 3)

    def forward(self, x):
        return self.inner(x)


@pytest.mark.parametrize("name", PASS)
def test_functions_that_take_other_arguments(name):
    with pytest.raises(TypeError, match=r"cell must take \(x, state\), but Whole takes \(x\)\. Wr"):
        PASS[name](Whole(), torch.sum, X, H)
    with pytest.raises(TypeError, match=r"loss_fn must take \(outputs\), but <lambda> takes \(a, "):
        PASS[name](nn.RNNCell(2, 3), lambda a, b: a.sum(), X, H)
    # What they raise themselves is theirs.
    with pytest.raises(TypeError, match="unsupported operand"):
        PASS[name](nn.RNNCell(2, 3), lambda out: out.sum() + "a", X, H)


def test_functions_of_a_stream_that_take_other_arguments():
    blocks, truncation = [Block(X, None)], Truncation(3, 5)
    for loss_fn, words in [
        (nn.Linear(3, 1), r"loss_fn must take \(outputs, targets\), but Linear takes \(input"),
        (lambda out: out.sum(), r"loss_fn must take \(outputs, targets\), but <lambda> takes \(ou"),
    ]:
        with pytest.raises(TypeError, match=words):
            next(online(nn.RNNCell(2, 3), loss_fn, blocks, H, truncation))
    with pytest.raises(TypeError, match=r"cell must take \(x, state\), but Whole takes"):
        next(online(Whole(), lambda out, _: out.sum(), blocks, H, truncation))
    for blocks in (2, X, "ab", None, X.numpy(), X.sum().numpy()):
        with pytest.raises(TypeError, match="blocks must be an iterable of Blocks"):
            online(nn.RNNCell(2, 3), lambda out, _: out.sum(), blocks, H, truncation)


LABELS = torch.tensor([0, 1, 0, 1])
LOOK = partial(
    diagnose, lambda chunk, state: (state, state), [torch.ones(4, 2, 1)], LABELS,
    fresh=torch.zeros(4, 2), carried=torch.zeros(4, 2), train_loss=0.5,
)  # fmt: skip


def look(**changes):
    given = dict(zip(("forward", "chunks", "labels"), LOOK.args, strict=True)) | LOOK.keywords
    return diagnose(**(given | changes))


def test_look_itself_works():
    assert look().verdict in ("no leak", "unclear", "leak")


CALLS = {
    "factors of a module": (
        lambda: PASS["reweighted"](nn.RNNCell(2, 3), torch.sum, X, H, factors=nn.Linear(2, 2)),
        "factors must hold numbers, got dtype object: factors is Linear",
    ),
    "factors that are none": (
        lambda: PASS["reweighted"](nn.RNNCell(2, 3), torch.sum, X, H, factors=None),
        "factors is None",
    ),
    "factors with NaN": (
        lambda: PASS["reweighted"](nn.RNNCell(2, 3), torch.sum, X, H, factors=[0, 1, float("nan")]),
        "factors must be finite, but NaN",
    ),
    "no chunks": (lambda: look(chunks=None), "chunks must be a list of Tensors, got None"),
    "one number for chunks": (lambda: look(chunks=torch.tensor(2.0)), "chunks is empty"),
    "chunks elsewhere": (lambda: look(chunks=[META]), "chunks are on meta, but labels on cpu"),
    "a state elsewhere": (lambda: look(fresh=torch.zeros(4, 2, device="meta")), "fresh is on meta"),
    "labels below zero": (lambda: look(labels=LABELS - 1), "labels must be class numbers from 0"),
    "a loss that is none": (lambda: look(train_loss=None), "train_loss must be a number, got None"),
    "a loss that is text": (lambda: look(train_loss="1"), "train_loss must be a number, got '1'"),
    "forward of one argument": (
        lambda: look(forward=lambda chunk: chunk),
        r"forward must take \(chunk, state\), but <lambda> takes \(chunk\)",
    ),
    "forward that is a class": (lambda: look(forward=nn.GRU), "forward must be a module or a func"),
    "rates that are none": (lambda: scan(None, X, H[:, :2]), r"rates must be a complex Tensor"),
    "a state of another shape": (
        lambda: scan(X, X, H),
        r"state must be \(2, 2\), got shape \(2, 3",
    ),
    "rates elsewhere": (lambda: scan(X.to("meta"), X, X[0]), "must be on one device, got meta"),
    "slowest of text": (
        lambda: DiagonalCell(2, 2, slowest="a"),
        "slowest must be a number, got 'a'",
    ),
    "sizes beyond any machine": (
        lambda: DiagonalCell(2**30, 2**30),
        r"features \* channels must be",
    ),
    "inputs of a list": (
        lambda: DiagonalCell(2, 2).at_once([1], H),
        "inputs must be a floating-point",
    ),
    "a state too narrow": (
        lambda: DiagonalCell(2, 2).at_once(X, H),
        r"state must be \(2, 4\), got",
    ),
    "an order that is none": (lambda: pattern(OF, H, None), "order must be an integer, got None"),
    "no jacobians": (lambda: pattern(3, H, 1), "jacobians must be a StepJacobians, got 3"),
    "a pattern's state elsewhere": (lambda: pattern(OF, META, 1), "state is torch.float32 on meta"),
    "tries beyond any machine": (
        lambda: pattern(OF, H, 1, 2**60),
        r"order \* tries must be at most",
    ),
    "a state that is none": (
        lambda: StepJacobians(nn.RNNCell(2, 3), 2, 0),
        "state must be a Tensor",
    ),
    "features below one": (
        lambda: StepJacobians(nn.RNNCell(2, 3), 0, H),
        "features must be at least",
    ),
    "a flat state that is too wide": (lambda: OF.parts(S), r"flat must be \(batch, 3\), got shape"),
    "a gradient of another size": (lambda: OF.split(H[0]), "gradient must be"),
    "errors of another shape": (
        lambda: OF.pull(H[:1], X[0], H),
        r"errors must be \(2, 3\), got shape",
    ),
    "an empty stack": (
        lambda: StackedCell([]),
        r"cells must be a list of nn.Modules, at least one",
    ),
    "what was seen by no hooks": (lambda: Seen(1), r"hooks must be those of watch\(model\).*got 1"),
    "what was seen by none": (lambda: Seen({}), r"hooks must be those of watch\(model\), by name"),
    "what was seen by others": (lambda: Seen({"rnn": 1}), r"those of watch\(model\), by name; got"),
    "a stack of a number": (lambda: StackedCell(1), "cells must be a list of nn.Modules"),
    "a stack of text": (lambda: StackedCell(["a"]), "cells must be a list of nn.Modules"),
    "splitting a number": (lambda: split_state(0), "state must be a floating-point Tensor"),
    "splitting unequal parts": (
        lambda: split_state((J[:1], J)),
        r"state must be \(1, batch, hidden\)",
    ),
    "joining numbers": (
        lambda: join_state(0, nn.GRU(2, 3)),
        "state must be a floating-point Tensor",
    ),
    "joining for no layer": (
        lambda: join_state(H, 0),
        "layer must be an nn.RNN, nn.GRU or nn.LSTM",
    ),
    "joining unequal parts": (
        lambda: join_state((H, H[:1]), nn.GRU(2, 3, 2)),
        r"must be \(2, 3\), got",
    ),
    "an attention of text": (
        lambda: SegmentAttention("2", 1, 1),
        "features must be an integer, got '2'",
    ),
    "a batch below zero": (lambda: SegmentAttention(2, 1, 1).begin(-5), "batch must be at least 0"),
    "a width of a tuple": (lambda: Layer(2, ()), "width must be an integer, got"),
    "errors of a number": (
        lambda: RandomFeedback(2, 1, torch.Generator())(3),
        r"input must be a floating-point Tensor \(2,\), got 3",
    ),
    "errors of another width": (
        lambda: RandomFeedback(2, 1, torch.Generator())(torch.zeros(4, 3)),
        r"input must be \(\.\.\., 2\), got shape \(4, 3\)",
    ),
    "a memory that is none": (
        lambda: SegmentAttention(2, 1, 1)(X, None),
        "memory must be a tuple of 1",
    ),
    "signs of a number": (
        lambda: METHODS["UORO"].signs(1),
        "state must be a floating-point Tensor",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_argument_is_refused_in_words(name):
    call, words = CALLS[name]
    with pytest.raises((TypeError, ValueError), match=words):
        call()


STEPS = ("step", "by_state", "by_weights", "check")
ODD = {
    "a number": (1, "must be a floating-point Tensor"),
    "nothing": (None, "must be a floating-point Tensor"),
    "whole numbers": (H.long(), "must be a floating-point Tensor"),
    "another axis": (X[None], r"must be \(.*\), got shape"),
    "another width": (torch.ones(2, 7), r"must be \(.*\), got shape"),
    "another device": (torch.zeros(2, 2, device="meta"), "is torch.float32 on meta|must be"),
    "sparse": (H.to_sparse(), "must be a dense Tensor"),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("place", ["x", "state"])
@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_is_none(name, place, odd):
    value, words = ODD[odd]
    arguments = {"x": X[0], "state": H} | {place: value}
    with pytest.raises((TypeError, ValueError), match=f"^{place} {words}"):
        getattr(OF, name)(**arguments)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", METHODS)
def test_a_method_checks_what_it_is_handed(name, odd):
    method, carried, value = METHODS[name], ONES[name], ODD[odd][0]
    rows = torch.tensor([True, False])
    for call in (
        lambda: method.begin(OF, value),
        lambda: method.advance(carried, OF, X[0], value),
        lambda: method.advance((value,) * len(carried), OF, X[0], H),
        lambda: method.read(carried, value),
        lambda: method.read((value,) * len(carried), H),
        lambda: method.select(rows, (value,) * len(carried), carried),
        lambda: method.select(rows, carried, (value,) * len(carried)),
        lambda: method.select(value, carried, carried),
    ):
        if name == "SnAp" and call.__code__.co_names[:1] == ("read",):
            continue
        with pytest.raises((TypeError, ValueError), match=r"must be|is torch|are on"):
            call()
    with pytest.raises(TypeError, match="jacobians must be a StepJacobians, got 3"):
        method.begin(3, H)
    with pytest.raises(TypeError, match="carried must be a tuple of"):
        method.advance(H, OF, X[0], H)
