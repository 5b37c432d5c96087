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
    found = _REMOTE.match(_git(root, "remote", "get-url", "origin"))
    return f"https://{found[1]}/{found[2]}" if found else None


def commit(root: Path) -> str | None:
    """Return the full hash of the commit that is checked out, or None where there is none."""
    return _git(root, "rev-parse", "--verify", "--quiet", "HEAD") or None


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


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:  # no git, so no clone
        return ""
