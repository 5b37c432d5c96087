"""Lay out an environment: ``python environment.py FOLDER ARGUMENT ...``, as for ``pip install``.

uv installs, several times faster than pip. pip brings it, at the lock's version and into ``.venv``,
and does the work itself where uv cannot be had, or where ``INSTALL_WITH=pip`` says so. make calls
this with the Python that it has found, so it needs nothing else.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What uv calls pip's settings. It reads none of them, so without these it would look elsewhere.
_SETTINGS = {
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "find-links": "--find-links",
    "constraint": "--constraints",
    "trusted-host": "--allow-insecure-host",
}
_PIP = ("-m", "pip", "--disable-pip-version-check")


def settings(listed: str) -> list[str]:
    """Turn what ``pip config list`` prints into uv's arguments.

    Sections go from the weakest to the strongest: for all commands, for ``pip install``, ``PIP_*``.
    """
    values: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):
        for line in listed.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(section):
                values[name.removeprefix(section)] = str(ast.literal_eval(value))
    # pip takes the best version of all indexes, uv by itself the first index that has any.
    arguments = ["--index-strategy", "unsafe-best-match"]
    for name, option in _SETTINGS.items():
        for value in values.get(name, "").split():
            arguments += [option, value]
    if values.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        arguments.append("--no-index")
    return arguments


def uv(python: str) -> Path | None:
    """Return the book's uv, installed if need be, or None where there is none."""
    program = ROOT / ".venv" / "bin" / "uv"
    if os.environ.get("INSTALL_WITH") == "pip":
        return None
    if not program.is_file() and Path(python).parent == program.parent:
        lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
        (pin,) = (line for line in lines if line.startswith("uv=="))
        subprocess.run([python, *_PIP, "install", "--quiet", pin], check=False)
    return program if _runs(program) else None


def _runs(program: str | Path, *arguments: str) -> bool:
    command = [program, *arguments, "--version"]
    return Path(program).is_file() and not subprocess.run(
        command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ).returncode  # fmt: skip


def main(folder: str, *arguments: str) -> None:
    """Make the environment if it is not there whole, and install what the arguments name."""
    python = str(Path(folder).absolute() / "bin" / "python")
    if not _runs(python, *_PIP):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    command = [python, *_PIP, "install"]
    if program := uv(python):
        told = [python, *_PIP, "config", "list"]
        listed = subprocess.run(told, check=True, stdout=subprocess.PIPE, text=True).stdout
        command = [str(program), "--no-config", "pip", "install", "--python", python]
        command += settings(listed)
    sys.exit(subprocess.run([*command, "--quiet", *arguments], check=False).returncode)


if __name__ == "__main__":
    main(*sys.argv[1:])
