"""The teacher's page: plans that add up, sliders that exist, wrong answers with a next question."""

import json
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

CHAPTERS = Path(__file__).parents[2] / "chapters"
PAGE = (CHAPTERS / "teaching.md").read_text(encoding="utf-8")
PLANS = dict(re.findall(r"^##+ ([^\n]+)\n(?:(?!^##).*\n)*?((?:\|.*\n)+)", PAGE, re.M))
SESSIONS = {name: rows for name, rows in PLANS.items() if "| minutes |" in rows}
STATE = "application/vnd.jupyter.widget-state+json"


def steps(rows):
    return re.findall(r"^\| (\d+)-(\d+) \| (.*) \|$", rows, re.M)


def sliders(book, chapter):
    """Return what each slider of a built page can be set to, by its label."""
    page = BeautifulSoup((book.html / f"chapters/{chapter}.html").read_text(), "html.parser")
    states = json.loads(page.find("script", type=STATE).string)["state"].values()
    found = {}
    for one in states:
        if one["model_name"] == "SelectionSliderModel":
            label = one["state"]["description"]
            found.setdefault(label, set()).update(one["state"]["_options_labels"])
    return found


def test_there_is_a_plan_for_one_session_and_for_three():
    assert len(SESSIONS) == 4


@pytest.mark.parametrize("session", SESSIONS)
def test_minutes_add_up_to_ninety(session):
    plan = steps(SESSIONS[session])
    assert len(plan) == SESSIONS[session].count("\n") - 2  # a heading, and the line below it
    ends = [0] + [int(end) for _, end, _ in plan]
    assert [int(start) for start, _, _ in plan] == ends[:-1]
    assert ends[-1] == 90


@pytest.mark.parametrize("session", SESSIONS)
def test_sliders_have_the_positions_that_are_named(book, session):
    chapter, checked = None, 0
    for _, _, text in steps(SESSIONS[session]):
        pages = re.findall(r"\]\(([\w-]+)\.md", text)
        chapter = pages[-1] if pages else chapter
        for label, value in re.findall(r"`([\w =]+): ([\w -]+)`", text):
            assert value in sliders(book, chapter)[label], f"{chapter}: {label}"
            checked += 1
    assert checked >= 3


def test_every_wrong_answer_says_what_it_reveals_and_what_to_ask():
    answers = re.findall(r'^\*\*"(.+?)"\*\*.*\n: (.*(?:\n  .*)*)', PAGE, re.M)
    assert len(answers) == len(re.findall(r'^\*\*"', PAGE, re.M)) >= 12
    for answer, told in answers:
        assert told.startswith("*Reveals*: "), answer
        assert re.search(r"\*Ask\*: [^?]*\?", told), answer


def test_every_goal_has_an_exercise_and_every_chapter_a_wrong_answer():
    goals = re.findall(
        r"^\| (.*) \| (\{ref\}.*) \|$", PLANS["What they should be able to do"], re.M
    )
    assert len(goals) >= 6
    exercises = "".join(path.read_text(encoding="utf-8") for path in CHAPTERS.glob("*.md"))
    labels = set(re.findall(r":label: (ex-[\w-]+)", exercises))
    assert set(re.findall(r"\{ref\}`(ex-[\w-]+)`", PAGE)) <= labels
    # Each with the name that it has in its chapter.
    names = dict(re.findall(r":label: (ex-[\w-]+)\n```\n\*\*(.+?)\.?\*\*", exercises))
    named = re.findall(r"\{ref\}`(ex-[\w-]+)` \*(.+?)\*", PAGE)
    assert len(named) == PAGE.count("{ref}`ex-")
    assert [pair for pair in named if names[pair[0]] != pair[1]] == []
    answers = PAGE.split("## Answers that will come")[1]
    chapters = [path for path in CHAPTERS.glob("*.md") if ":label: ex-" in path.read_text("utf-8")]
    assert len(chapters) >= 8
    for path in chapters:
        assert f"({path.name})" in answers
