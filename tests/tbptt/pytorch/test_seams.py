"""Where the engines meet what people have: shared graphs and weights, wrapped cells, threads."""

import threading

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from tbptt import Truncation
from tbptt.pytorch import backward, chunked_loss, online
from tbptt.pytorch.forward_mode import RTRL, accumulate
from tbptt.pytorch.random_lengths import reweighted

STEPS = 5


class Own(nn.Module):
    """A cell of the reader's own."""

    def __init__(self):
        super().__init__()
        self.of_x, self.of_h = nn.Linear(3, 4), nn.Linear(4, 4)

    def forward(self, x, h):
        return torch.tanh(self.of_x(x) + self.of_h(h)) * torch.sigmoid(self.of_h(h))


def squares(outputs):
    return outputs.square().sum()


def by_backward(cell, loss_fn, x, h):
    backward(cell, loss_fn, x, h, Truncation(1, STEPS))


def by_passes(cell, loss_fn, x, h):
    backward(cell, loss_fn, x, h, Truncation(3, STEPS))


def by_online(cell, loss_fn, x, h):
    list(online(cell, lambda out, _: loss_fn(out), [(x.detach(), None)], h, Truncation(9, 9)))


def by_factors(cell, loss_fn, x, h):
    reweighted(cell, loss_fn, x, h, [1.0] * STEPS)


def plainly(cell, loss_fn, x, h):
    outputs = []
    for one in x:
        h = cell(one, h)
        outputs.append(h)
    loss_fn(torch.stack(outputs)).backward()


WAYS = [by_backward, by_passes, by_online, by_factors]


def gradients(way, make, leaves, loss_fn=squares):
    """Gradients of leaves; `make` returns a cell and its inputs, with a fresh graph."""
    for leaf in leaves:
        leaf.grad = None
    cell, x = make()
    way(cell, loss_fn() if loss_fn is not squares else squares, x, torch.zeros(2, 4))
    return [leaf.grad.clone() for leaf in leaves]


def assert_as_plainly(way, make, leaves, loss_fn=squares):
    wanted = gradients(plainly, make, leaves, loss_fn)
    for ours, want in zip(gradients(way, make, leaves, loss_fn), wanted, strict=True):
        torch.testing.assert_close(ours, want)


@pytest.fixture
def x():
    torch.manual_seed(0)
    return torch.randn(STEPS, 2, 3)


@pytest.mark.parametrize("way", [by_backward, by_passes, by_factors])
def test_a_context_that_cell_inputs_and_loss_share(way, x):
    encode, cell, seen = nn.Linear(5, 3), nn.GRUCell(6, 4), torch.randn(5)
    fired = []
    encode.weight.register_hook(fired.append)
    context = None

    def make():
        nonlocal context
        context = encode(seen).tanh()
        here = context
        return lambda x, h: cell(torch.cat([x, here.expand(len(x), 3)], 1), h), x + here

    def loss_fn():
        here = context
        return lambda outputs: squares(outputs) + (here * outputs[0, 0, :3]).sum()

    assert_as_plainly(way, make, [*encode.parameters(), *cell.parameters()], loss_fn)
    assert len(fired) == 2  # once in each of the two


@pytest.mark.parametrize("way", WAYS)
def test_weights_that_a_network_makes(way, x):
    cell, make_weights, seen = nn.GRUCell(3, 4), nn.Linear(2, 48), torch.randn(2)

    def make():
        weight = make_weights(seen).view(12, 4)
        return lambda x, h: functional_call(cell, {"weight_hh": weight}, (x, h)), x

    assert_as_plainly(way, make, [cell.weight_ih, *make_weights.parameters()])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("own", [True, False], ids=["own", "PyTorch's"])
def test_a_weight_that_cell_and_loss_share(own, way, x):
    cell, fired, finished = nn.RNNCell(3, 4), [], []
    cell.weight_hh.register_hook(fired.append)
    cell.weight_hh.register_post_accumulate_grad_hook(finished.append)
    step = (lambda x, h: cell(x, h)) if own else cell

    def loss_fn():
        return lambda outputs: squares(outputs @ cell.weight_hh)

    assert_as_plainly(way, lambda: (step, x), list(cell.parameters()), loss_fn)
    assert len(fired) == len(finished) == 2


@pytest.mark.parametrize("way", [*WAYS, "forward"])
def test_an_optimizer_in_a_hook_steps_once(way, x):
    cell = nn.RNNCell(3, 4)
    readout, before = cell.weight_hh, cell.weight_hh.detach().clone()

    def descend(weight):
        weight.detach().sub_(weight.grad)

    readout.register_post_accumulate_grad_hook(descend)

    def loss_fn(outputs):
        return squares(outputs @ readout)

    step, zero = (lambda x, h: cell(x, h)), torch.zeros(2, 4)
    if way == "forward":
        accumulate(cell, loss_fn, x, zero, RTRL())
    else:
        way(step, loss_fn, x, zero)
    torch.testing.assert_close(cell.weight_hh, before - readout.grad)


def compiled(own):
    return torch.compile(own, backend="aot_eager")


def compiled_in_place(own):
    own.compile(backend="aot_eager")
    return own


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
@pytest.mark.parametrize("how", [compiled, compiled_in_place])
@pytest.mark.parametrize("way", WAYS)
def test_compiled_cells(way, how, x):
    torch.compiler.reset()
    own, readout = Own(), nn.Linear(4, 1)
    cell, leaves = how(own), [*own.parameters(), *readout.parameters()]
    # Graphs of compiled cells do not last, and another size may be compiled anew.
    assert_as_plainly(way, lambda: (cell, x), leaves, lambda: lambda out: squares(readout(out)))
    longer = torch.randn(11, 3, 3)
    ours, plain = [], []
    for made, step in ((ours, cell), (plain, lambda x, h: Own.forward(own, x, h))):
        own.zero_grad()
        backward(step, squares, longer, torch.zeros(3, 4), Truncation(2, 5))
        made.extend(weight.grad.clone() for weight in own.parameters())
    for one, other in zip(ours, plain, strict=True):
        torch.testing.assert_close(one, other)


def test_graphs_that_last_for_one_product_alone(x):
    class Once(torch.autograd.Function):
        """What a compiled function with donated buffers does, without a compiler."""

        @staticmethod
        def forward(ctx, h):
            ctx.used = False
            return h * 1

        @staticmethod
        def backward(ctx, error):
            if ctx.used:
                raise RuntimeError("this graph is gone")
            ctx.used = True
            return error

    own = Own()
    for truncation in (Truncation(1, 3), Truncation(2, 5)):
        results = []
        for cell in (own, lambda x, h: Once.apply(own(x, h))):
            own.zero_grad()
            backward(cell, squares, x, torch.zeros(2, 4), truncation)
            results.append([weight.grad.clone() for weight in own.parameters()])
        for one, other in zip(*results, strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "wrap",
    [
        nn.DataParallel,
        torch.jit.script,
        lambda own: lambda x, h: checkpoint(own, x, h, use_reentrant=False),
        lambda own: nn.utils.parametrizations.weight_norm(own.of_h) and own,
        lambda own: nn.utils.parametrizations.spectral_norm(own.of_h).eval() and own,
    ],
    ids=["DataParallel", "script", "checkpoint", "weight_norm", "spectral_norm"],
)
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_wrappers(wrap, way, x):
    own = Own()
    cell = wrap(own)
    assert_as_plainly(way, lambda: (cell, x), list(own.parameters()))


def test_weights_that_are_computed_once_and_kept(x):
    cell = nn.utils.parametrizations.weight_norm(nn.GRUCell(3, 4), "weight_hh")
    results = []
    for way in (plainly, by_backward, by_passes):
        cell.zero_grad()
        with nn.utils.parametrize.cached():
            way(cell, squares, x, torch.zeros(2, 4))
        results.append([weight.grad.clone() for weight in cell.parameters()])
    for ours in results[1:]:
        for one, other in zip(ours, results[0], strict=True):
            torch.testing.assert_close(one, other)


@pytest.fixture
def one_process(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1
    )
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("one_process")
def test_distributed_cells_reduce_every_gradient_once(way, x):
    own, reduced = Own(), []
    cell = nn.parallel.DistributedDataParallel(own)

    def reduce(state, bucket):
        reduced.append(bucket.buffer().numel())
        done = torch.futures.Future()
        done.set_result(bucket.buffer())
        return done

    cell.register_comm_hook(None, reduce)
    leaves = list(own.parameters())
    assert_as_plainly(way, lambda: (cell, x), leaves)
    assert sum(reduced) == 2 * sum(leaf.numel() for leaf in leaves)


@pytest.mark.usefixtures("one_process")
def test_a_distributed_readout_in_chunks():
    torch.manual_seed(0)
    readout, outputs = nn.Linear(4, 3), torch.randn(8, 2, 4, requires_grad=True)
    whole = nn.parallel.DistributedDataParallel(readout)
    loss_fn = chunked_loss(whole, lambda out, _: squares(out), torch.zeros(8), chunk=3)
    loss_fn(outputs).backward()
    ours = readout.weight.grad.clone()
    readout.zero_grad()
    squares(readout(outputs)).backward()
    torch.testing.assert_close(ours, readout.weight.grad)


@pytest.mark.parametrize("way", WAYS)
def test_a_cell_that_works_in_place(way, x):
    own = Own()

    def in_place(x, h):
        x.mul_(2), h.mul_(0.5)
        return own(x, h)

    results, before, zero = [], x.clone(), torch.ones(2, 4)
    for cell in (in_place, lambda x, h: own(2 * x, 0.5 * h)):
        own.zero_grad()
        way(cell, squares, x, zero)
        results.append([weight.grad.clone() for weight in own.parameters()])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)
    assert torch.equal(x, before)
    assert torch.equal(zero, torch.ones(2, 4))


def test_inputs_that_keep_their_gradient(x):
    raw, cell = nn.Parameter(x), nn.GRUCell(3, 4)
    results = []
    for way in (plainly, by_backward, by_passes, by_factors):
        for step in (cell, lambda x, h: cell(x, h)):
            inputs = 2 * raw
            inputs.retain_grad()
            way(step, squares, inputs, torch.zeros(2, 4))
            results.append(inputs.grad)
    for one in results[1:]:
        torch.testing.assert_close(one, results[0])


@pytest.mark.parametrize("k1", [1, 2])
def test_errors_that_are_clipped_inside_a_cell_are_refused(k1, x):
    cell, own, readout = nn.GRUCell(3, 4), Own(), nn.Linear(4, 1)
    cell.register_forward_hook(
        lambda module, args, out: out.register_hook(lambda error: error.clamp(-1, 1)) and None
    )

    class Clip(torch.autograd.Function):
        @staticmethod
        def forward(ctx, h):
            return h.clone()

        @staticmethod
        def backward(ctx, error):
            return error / error.norm().clamp(min=10.0)

    for clips in (cell, lambda x, h: Clip.apply(own(x, h))):
        with pytest.raises(ValueError, match="Clip gradients after this call, or use online"):
            backward(
                clips, lambda out: squares(readout(out)), x, torch.zeros(2, 4), Truncation(k1, 3)
            )
        assert readout.weight.grad is None
        # Step by step, an error is clipped as in a loop of one's own.
        weights = [*cell.parameters(), *own.parameters()]
        results = []
        for way in (plainly, by_online):
            for weight in weights:
                weight.grad = None
            way(clips, squares, x, torch.zeros(2, 4))
            results.append([None if w.grad is None else w.grad.clone() for w in weights])
        for one, other in zip(*results, strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize("state", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("inputs", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("make", [nn.RNNCell, nn.GRUCell, nn.LSTMCell, lambda *_: Own()])
def test_autocast_with_any_dtype_of_the_state(make, inputs, state, x):
    cell, zero = make(3, 4), torch.zeros(2, 4, dtype=state)
    zero = (zero, zero) if isinstance(cell, nn.LSTMCell) else zero
    x = x.to(inputs)

    def loss_fn(outputs):
        return outputs.float().square().sum()

    def first(state):
        return state[0] if isinstance(state, tuple) else state

    with torch.autocast("cpu", dtype=torch.bfloat16):
        now, outputs = zero, []
        for one in x:
            now = cell(one, now)
            outputs.append(first(now))
        loss_fn(torch.stack(outputs)).backward()
    wanted = [weight.grad.clone() for weight in cell.parameters()]
    results = []
    for run in (
        lambda: backward(cell, loss_fn, x, zero, Truncation(9, 9)),
        lambda: backward(cell, loss_fn, x, zero, Truncation(1, 5)),
        lambda: list(
            online(cell, lambda out, _: loss_fn(out), [(x, None)], zero, Truncation(9, 9))
        )[-1],
        lambda: reweighted(cell, loss_fn, x, zero, [1.0] * STEPS),
    ):
        cell.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            results.append(run())
        for weight, want in zip(cell.parameters(), wanted, strict=True):
            assert (weight.grad - want).norm() < 0.03 * want.norm()
    for result in results:
        assert first(result.state).dtype == state
        torch.testing.assert_close(
            result.outputs.float(), torch.stack(outputs).float(), atol=0.01, rtol=0
        )


def in_threads(work):
    failed = []

    def guarded():
        try:
            for _ in range(20):
                work()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_threads_do_not_take_each_others_weights():
    # Each with gradients of its own, so that what is shared is the modules alone.
    torch.manual_seed(0)
    shared = nn.Linear(4, 4).requires_grad_(True)
    readout, weight = nn.Sequential(shared, nn.Tanh(), shared), shared.weight
    targets = torch.zeros(8)

    def work():
        outputs = torch.randn(8, 2, 4, requires_grad=True)
        loss_fn = chunked_loss(readout, lambda out, _: squares(out), targets, chunk=2)
        (ours,) = torch.autograd.grad(loss_fn(outputs), outputs)
        assert ours.any()

    in_threads(work)
    assert shared.weight is weight
    assert [name for name, _ in readout.named_parameters()] == ["0.weight", "0.bias"]


def test_threads_use_one_cell():
    torch.manual_seed(0)
    cell, zero = nn.GRUCell(3, 4).requires_grad_(False), torch.zeros(2, 4)
    x = torch.randn(12, 2, 3)

    def gradient(derived):
        inputs = x.clone().requires_grad_()
        backward(cell, squares, inputs, zero, Truncation(1, 5), derived=derived)
        return inputs.grad

    wanted = gradient(True)
    in_threads(lambda: torch.testing.assert_close(gradient(True), wanted))
    in_threads(lambda: torch.testing.assert_close(gradient(False), wanted))
