"""Exercises in the chapters, and their checks in the package."""

import re
from pathlib import Path

from truncated_time.exercises import NAMES

CHAPTERS = sorted((Path(__file__).parents[2] / "chapters").glob("*.md"))


def test_chapters_and_checks_know_one_another():
    text = {path.stem: path.read_text(encoding="utf-8") for path in CHAPTERS}
    labels = {name for one in text.values() for name in re.findall(r":label: ex-([\w-]+)", one)}
    assert set(NAMES) <= labels
    for chapter, exercises in text.items():
        names = re.findall(r":label: ex-([\w-]+)", exercises)
        checked = [name for name in names if name in NAMES]
        assert (len(checked) < 3) == (not names), chapter
        for name in checked:
            statement, solution = (
                re.search(pattern, exercises, flags=re.DOTALL)[1]
                for pattern in (
                    rf":label: ex-{name}\n(.*?)\{{exercise-end\}}",
                    rf"\{{solution-start\}} ex-{name}\n(.*?)\{{solution-end\}}",
                )
            )
            assert re.search(rf'^answer = \.\.\..*\ncheck\("{name}", answer\)$', statement, re.M)
            assert f'assert check("{name}", ' in solution
