import importlib
import json
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch

from tbptt import Truncation
from tbptt.ceilings import stateless_accuracy, stateless_loss
from tbptt.pytorch import backward
from tbptt.splits import shared_steps
from tbptt.windows import continuity
from truncated_time import shipped
from truncated_time.experiments import (
    NAMES,
    beyond,
    bias,
    burnin,
    burnin_rates,
    checking,
    cuts,
    floor,
    language,
    memory,
    module,
    passing,
    staleness,
    sunspots,
    timing,
    unbiased,
    vanishing,
)
from truncated_time.experiments.__main__ import main
from truncated_time.experiments.shared import results
from truncated_time.experiments.shared.echo import PERIOD
from truncated_time.experiments.shared.gated import GatedCell
from truncated_time.tasks import echo_floors


def test_results_and_provenance(tmp_path):
    folder = tmp_path / "sunspots"
    rows = [{"a": 1, "b": 2.5}, {"a": 2, "b": 3.5}]
    results.write(folder, rows, options={"seeds": 2}, packages=["numpy"], seconds=1.4)
    assert (folder / "results.csv").read_text() == "a,b\n1,2.5\n2,3.5\n"
    told = json.loads((folder / "provenance.json").read_text())
    assert told["command"] == "python -m truncated_time.experiments sunspots"
    assert told["versions"] == {"numpy": np.__version__}
    assert told["seconds"] == 1


def test_untidy_rows_are_refused(tmp_path):
    for rows in ([], [{"a": 1}, {"b": 1}]):
        with pytest.raises(ValueError, match="same keys"):
            results.write(tmp_path, rows, options={}, packages=[], seconds=0)


def test_the_two_splits_leak_and_do_not():
    starts = np.arange(200)
    for train, test in sunspots.folds_of("blocks", starts, 20, seed=0):
        assert not shared_steps(starts, 20, train, test).any()
    for train, test in sunspots.folds_of("random", starts, 20, seed=0):
        assert shared_steps(starts, 20, train, test).all()


def test_a_log_is_dealt_in_lanes_or_as_it_was_cut(monkeypatch):
    times = np.arange(6 * checking.ROWS * checking.WINDOW + 1)
    monkeypatch.setattr(checking, "machine_log", lambda steps, seed: times[:steps])
    for as_cut in (True, False):
        inputs, targets = checking.batches(as_cut, 0, 6)
        assert (targets == inputs + 1).all()
        assert continuity(inputs).continues.all() != as_cut
        assert sorted(inputs.flatten().tolist()) == times[:-1].tolist()


UNTRAINED = {("once", ("deviations, 6 months",)), ("once", ("last year",))}


@pytest.mark.parametrize("name", NAMES)
def test_shipped_results_are_whole_and_have_provenance(name):
    rows = shipped.table(f"results/{name}/results.csv")
    told = json.loads(shipped.path(f"results/{name}/provenance.json").read_text())
    assert results.digest(shipped.path(f"results/{name}/results.csv")) == told["sha256"]
    grid = importlib.import_module(module(name)).grid(**told["options"])
    columns = [key for key in grid[0] if key in rows[0]]
    runs = {tuple(str(row[key]) for key in columns) for row in rows}
    assert runs == {tuple(str(run[key]) for key in columns) for run in grid}
    # As many rows with each seed. A forecast that is not trained has one run.
    each = defaultdict(Counter)
    for row in rows:
        each[tuple(row[key] for key in columns if key != "seed")][row["seed"]] += 1
    for setting, count in each.items():
        assert len(set(count.values())) == 1, setting
        assert len(count) == told["options"]["seeds"] or (name, setting) in UNTRAINED, setting
    assert told["options"]["seeds"] >= 3


def test_every_experiment_is_named():
    folder = Path(importlib.import_module("truncated_time.experiments").__file__).parent
    modules = [path.stem for path in folder.glob("*.py") if "def grid(" in path.read_text()]
    assert sorted(modules) == sorted(module(name).split(".")[-1] for name in NAMES)


def test_a_run_of_the_command(tmp_path, monkeypatch):
    # From the command line to the files, and again: finished runs are not made twice.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vanishing, "CELLS", ("GRU",))
    monkeypatch.setattr(vanishing, "SCALES", (1.0,))
    arguments = ["vanishing", "--seeds", "2", "--jobs", "1"]
    arguments += ["--results", str(tmp_path / "out"), "--finished", str(tmp_path / "finished")]
    main(arguments)
    table = (tmp_path / "out/vanishing/results.csv").read_text()
    assert len(table.splitlines()) == 1 + 2 * vanishing.LAGS
    told = json.loads((tmp_path / "out/vanishing/provenance.json").read_text())
    assert told["options"] == {"seeds": 2}
    monkeypatch.setattr(vanishing, "functional_call", None)
    main(arguments)
    assert (tmp_path / "out/vanishing/results.csv").read_text() == table


def test_shares_by_lag_are_those_of_the_truncated_gradient():
    # The share of lag 0 is the gradient with k2 = 1: two ways to the same number.
    (first, *_) = vanishing.run("RNN", 1.0, seed=3)
    torch.manual_seed(3)
    net = torch.nn.RNNCell(vanishing.EMBEDDING, vanishing.HIDDEN)
    torch.nn.init.normal_(net.weight_hh, std=1 / vanishing.HIDDEN**0.5)
    readout = torch.nn.Linear(vanishing.HIDDEN, vanishing.WORDS)
    embedding = torch.nn.Embedding(vanishing.WORDS, vanishing.EMBEDDING)
    shape = vanishing.STEPS, vanishing.BATCH
    inputs = embedding(torch.randint(vanishing.WORDS, shape)).detach()
    targets = torch.randint(vanishing.WORDS, shape[1:])
    backward(
        net,
        lambda out: torch.nn.functional.cross_entropy(readout(out[-1]), targets),
        inputs,
        torch.zeros(vanishing.BATCH, vanishing.HIDDEN),
        Truncation(1, 1),
    )
    assert float(first["norm"]) == pytest.approx(float(net.weight_hh.grad.abs().sum()), rel=1e-3)


@pytest.mark.parametrize("name", ["whole", "halves", "increment 1"])
def test_the_best_stateless_answers_have_the_score_of_the_ceiling(name):
    way = cuts.WAYS[f"stateless, {name}"]
    windows, labels, weights = cuts.cut(way, 40, seed=3)
    shown = windows.any(axis=(1, 2))
    best = np.where(shown, 1, labels[~shown].mean() if (~shown).any() else 0)
    accuracy, loss = cuts.score(best, labels, weights)
    size = cuts.STEPS, way.window, way.increment, 0
    assert accuracy == pytest.approx(float(stateless_accuracy(*size)))
    assert loss == pytest.approx(stateless_loss(*size))


def test_a_loss_at_the_end_is_that_of_the_last_window_of_each_lane():
    way = cuts.WAYS["scored at the end, windows of 10"]
    _, labels, weights = cuts.cut(way, 100, seed=3)
    batches = weights.reshape(-1, way.batch)  # first halves, second halves, first halves, ...
    assert batches[::2].max() == 0 < batches[1::2].min()
    assert cuts.score(labels, labels, weights) == (1, 0)
    first_right = np.where(weights == 0, labels, 1 - labels)
    assert cuts.score(first_right, labels, weights)[0] == 0


def test_the_summary_is_of_the_last_epoch():
    rows = [
        {"way": "w", "seed": seed, "epoch": epoch, "train_accuracy": 0.1 * epoch,
         "accuracy": str(seed + epoch), "loss": 0}
        for seed in (0, 1) for epoch in (1, 2)
    ]  # fmt: skip
    assert cuts.summary(rows) == {
        "w": {"train_accuracy": [0.2, 0.2], "accuracy": [2, 3], "loss": [0, 0]}
    }


@pytest.mark.slow
def test_the_language_is_learned_from_the_lag_on():
    floor, guess = echo_floors()
    for k2, learns in ((PERIOD - 1, False), (PERIOD, True)):
        losses = language.train(Truncation.true(k2), seed=0, updates=100)
        assert (sum(losses[-20:]) / 20 < (floor + guess) / 2) == learns


def test_bias_is_none_where_the_reach_is_the_whole(monkeypatch):
    monkeypatch.setattr(bias, "REACHES", (2, 48))
    monkeypatch.setattr(bias, "UPDATES", 3)
    rows = bias.run("LSTM", "trained", seed=0)
    whole = [row for row in rows if row["k2"] == 48]
    assert all(row["cosine"] > 0.9999 for row in whole if row["style"] != "epochwise")
    assert all(row["cosine"] < 0.99 for row in rows if row["k2"] == 2)


def test_no_cut_is_no_bias_and_no_noise(monkeypatch):
    # A reach of all 24 steps is the full gradient; pairs weighed by a coin cannot be.
    monkeypatch.setattr(unbiased, "LENGTHS", (2, 24))
    monkeypatch.setattr(unbiased, "DRAWS", 20)
    monkeypatch.setattr(unbiased, "SKETCHES", 3)
    rows = {(row["style"], row["length"]): row for row in unbiased.run("fresh", 0)}
    for style in ("true", "chunks"):
        assert float(rows[style, 24]["bias"]) < 1e-12
        assert float(rows[style, 2]["bias"]) > 0.1
        assert float(rows[style, 2]["noise"]) == 0
    assert float(rows["coin", 2]["noise"]) > float(rows["coin", 24]["noise"]) > 0
    assert float(rows["SnAp-1", 0]["bias"]) > 0.1


@pytest.mark.parametrize(
    ("way", "setting"),
    [("chunks", (6,)), ("coin", (4,)), ("RTRL", (4,)), ("UORO", (4,)), ("memory", (1, 5, 4)),
     ("scan", (0.99, 1))],
)  # fmt: skip
def test_every_way_reads_the_same_steps(way, setting):
    losses = beyond.learn(way, setting, seed=0, updates=2)
    assert len(losses) == 2
    assert losses == beyond.learn(way, setting, seed=0, updates=2)
    assert losses[0] == pytest.approx(echo_floors()[1], abs=0.3)


@pytest.mark.parametrize("baseline", ["fused", "loop", "epochwise", "errors", "recipe"])
def test_a_row_of_the_benchmark(baseline):
    sizes = {"cell": "GRU", "batch": 2, "steps": 6, "k2": 3, "hidden": 2, "features": 2, "words": 3}
    row = timing.run("chunked", 1, baseline, repeats=3, device="cpu", seed=0, **sizes)
    assert row["ratio"] > 0
    assert row["milliseconds"] > 0 < row["baseline_milliseconds"]


def test_all_methods_of_the_benchmark_make_a_gradient_of_the_same_loss():
    # What is compared in time must be the same work: full passes agree with one another, and the
    # engine with the loop over errors.
    task = timing._Task(timing.Workload("LSTM", 2, 6, 3, 4, 2, 5), "whole", "cpu")

    def gradient(call):
        task._cell.zero_grad()
        call()
        return task._cell.weight_hh.grad.clone()

    torch.testing.assert_close(gradient(task.ours(1)), gradient(task.errors), rtol=1e-4, atol=1e-7)
    task._fused.load_state_dict(
        {f"{name}_l0": weight for name, weight in task._cell.state_dict().items()}
    )
    task._fused.zero_grad()
    task.fused()
    torch.testing.assert_close(
        gradient(task.loop), task._fused.weight_hh_l0.grad, rtol=1e-4, atol=1e-7
    )


@pytest.mark.parametrize("framework", ["PyTorch", "TensorFlow"])
def test_a_row_of_the_floor(framework):
    # In a process of its own: TensorFlow takes its number of threads before it has run anything.
    code = (
        "import json; from truncated_time.experiments import floor; print(json.dumps(floor.run("
        f"{framework!r}, 1, 'layers', cell='GRU', batch=2, steps=6, k2=3, hidden=2, layers=2,"
        " repeats=3, seed=0)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    row = json.loads(run.stdout)
    assert row["ratio"] > 0
    assert row["milliseconds"] > 0 < row["baseline_milliseconds"]


@pytest.mark.parametrize("cell", floor.GATES)
def test_the_floor_is_the_products_and_no_more(cell):
    task = floor._Torch(floor.Workload(cell, batch=3, steps=6, k2=4, hidden=2), k1=1, seed=0)
    with torch.profiler.profile(acc_events=True) as seen:
        task.floor()
    calls = {event.key: event.count for event in seen.key_averages()}
    # In each step of the way back the recurrent weights; then both kinds of weight, and inputs.
    assert calls["aten::mm"] == 3 * floor.GATES[cell] + 3
    assert not any("tanh_backward" in key or "sigmoid_backward" in key for key in calls)


def test_the_engine_and_the_fused_layer_make_the_same_gradient_where_all_is_reached():
    task = floor._Torch(floor.Workload("LSTM", batch=3, steps=6, k2=6, hidden=2), k1=6, seed=0)

    def gradient(call):
        task._layer.zero_grad()
        call()
        return task._layer.weight_hh_l0.grad.clone()

    torch.testing.assert_close(gradient(task.engine), gradient(task.fused), rtol=1e-4, atol=1e-7)


def test_memory_of_full_backpropagation_grows_with_the_length():
    one, two = memory.saved_bytes(20), memory.saved_bytes(40)
    assert one > 0
    assert two == pytest.approx(2 * one, rel=0.05)


@pytest.mark.slow
def test_a_stream_runs_in_a_process_of_its_own():
    row = memory.run(steps=200, seed=0)
    assert row["peak_mib"] > 50


@pytest.mark.parametrize("cell", ["diagonal", "gated"])
def test_a_chunk_goes_on_where_its_state_was_left(cell):
    torch.manual_seed(0)
    model = passing.Model(cell, 0.99)
    words, state = torch.randint(2, (13, 3)), torch.randn(3, passing.SIZE)
    losses, _ = model.losses(words, state)
    first, middle = model.losses(words[:6], state)
    second, _ = model.losses(words[5:], middle[-1])
    torch.testing.assert_close(torch.cat([first, second]), losses)


def test_what_a_chunk_begins_with():
    torch.manual_seed(0)
    # States as one chunk after another left them: correlated, with a mean that is not zero.
    root, mean = torch.randn(passing.SIZE, passing.SIZE) / 8, torch.randn(passing.SIZE)
    begun = {name: passing.Start(name, seed=0) for name in passing.STARTS}
    for start in begun.values():
        for _ in range(400):
            last = mean + torch.randn(passing.BATCH, passing.SIZE) @ root.T
            start.keep(last)
    assert not begun["zeros"].draw().any()
    assert begun["noise 10"].draw().std() == pytest.approx(10, rel=0.1)
    torch.testing.assert_close(begun["carried"].draw(), begun["carried"].last)
    for name in ("passed", "passed, unscored"):  # every row has a state, and none its own
        drawn, last = begun[name].draw(), begun[name].last
        torch.testing.assert_close(drawn.roll(-1, 0), last)
        assert not (drawn == last).all(1).any()
    fitted = torch.cat([begun["fitted"].draw() for _ in range(400)])
    assert (fitted.mean(0) - mean).abs().max() < 0.3
    spread = root @ root.T
    assert (torch.cov(fitted.T) - spread).norm() < 0.4 * spread.norm()


def test_burn_in_ends_where_the_window_begins():
    torch.manual_seed(0)
    model = burnin.Model()
    episodes = burnin.act(model, burnin.words_of(4, seed=0))
    at, row = torch.tensor([0, 20, 40, 80]), torch.arange(4)
    truth = burnin.begin(model, episodes, "true", 0, at, row)
    # Young stored states are the truth, with a burn-in or without one; so are zeros from step 0 on.
    for start, burn in (("stored", 0), ("stored", 20)):
        state = burnin.begin(model, episodes, start, burn, at, row)
        torch.testing.assert_close(state, truth)
    state = burnin.begin(model, episodes, "zeros", 20, at, row)
    torch.testing.assert_close(state[:2], truth[:2])
    assert not torch.allclose(state[2:], truth[2:])
    assert burnin.reads("stored", 0) == 1
    assert burnin.reads("stored", 20) == 1 + (0 + 4 * 20) / (5 * 20)
    assert burnin.reads("true", 0) == 1 + (20 + 40 + 60 + 80) / (5 * 20)


def test_a_replay_is_renewed_within_a_life(monkeypatch):
    lived = []
    act = burnin.act
    monkeypatch.setattr(
        burnin, "act", lambda model, words: lived.append(words) or act(model, words)
    )
    for _ in burnin.train("zeros", 0, 32, seed=0, updates=32):
        pass
    assert lived[0].shape[1] == sum(words.shape[1] for words in lived[1:]) == burnin.EPISODES


def test_a_replay_is_trained_at_the_rate_that_is_asked_for():
    assert {run["rate"] for run in burnin_rates.grid(1)} == {burnin.RATE / 2, 2 * burnin.RATE}
    assert len(burnin_rates.grid(5)) == 2 * len(burnin.grid(5)) == 60
    first = {}
    for rate in (burnin.RATE, 2 * burnin.RATE):
        torch.manual_seed(0)
        before = burnin.Model().readout.bias.detach().clone()
        *_, (_, model) = burnin.train("zeros", 0, 32, seed=0, updates=1, rate=rate)
        first[rate] = model.readout.bias.detach() - before
    # Adam's first step is as long as the rate.
    torch.testing.assert_close(first[2 * burnin.RATE], 2 * first[burnin.RATE])


def test_a_young_stored_state_is_the_truth_and_zeros_are_not():
    torch.manual_seed(0)
    model = burnin.Model()
    old = burnin.act(model, burnin.words_of(staleness.PROBES, seed=0))
    rows = {(row["start"], row["burn"]): row for row in staleness.compare(model, old)}
    assert rows["stored", 0]["state"] == rows["stored", 0]["near"] == 0
    assert rows["zeros", 0]["state"] == 1
    assert rows["zeros", 0]["gradient"] > rows["zeros", 20]["gradient"]


def test_a_gated_cell_takes_its_steps_at_once_as_one_by_one():
    torch.manual_seed(0)
    cell, x = GatedCell(2, 3).double(), torch.randn(9, 4, 2).double()
    state, one_by_one = torch.randn(4, 6).double(), []
    resets = torch.rand(9, 4) < 0.2
    outputs, last = cell.at_once(x, state, resets=resets)
    for step, begins in zip(x, resets, strict=True):
        state = cell(step, torch.where(begins[:, None], 0, state))
        one_by_one.append(state)
    torch.testing.assert_close(outputs, torch.stack(one_by_one), rtol=0, atol=1e-12)
    torch.testing.assert_close(last, state, rtol=0, atol=1e-12)
