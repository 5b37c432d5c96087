"""The repository's address, read when the book is built and never typed in."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

_REMOTE = re.compile(
    r"^(?:https://|ssh://git@|git@)(github\.com)[/:]([\w.-]+/[\w.-]+?)(?:\.git)?/?$"
)


def address(root: Path) -> str | None:
    """Return the web address of the repository, or None where there is none.

    ``GITHUB_REPOSITORY`` (set in GitHub's workflows) comes first, then the git remote `origin`
    when it lies on GitHub: launch buttons know no other host.
    """
    if name := os.environ.get("GITHUB_REPOSITORY"):
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
        return f"{server}/{name}"
    asked = subprocess.run(
        ["git", "-C", str(root), "remote", "get-url", "origin"],
        capture_output=True,
        text=True,
        check=False,
    )
    found = _REMOTE.match(asked.stdout.strip())
    return f"https://{found[1]}/{found[2]}" if found else None


def commit(root: Path) -> str | None:
    """Return the full hash of the commit that is checked out, or None where there is none."""
    asked = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--verify", "--quiet", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or None


def site(root: Path) -> str | None:
    """Return the address of the published book, without a slash at its end, or None.

    ``BOOK_SITE`` comes first, for a domain of one's own; else it is where GitHub Pages puts the
    repository's site.
    """
    if named := os.environ.get("BOOK_SITE"):
        return named.rstrip("/")
    found = _REMOTE.match(address(root) or "")
    if not found:
        return None
    owner, name = found[2].split("/")
    home = f"{owner}.github.io".lower()
    return f"https://{home}" if name.lower() == home else f"https://{home}/{name}"
