"""`make serve`, for real: change a chapter of a copy, and ask the server for its page again."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.build


def ask(address, words, seconds=120):
    """Read a page until it holds the words."""
    for _ in range(seconds * 4):
        try:
            with urllib.request.urlopen(address) as answer:
                if words in answer.read().decode():
                    return True
        except (OSError, http.client.HTTPException):  # not there yet, or just being written
            pass
        time.sleep(0.25)
    return False


def test_a_change_is_built_and_served(bare):
    (bare / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/index\nchapters:\n  - file: chapters/second\n"
    )
    (bare / "chapters" / "second.md").write_text("# Another\n\nSo that there is a menu.\n")
    chapter = bare / "chapters" / "index.md"
    chapter.write_text("# Title\n\nFirst words.\n")
    shutil.copy(ROOT / "Makefile", bare)
    (bare / ".venv").symlink_to(Path(sys.prefix))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serving = subprocess.Popen(
        ["make", "serve", f"PORT={port}", "-o", ".venv/ready"],
        cwd=bare,
        env=os.environ | {"BROWSER": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        page = f"http://127.0.0.1:{port}/chapters/index.html"
        assert ask(page, "First words")
        chapter.write_text("# Title\n\nSecond words.\n")
        assert ask(page, "Second words")
    finally:
        os.killpg(serving.pid, signal.SIGTERM)  # make and the server that it started
        serving.wait(timeout=20)
