"""For every job that failed, open an issue, or add to the one that is open.

NEEDS is GitHub's ``toJSON(needs)``; ``gh`` comes with GitHub's runners.
"""

import json
import os
import subprocess


def gh(*arguments: str) -> str:
    """Run GitHub's command line; return what it printed."""
    return subprocess.run(["gh", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Report on this run."""
    server, repository = os.environ["GITHUB_SERVER_URL"], os.environ["GITHUB_REPOSITORY"]
    run = f"{server}/{repository}/actions/runs/{os.environ['GITHUB_RUN_ID']}"
    listed = gh("issue", "list", "--state=open", "--limit=1000", "--json=number,title")
    numbers = {issue["title"]: str(issue["number"]) for issue in json.loads(listed)}
    for job, told in json.loads(os.environ["NEEDS"]).items():
        title = f"Weekly check failed: {job}"
        if told["result"] != "failure":
            continue
        if title in numbers:
            gh("issue", "comment", numbers[title], f"--body=Again: {run}")
        else:
            gh("issue", "create", f"--title={title}", f"--body=See {run}")


if __name__ == "__main__":
    main()
