"""The package as others install it: from a wheel, with NumPy and nothing else of ours."""

import email
import os
import re
import runpy
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import tbptt

ROOT = Path(__file__).parents[1]
USES = runpy.run_path(str(ROOT / "tests" / "extras.py"))["USES"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    quiet = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *quiet, "--wheel-dir", folder, ROOT], check=True
    )
    (wheel,) = folder.glob("tbptt-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(code, folder):
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_holds_the_package_and_its_data_alone(installed):
    top = {path.name for path in installed.iterdir()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"tbptt", "truncated_time"}
    told = run(
        "import tbptt; from truncated_time.shipped import path; print(tbptt.__file__);"
        "print(path('published.csv')); print(path('results/sunspots/results.csv'))",
        installed,
    )
    assert told.stdout.split() == [
        str(installed / name)
        for name in (
            "tbptt/__init__.py",
            "truncated_time/data/published.csv",
            "truncated_time/data/results/sunspots/results.csv",
        )
    ], told.stderr
    files = (installed / "tbptt").rglob("*.*")  # pip may have compiled some of them
    kept = {file.suffix for file in files if file.parent.name != "__pycache__"}
    assert kept == {".py", ".typed"}
    assert (installed / "truncated_time" / "py.typed").is_file()


def build(kind, root, target, **environment):
    """Build the package from `root`; return what was built."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", target],
        cwd=root,
        env={name: value for name, value in os.environ.items() if name != "GITHUB_REPOSITORY"}
        | environment,
        check=True,
        capture_output=True,
    )
    (file,) = target.glob("tbptt-*")
    return file


def test_the_source_that_is_released_gives_the_same_wheel(tmp_path):
    here = {"GITHUB_REPOSITORY": "someone/book"}
    direct = build("wheel", ROOT, tmp_path / "direct", **here)
    source = build("sdist", ROOT, tmp_path / "source", **here)
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = tmp_path / source.name.removesuffix(".tar.gz")
    # The links are in it already: it does not matter who unpacks it, or where.
    assert build("wheel", unpacked, tmp_path / "again").read_bytes() == direct.read_bytes()
    with zipfile.ZipFile(direct) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
        licences = [name for name in archive.namelist() if ".dist-info/licenses/" in name]
    assert metadata["Version"] == tbptt.__version__
    assert metadata["Requires-Python"] == ">=3.11"  # and no upper bound
    assert metadata["License-Expression"] == "BSD-3-Clause AND CC-BY-4.0"
    assert {Path(name).name for name in licences} == {"LICENSE", "LICENSE-CC-BY-4.0"}
    assert "Source, https://github.com/someone/book" in metadata.get_all("Project-URL")
    # A package index shows the README where no file lies next to it.
    linked = re.findall(r"\]\(([^)\s]+)\)", metadata.get_payload())
    assert "https://github.com/someone/book/blob/main/CONTRIBUTING.md" in linked
    assert [link for link in linked if not re.match(r"https?://|#", link)] == []
    extras = set(metadata.get_all("Provides-Extra"))
    assert extras == set(USES)  # what builds the book is for those who have it


def test_an_installed_experiment_writes_only_where_it_is_told_to(installed, tmp_path):
    told = subprocess.run(
        [sys.executable, "-m", "truncated_time.experiments", "leak"],
        env=os.environ | {"PYTHONPATH": str(installed)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 2
    assert "--results, --finished" in told.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("library", "room", "extra"),
    [
        ("ipywidgets", "truncated_time.explorers", "pictures"),
        ("torch", "tbptt.pytorch", "torch"),
        ("keras", "tbptt.tensorflow", "tensorflow"),
        ("keras", "tbptt.keras", "tensorflow"),
        ("tensorflow", "tbptt.tensorflow", "tensorflow"),
        ("IPython", "truncated_time.notebook", "pictures"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(installed, library, room, extra):
    told = run(f"import sys; sys.modules['{library}'] = None; import {room}", installed)
    assert f"pip install 'tbptt[{extra}]'" in told.stderr


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_what_make_wheel_asks_of_an_extra_holds(use):
    """With all extras at once, and quickly; `make wheel` installs one after the other."""
    use()


def test_what_the_packages_tests_share_goes_with_them_outside_the_tree():
    """`make wheel`, `lowest`, `jax` and `library` run copies of these folders alone."""
    makefile = (ROOT / "Makefile").read_text()
    (shared,) = re.findall(r"^SHARED := (.*)$", makefile, re.M)
    copied = {Path(path).stem for path in shared.split()}
    tests = ROOT / "tests"
    modules = {path.stem for path in tests.glob("*.py")}
    modules |= {path.parent.name for path in tests.glob("*/__init__.py")}
    places = [*map(ROOT.joinpath, shared.split()), tests / "tbptt", tests / "truncated_time"]
    files = [f for place in places for f in (place.rglob("*.py") if place.is_dir() else [place])]
    texts = [path.read_text() for path in files]
    needed = {
        module for text in texts for module in re.findall(r"^(?:from|import) (\w+)", text, re.M)
    }
    assert needed & modules == copied
    assert not [
        path.name for path in files if re.search(r"parents\[2\]|chapters/", path.read_text())
    ]


def test_the_library_is_tested_without_tensorflow():
    """`make library` runs on a Python that TensorFlow may not know yet."""
    (left_out,) = re.findall(r"^OF_TENSORFLOW := (.*)$", (ROOT / "Makefile").read_text(), re.M)
    rooms = ROOT / "tests" / "tbptt"
    for path in rooms.rglob("*.py"):
        imports = re.findall(
            r"^(?:from|import) (?:keras|tensorflow|engines)\b", path.read_text(), re.M
        )
        assert not imports or path.relative_to(rooms).parts[0] in left_out.split(), path
