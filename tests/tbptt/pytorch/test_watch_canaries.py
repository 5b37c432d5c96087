"""What watching leans on in PyTorch without a promise, and whether it still holds."""

import gc

import torch

from tbptt.pytorch.watching.hooks import running_pass


def moved(hook):
    """Say what to look at."""
    return f"PyTorch no longer has {hook} as 2.13 had it, on which tbptt.pytorch.watching relies."


def test_a_running_backward_pass_has_a_number():
    numbers, x = [], torch.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda error: numbers.append(running_pass()))
    for _ in range(2):
        y.sum().backward(retain_graph=True)
    told = moved("torch._C._current_graph_task_id")
    assert running_pass() == -1, told
    assert len(set(numbers)) == 2, told
    assert -1 not in numbers, told


def test_a_node_keeps_notes_and_its_identity():
    x = torch.ones(2, requires_grad=True) * 2
    x.grad_fn.metadata["note"] = 3
    gc.collect()
    y = x + 1
    assert x.grad_fn.metadata == {"note": 3}, moved("Node.metadata")
    held = x.grad_fn
    assert y.grad_fn.next_functions[0][0] is held, moved("one Python object for a node")


def test_hooks_of_a_node_see_what_arrives_and_what_hooks_of_its_result_have_left():
    x = torch.ones(2, requires_grad=True) * 2
    y = x * torch.tensor([1.0, 0.0])
    arrived, left, whole = [], [], []
    y.grad_fn.register_hook(lambda errors, _: arrived.append(errors[0]))
    x.grad_fn.register_prehook(lambda errors: left.append(errors[0]))
    x.register_hook(whole.append)
    x.register_hook(torch.zeros_like)
    (y.sum() + 3 * x.sum()).backward()
    assert arrived[0].tolist() == [1, 0], moved("Node.register_hook")
    assert whole[0].tolist() == [4, 3], moved("the order of a tensor's hooks")
    assert left[0].tolist() == [0, 0], moved("Node.register_prehook, which runs last")


def test_compiled_code_can_be_left_out_and_names_what_was_compiled():
    layer, ran = torch.nn.Linear(2, 2), []
    compiled = torch.compile(layer, backend="aot_eager")
    compiled(torch.ones(1, 2))
    layer.register_forward_hook(lambda *_: ran.append(torch.compiler.is_compiling()))
    with torch.compiler.set_stance("force_eager"):
        compiled(torch.ones(1, 2))
    assert ran == [False], moved("torch.compiler.set_stance")
    assert compiled._orig_mod is layer, moved("OptimizedModule._orig_mod")


def test_a_view_knows_the_whole():
    whole = torch.zeros(6, 2, 3)
    for part in (whole[2:4], whole.transpose(0, 1)[:, 2:4], whole.split(2)[1], whole[3]):
        assert part._base is whole, moved("Tensor._base")
