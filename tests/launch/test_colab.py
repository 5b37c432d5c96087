"""Every notebook, as Colab would run it: its versions of everything, its widgets, its `git`.

The notebooks are made as CI makes the published ones. Where they install the package from the
book's address, git is told that it lies in this machine: a clone with the files as they are now.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# One without a framework and one of each; `make audit` runs the others.
SAMPLE = ["index", "streams", "dynamic-rnn", "truncation"]
PYTHON = ROOT / "_build" / "colab" / "bin" / "python"


def installed():
    """Return what the look-alike has, but for the book's package."""
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "uninstall", "--yes", "--quiet", "tbptt"], check=True)
    told = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True)
    return told.stdout


def drive(published, notebook):
    """Run a notebook and move its sliders; return the report, or what went wrong."""
    there = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{published.tree}.insteadOf",
        "GIT_CONFIG_VALUE_0": published.address,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    told = subprocess.run(
        [str(PYTHON), str(Path(__file__).with_name("drive.py")), str(notebook)],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | there,
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        return told.stderr
    return json.loads(told.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def report(published):
    """Return a function that runs a notebook, once; the first one installs the package."""
    before = installed()
    reports = {SAMPLE[0]: drive(published, published.notebook(SAMPLE[0]))}

    def of(chapter):
        if chapter not in reports:
            reports[chapter] = drive(published, published.notebook(chapter))
        assert isinstance(reports[chapter], dict), reports[chapter]
        return reports[chapter]

    yield of
    assert installed() == before, "the first cell changed what Colab has"


def test_a_chapter_runs_and_its_sliders_move(report, chapter):
    told = report(chapter)
    print({name: told[name] for name in ("install_seconds", "seconds", "peak_mb")})
    assert told["cells"] > 2
    made = (ROOT / f"chapters/{chapter}.md").read_text(encoding="utf-8").count("\nexplore(")
    assert len(told["explorers"]) == made
    for explorer in told["explorers"]:
        assert explorer["positions"] >= 2
        assert explorer["frames"] > 1


def test_what_the_text_says_of_keras_in_colab(report):
    told = [text.splitlines() for text in report("streams")["printed"]]
    assert any("OperatorNotAllowedInGraphError" in lines for lines in told)
    pins = Path(__file__).with_name("colab.txt").read_text()
    (minor,) = re.findall(r"^keras==(\d+\.\d+)\.", pins, flags=re.MULTILINE)
    assert f"Keras {minor}, which Colab has" in (ROOT / "chapters/streams.md").read_text()


def test_only_the_first_notebook_had_to_install(report):
    first, *others = (report(name)["install_seconds"] for name in SAMPLE)
    assert first > max(others)


def broken(published, tmp_path, *cells):
    """Return a notebook with the published first cell, and others."""
    notebook = json.loads(published.notebook("index").read_text())
    of = notebook["cells"][0]
    notebook["cells"] = [of, *({**of, "id": f"cell-{n}", "source": text}
                               for n, text in enumerate(cells))]  # fmt: skip
    path = tmp_path / "broken.ipynb"
    path.write_text(json.dumps(notebook))
    return path


SLIDER = """
from truncated_time.explorers import explore
from tbptt.picture import one_picture
box = explore(one_picture, window=(1, 2), stride=(1, 2))
"""


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["1 / 0"], "ZeroDivisionError"),
        # An interface that Colab's versions do not have, or no longer.
        (["import numpy as np\nnp.float_"], "np.float_"),
        ([SLIDER, "box.children[0].observe(lambda _: 1 / 0, names='value')"], "ZeroDivisionError"),
        ([SLIDER, "for handle in box.children[:-1]: handle.unobserve_all()"], "the sliders show"),
    ],
    ids=["a cell raises", "an interface is gone", "a callback raises", "a slider is dead"],
)
def test_what_would_break_in_colab_is_seen(published, report, tmp_path, cells, words):
    told = drive(published, broken(published, tmp_path, *cells))
    assert isinstance(told, str), told
    assert words in told
