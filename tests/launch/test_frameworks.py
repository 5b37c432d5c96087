"""The chapter's listings for other packages, run as they are printed, where these are installed."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "_build" / "others" / "bin" / "python"
PAGE = (ROOT / "chapters" / "tools.md").read_text(encoding="utf-8")
PART = PAGE.split("(coming-from-frameworks)=")[1].split("(what-watching-cannot-see)=")[0]
READER, *LISTINGS = re.findall(r"^```python\n(.*?)^```$", PART, re.S | re.M)
BEFORE = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tbptt import Truncation
from tbptt.pytorch import watch
from tbptt.windows import continuity

torch.manual_seed(0)
bits = torch.randint(2, (8, 49))
loader = DataLoader(TensorDataset(bits[:, :-1], bits[:, 1:]), batch_size=4)
"""
# Two batches of four chunks: each batch from zeros, and carried inside.
AFTER = """
assert seen.truncation == Truncation.epochwise(12), str(seen)
begun = [border.rows for border in seen.borders if not border.linked]
assert begun == 2 * [("zero",) * 4, *[("carried",) * 4] * 3], begun
assert seen.findings == [], str(seen)
"""
# What a process of two is given of batches whose rows go on.
SHARED = """
from accelerate.data_loader import prepare_data_loader

times = torch.arange(480).view(4, -1, 10).transpose(0, 1).flatten(0, 1)
loader = DataLoader(TensorDataset(times), batch_size=4)
assert continuity(loader).continues.all()
for rank in (0, 1):
    share = prepare_data_loader(
        loader, num_processes=2, process_index=rank, put_on_device=False
    )
    found = continuity(share)
    assert len(found.resets) == 6 and not found.continues.any(), str(found)
"""

pytestmark = pytest.mark.audit


def run(code, folder):
    assert PYTHON.is_file(), "there is no environment of these packages; run `make audit`"
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "code"), "HOME": str(folder), "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    done = subprocess.run(
        [str(PYTHON), "-c", code], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr[-2000:]


@pytest.mark.parametrize("number", range(3), ids=["lightning", "ignite", "accelerate"])
def test_a_listing_truncates_as_it_says(number, tmp_path):
    run(BEFORE + READER + LISTINGS[number] + AFTER, tmp_path)


def test_a_prepared_loader_takes_the_rows_of_lanes_apart(tmp_path):
    run(BEFORE + SHARED, tmp_path)
