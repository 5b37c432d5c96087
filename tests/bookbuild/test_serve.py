"""`make serve`, for real: change a chapter of a copy, and ask the server for its page again."""

import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

pytestmark = pytest.mark.build


def ask(address, words, seconds=60):
    """Read a page until it holds the words."""
    for _ in range(seconds * 4):
        try:
            with urllib.request.urlopen(address) as answer:
                if words in answer.read().decode():
                    return True
        except OSError:
            pass
        time.sleep(0.25)
    return False


def test_a_change_is_built_and_served(bare):
    (bare / "_toc.yml").write_text("format: jb-book\nroot: chapters/index\n")
    chapter = bare / "chapters" / "index.md"
    chapter.write_text("# Title\n\nFirst words.\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serving = subprocess.Popen(
        [sys.executable, "-m", "bookbuild.serve", "--port", str(port)],
        cwd=bare,
        env=os.environ | {"BROWSER": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        page = f"http://127.0.0.1:{port}/chapters/index.html"
        assert ask(page, "First words")
        chapter.write_text("# Title\n\nSecond words.\n")
        assert ask(page, "Second words")
    finally:
        serving.terminate()
        serving.wait(timeout=20)
