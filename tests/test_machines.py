"""The book is set up on any machine: make of macOS, whichever Python fits, uv or pip, no git."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "code" / "bookbuild" / "environment.py"

# What GNU make has learnt since 3.81, which is what macOS has.
NEWER = re.compile(
    r"--(?:output-sync|trace|shuffle)|\$[({](?:file|let|intcmp|guile)\b|^\s*\w+\s*!=|&:|::="
    r"|^\.(?:ONESHELL|RECIPEPREFIX|SHELLFLAGS|EXTRA_PREREQS|NOTINTERMEDIATE|WAIT|POSIX)\b"
    r"|^(?:define \w+ *[:?+]?=|undefine |private |load )",
    flags=re.MULTILINE,
)


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process runs all tests")
def test_canary_tests_that_share_a_fixture_stay_in_one_process(request):
    # The plugin appends the group to the name of each test, and deals tests out by that.
    group = request.node.get_closest_marker("xdist_group").args[0]
    assert request.node.nodeid.endswith(f"@{group}"), (
        "pytest-xdist does not see the groups, as with pytest 9.2 (its issue 1386): what a file "
        "sets up once is set up in every process, and a page is loaded for each question"
    )


def test_make_of_macos_can_read_the_makefile():
    assert NEWER.findall((ROOT / "Makefile").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "\tmake --output-sync a b",
        "A != date",
        "A ::= b",
        ".ONESHELL:",
        "a b &: c",
        "define A =",
        "$(file >a,b)",
        "$(let a,b,c)",
    ],
)
def test_a_newer_feature_would_be_noticed(line):
    assert NEWER.search(f"a:\n{line}\n")


@pytest.fixture
def pythons(tmp_path):
    """Return a function that puts Pythons on a path of their own, and asks make for the book."""
    tree = tmp_path / "a path with spaces"
    tree.mkdir()
    shutil.copy(ROOT / "Makefile", tree)
    for name in ("requirements.lock", "pyproject.toml"):
        (tree / name).touch()

    def make(*arguments, **fits):
        path = tmp_path / "bin"
        path.mkdir()
        for tool in ("make", "sh", "test", "touch"):
            (path / tool).symlink_to(shutil.which(tool))
        for name, fit in fits.items():
            file = path / name.replace("_", ".")
            # Asked with -c whether it fits; then told to lay out the environment.
            file.write_text(
                f'#!/bin/sh\n[ "$1" = -c ] && exit {0 if fit else 1}\necho "{file.name} $*"\n'
            )
            file.chmod(0o755)
        environment = {"PATH": str(path), "HOME": str(tmp_path)}
        return subprocess.run(
            ["make", ".venv/ready", *arguments],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return make


@pytest.mark.parametrize(
    ("fits", "found"),
    [
        ({"python3": True, "python3_13": True}, "python3"),
        ({"python3": False, "python3_13": False, "python3_12": True}, "python3.12"),
        ({"python3_11": True}, "python3.11"),
    ],
)
def test_a_python_that_fits_is_found(pythons, fits, found):
    # Nothing was laid out, so that make stops at what it cannot touch.
    assert f"{found} code/bookbuild/environment.py .venv -r" in pythons(**fits).stdout


def test_where_no_python_fits_one_sentence_says_what_to_install(pythons):
    ended = pythons(python3=False)
    assert ended.returncode == 2
    first, *rest = ended.stderr.splitlines()
    assert re.fullmatch(r"The book needs Python .* install python3\.13 .*make PYTHON=\.\.\.", first)
    assert len(rest) == 1  # make's own
    assert "environment.py" not in ended.stdout


def test_a_python_that_is_named_has_to_fit_too(pythons):
    ended = pythons("PYTHON=python3.14", python3=True, python3_14=False)
    assert ended.stderr.startswith("The book needs Python")


def test_what_fits_is_asked_of_the_python_itself():
    (fits,) = re.findall("^FITS := (.*)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for version, fit in {(3, 10): 1, (3, 11): 0, (3, 13): 0, (3, 14): 1}.items():
        faked = f"import sys; sys.version_info = {(*version, 0)}; {fits}"
        assert subprocess.run([sys.executable, "-c", faked], check=False).returncode == fit


def test_uv_is_told_what_pip_was_told():
    settings = runpy.run_path(str(SCRIPT))["settings"]
    listed = "\n".join(
        [
            ":env:.find-links='/from/the/environment'",
            ":env:.timeout='60'",
            "global.extra-index-url='https://a.example/simple\\nhttps://b.example/simple'",
            "global.find-links='/from/the/file'",
            "global.index-url='https://weak.example'",
            "install.index-url='https://strong.example'",
            "install.no-index='true'",
        ]
    )
    given = settings(listed)
    assert given[:2] == ["--index-strategy", "unsafe-best-match"]
    assert given.pop() == "--no-index"
    assert list(zip(given[2::2], given[3::2], strict=True)) == [
        ("--default-index", "https://strong.example"),
        ("--index", "https://a.example/simple"),
        ("--index", "https://b.example/simple"),
        ("--find-links", "/from/the/environment"),
    ]
    assert settings("") == ["--index-strategy", "unsafe-best-match"]


@pytest.fixture(scope="module")
def lay_out(tmp_path_factory):
    """Return a function that installs the package, built as a wheel, into one folder."""
    wheels = tmp_path_factory.mktemp("wheels")
    folder = tmp_path_factory.mktemp("new") / "a path with spaces"
    folder.mkdir()
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", wheels]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)

    def run(*arguments, **environment):
        ended = subprocess.run(
            [sys.executable, str(SCRIPT), "new", *arguments],
            cwd=folder,
            env=os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return ended, folder / "new"

    return run


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_an_environment_is_laid_out_by(lay_out, installer):
    what = ("--force-reinstall", "--no-deps", "tbptt[torch]")
    ended, new = lay_out(*what, INSTALL_WITH=installer)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("Laying out new with ")
    (told,) = new.glob("lib/python*/site-packages/tbptt-*.dist-info/INSTALLER")
    assert told.read_text().strip() == installer


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_what_cannot_be_installed_is_an_error(lay_out, installer):
    ended, _ = lay_out("no-such-thing", INSTALL_WITH=installer)
    assert ended.returncode != 0
    assert "no-such-thing" in ended.stderr
