"""The experiment runner: what is finished is kept, killed or not, here or on a cluster."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import torch

from truncated_time import shipped
from truncated_time.experiments import __main__ as command
from truncated_time.experiments import initial_state
from truncated_time.experiments.shared import results, runner

pytestmark = pytest.mark.slow

# Small, but long enough (half a second a seed) for somebody to be killed while it runs.
SMALL = {
    "--hidden-size": "16", "--epochs": "2", "--bptt-size": "5", "--sequence-length": "500",
    "--examples-per-class": "2",
}  # fmt: skip


def arguments(folder, *more, seeds=6, **changed):
    options = [word for pair in {**SMALL, **changed}.items() for word in pair]
    return [
        "initial-state", *options, "--seeds", str(seeds), "--results", str(folder / "results"),
        "--finished", str(folder / "finished"), *more,
    ]  # fmt: skip


def table(folder):
    return (folder / "results/initial-state/results.csv").read_text()


def finished(folder):
    """Finished runs, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in (folder / "finished").rglob("output.pkl")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The table of a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    command.main(arguments(folder, "--jobs", "2"))
    return table(folder)


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_killed_and_gone_on(tmp_path, whole):
    call = [sys.executable, "-m", "truncated_time.experiments", *arguments(tmp_path, "--jobs", "2")]
    child = subprocess.Popen(call, start_new_session=True, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(finished(tmp_path)) >= 2)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    before = finished(tmp_path)
    assert 2 <= len(before) < 6
    assert not (tmp_path / "results").exists()
    command.main(arguments(tmp_path, "--jobs", "2"))
    after = finished(tmp_path)
    assert len(after) == 6
    assert before.items() <= after.items()  # not made a second time
    assert table(tmp_path) == whole


def test_a_damaged_finished_run_is_made_again(tmp_path, whole, caplog):
    command.main(arguments(tmp_path, "--jobs", "2"))
    (first, *_) = finished(tmp_path)
    first.write_bytes(first.read_bytes()[:20])
    command.main(arguments(tmp_path, "--jobs", "1"))
    assert "Exception while loading results" in caplog.text
    assert table(tmp_path) == whole


@pytest.mark.audit
def test_a_cluster_of_which_one_worker_is_killed(tmp_path, whole):
    from dask.distributed import Client, LocalCluster

    folder = str(tmp_path / "dask")
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0",
            local_directory=folder,
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        processes = client.run(os.getpid)
        call = arguments(tmp_path, "--backend", "dask", "--scheduler", cluster.scheduler_address)
        child = subprocess.Popen(
            [sys.executable, "-m", "truncated_time.experiments", *call], stderr=subprocess.DEVNULL
        )
        wait_for(lambda: finished(tmp_path))
        assert child.poll() is None
        os.kill(next(iter(processes.values())), signal.SIGKILL)
        assert child.wait(120) == 0
        assert client.run(os.getpid) != processes  # its nanny put another in its place
    assert table(tmp_path) == whole
    assert len(finished(tmp_path)) == 6


def test_a_cluster_whose_workers_run_other_code(monkeypatch):
    from dask.distributed import LocalCluster

    with (
        LocalCluster(n_workers=1, processes=True, dashboard_address=":0") as cluster,
        monkeypatch.context() as patch,
    ):
        theirs = runner.sources
        patch.setattr(runner, "sources", lambda: "another")
        patch.setattr("dask.distributed.Client.run", lambda *_, **__: {"w": theirs()})
        with (
            pytest.raises(RuntimeError, match="runs another tbptt"),
            runner.cluster(cluster.scheduler_address),
        ):
            pass


def test_finished_runs_depend_on_code_and_versions(tmp_path, monkeypatch):
    one = runner.store(tmp_path, ["numpy"]).location
    assert runner.store(tmp_path, ["numpy"]).location == one
    assert runner.store(tmp_path, ["torch"]).location != one
    monkeypatch.setattr(runner, "sources", lambda: "changed")
    assert runner.store(tmp_path, ["numpy"]).location != one


def test_the_last_line_is_json(tmp_path, capsys):
    command.main(arguments(tmp_path, "--jobs", "1", seeds=1))
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(told["train_loss"]) == len(told["frozen_loss"]) == 2
    (row, *_) = initial_state.run(
        seed=0, hidden_size=16, epochs=1, bptt_size=5, num_layers=1, initial_state_type="Random",
        learning_rate=0.002, data_type="SameRandom", examples_per_class=2, sequence_length=500,
    )  # fmt: skip
    assert f"0,1,1,0,1,{row['loss']},{row['accuracy']}" in table(tmp_path).splitlines()


def test_names_and_help(capsys):
    for call in (["--list"], ["--help"]):
        with pytest.raises(SystemExit) as stop:
            command.main(call)
        assert stop.value.code == 0
        told = capsys.readouterr().out
        assert all(name in told and command.about(name) in told for name in command.NAMES)
    with pytest.raises(SystemExit):
        command.main(["initial-state", "--help"])
    assert "--examples-per-class" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ([], "name an experiment"),
        (["nothing"], "invalid choice"),
        (["leak", "--seeds", "0"], "must be at least 1, got 0"),
        (["initial-state", "--epochs", "two"], "must be an integer, got 'two'"),
        (["initial-state", "--learning-rate", "-1"], "must be above 0 and finite, got -1"),
        (["initial-state", "--data-type", "Ones"], "invalid choice: 'Ones'"),
        (["initial-state", "--seed", "-1"], "must not be negative"),
        (["leak", "--backend", "dask"], "--backend dask and --scheduler ADDRESS go together"),
        (["leak", "--scheduler", "tcp://127.0.0.1:1"], "go together"),
        (["timing", "--backend", "dask", "--scheduler", "x"], "measures times"),
    ],
)
def test_bad_options(call, words, capsys, tmp_path):
    # Elsewhere than in a checkout the folders have to be named.
    folders = ["--results", str(tmp_path), "--finished", str(tmp_path)] if call[1:] else []
    with pytest.raises(SystemExit) as stop:
        command.main([*call, *folders])
    assert stop.value.code == 2
    assert words in capsys.readouterr().err


@contextlib.contextmanager
def refused(capsys, words):
    with pytest.raises(SystemExit) as stop:
        yield
    assert stop.value.code == 2
    told = capsys.readouterr().err
    assert words in told
    assert "nothing overwritten" in told


def test_nobody_answers(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(runner, "SCHEDULER_TIMEOUT", 1)
    with refused(capsys, "No Dask scheduler answers at tcp://127.0.0.1:1"):
        more = ["--backend", "dask", "--scheduler", "tcp://127.0.0.1:1"]
        command.main(arguments(tmp_path, *more))
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            lambda folder: (folder / "results.csv").write_bytes(b"\xff\xfe"),
            "results.csv is damaged",
        ),
        (lambda folder: (folder / "results.csv").write_text("a,b\n1\n"), "one field a column"),
        (lambda folder: (folder / "results.csv").write_text(""), "it has no rows"),
        (lambda folder: (folder / "results.csv").write_text("a,b\n1,3\n"), "is not the file that"),
        (lambda folder: (folder / "results.csv").unlink(), "No such file"),
        (lambda folder: (folder / "provenance.json").write_text("{"), "provenance.json is damaged"),
        (lambda folder: (folder / "provenance.json").write_text("{}"), "is damaged ('sha256')"),
    ],
)
def test_damaged_results_are_not_overwritten(damage, words, tmp_path, capsys):
    folder = tmp_path / "results/initial-state"
    results.write(folder, [{"a": 1, "b": 2}], options={}, packages=[], seconds=0)
    damage(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with refused(capsys, words):
        command.main(arguments(tmp_path))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_file_where_the_folder_should_be(tmp_path, capsys):
    (tmp_path / "results").write_text("mine")
    with refused(capsys, "is no folder that can be written to"):
        command.main(arguments(tmp_path))
    assert (tmp_path / "results").read_text() == "mine"


def test_whoever_was_killed_while_writing_can_go_on(tmp_path):
    folder = tmp_path / "initial-state"
    results.write(folder, [{"a": 1}], options={}, packages=[], seconds=0)
    (folder / "results.csv").write_text("a\n2\n")  # replaced, and the provenance not yet
    (folder / "provenance.json.part").write_text("{}")
    assert results.check(folder) == {}
    results.write(folder, [{"a": 2}], options={}, packages=[], seconds=0)
    assert results.check(folder)["sha256"] == results.digest(folder / "results.csv")


def test_shipped_results_give_way_to_the_same_options_only(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "checkout", lambda: tmp_path)
    common = arguments(tmp_path, "--jobs", "1", seeds=1)
    where = common.index("--results")
    del common[where : where + 2]
    for epochs, folder in (("1", "data"), ("2", "_build"), ("1", "data")):
        call = [*common, "--epochs", epochs]
        command.main(call)
        told = json.loads((tmp_path / folder / "results/initial-state/provenance.json").read_text())
        assert told["options"]["epochs"] == int(epochs)


def test_an_experiment_with_threads_shares_this_process(tmp_path):
    # Streams of one process share a GPU; processes would take turns on it.
    class Threaded:
        PACKAGES = ()
        THREADS = True

        @staticmethod
        def run(seed):
            return {"seed": seed, "process": os.getpid(), "thread": threading.get_ident()}

    runs = [{"seed": seed} for seed in range(3)]
    rows = runner.run_all(Threaded, runs, jobs=2, finished=tmp_path, name="threaded")
    assert [row["seed"] for row in rows] == [0, 1, 2]
    assert {row["process"] for row in rows} == {os.getpid()}
    assert threading.get_ident() not in {row["thread"] for row in rows}


def test_the_note_names_the_gpu_that_was_used(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"a GPU, {device}")
    assert results.machine("cuda:1") == f"{results.machine('cpu')}, a GPU, cuda:1"
    assert "GPU" not in results.machine("cpu")
