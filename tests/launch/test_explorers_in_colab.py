"""The explorers in a kernel that has the widgets of Colab, which know no stacks."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]

SEVEN = """
import itertools, ipywidgets
from truncated_time.explorers import explore

def frame(**values):
    words = " ".join(f"{name}={value}" for name, value in values.items())
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1" width="100%">'
        f"<title>{words}</title></svg>"
    )

assert ipywidgets.__version__ == "7.7.1", ipywidgets.__version__
assert not hasattr(ipywidgets, "Stack")
box = explore(frame, a=range(3), b=("x", "y"), start={"a": 1})
a, b, picture = box.children
assert picture.value == frame(a=1, b="x")
for i, j in itertools.product(range(3), range(2)):
    a.index, b.index = i, j   # what moving a handle does
    assert picture.value == frame(a=i, b="xy"[j]), (i, j)
print("seven")
"""


def test_in_a_kernel_with_the_widgets_that_colab_has():
    colab = ROOT / "_build" / "colab"
    assert (colab / "ready").is_file(), "run `make test`, which lays out what Colab has"
    told = subprocess.run(
        [str(colab / "bin" / "python"), "-c", SEVEN],
        env=os.environ | {"PYTHONPATH": str(ROOT / "code")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout == "seven\n", told.stderr
