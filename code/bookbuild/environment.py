"""Lay out an environment: ``python environment.py FOLDER ARGUMENT ...``, as for ``pip install``.

uv installs, several times faster than pip. pip brings it, at the lock's version and into ``.venv``,
and does the work itself where uv cannot be had, or where ``INSTALL_WITH=pip`` says so.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
UV = ROOT / ".venv" / "bin" / "uv"
# pip's settings that decide what is installed from where, as uv calls them.
_OPTIONS = {
    "index-url": "--default-index", "extra-index-url": "--index", "find-links": "--find-links",
    "constraint": "--constraints", "trusted-host": "--allow-insecure-host",
}  # fmt: skip


def settings(listed: str) -> list[str]:
    """Turn what ``pip config list`` prints into uv's arguments: uv reads no setting of pip's."""
    values = {}
    for section in ("global.", "install.", ":env:."):  # from the weakest to the strongest
        for line in listed.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(section):
                values[name.removeprefix(section)] = str(ast.literal_eval(value))
    # pip takes the best version of all indexes, uv by itself the first index that has any.
    arguments = ["--index-strategy", "unsafe-best-match"]
    for name, option in _OPTIONS.items():
        for value in values.get(name, "").split():
            arguments += [option, value]
    return arguments + ["--no-index"] * (values.get("no-index") in ("1", "true", "yes", "on"))


def main(folder: str, *arguments: str) -> None:
    """Make the environment if it is not there whole, and install what the arguments name."""
    python = Path(folder).absolute() / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    asked = [*pip, "--version"]
    if not python.exists() or subprocess.run(asked, check=False, capture_output=True).returncode:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    if not UV.is_file() and python.parent == UV.parent:
        lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
        pins = [line for line in lines if line.startswith("uv==")]
        subprocess.run([*pip, "install", "--quiet", "--only-binary=uv", *pins], check=False)
    command = [*pip, "install"]
    if UV.is_file() and os.environ.get("INSTALL_WITH") != "pip":
        asked = [*pip, "config", "list"]
        listed = subprocess.run(asked, check=True, stdout=subprocess.PIPE, text=True).stdout
        command = [str(UV), "--no-config", "pip", "install", f"--python={python}"]
        command += settings(listed)
    print(f"Laying out {folder} with {Path(command[0]).name}: {' '.join(arguments)}", flush=True)
    sys.exit(subprocess.run([*command, "--quiet", *arguments], check=False).returncode)


if __name__ == "__main__":
    main(*sys.argv[1:])
