import json

import numpy as np
import pytest

from tbptt import shipped
from tbptt.experiments import results, sunspots
from tbptt.experiments.__main__ import NAMES, main
from tbptt.splits import shared_steps


def test_results_and_provenance(tmp_path):
    folder = tmp_path / "sunspots"
    rows = [{"a": 1, "b": 2.5}, {"a": 2, "b": 3.5}]
    results.write(folder, rows, options={"seeds": 2}, packages=["numpy"], seconds=1.4)
    assert (folder / "results.csv").read_text() == "a,b\n1,2.5\n2,3.5\n"
    told = json.loads((folder / "provenance.json").read_text())
    assert told["command"] == "python -m tbptt.experiments sunspots"
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


@pytest.mark.parametrize("name", NAMES)
def test_shipped_results_are_whole_and_have_provenance(name):
    rows = shipped.table(f"results/{name}/results.csv")
    told = json.loads(shipped.path(f"results/{name}/provenance.json").read_text())
    assert len(rows) == len(sunspots.grid(told["options"]["seeds"]))
    runs = {tuple(str(row[key]) for key in ("window", "split", "seed")) for row in rows}
    wanted = {tuple(map(str, run.values())) for run in sunspots.grid(told["options"]["seeds"])}
    assert runs == wanted
    assert told["options"]["seeds"] >= 5


def test_seeds_must_be_positive(capsys):
    with pytest.raises(SystemExit):
        main(["sunspots", "--seeds", "0"])
    assert "--seeds must be at least 1, got 0" in capsys.readouterr().err
