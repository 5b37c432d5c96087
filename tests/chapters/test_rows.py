"""Every shipped row is read: change those of one level of one factor, and some page says otherwise.

A row that nobody reads can say anything. So the statements that read a file are run again with
other numbers in the rows of each level of each of its factors, in every chapter that reads it.
"""

import functools
import re
from pathlib import Path

import pytest

import reading
from truncated_time.experiments import NAMES
from truncated_time.shipped import table

# What a run was given, column by column; the other columns are what it gave.
FACTORS = {
    "across": ("way", "size", "seed", "steps"),
    "ahead": ("network", "way", "seed", "rate"),
    "alarms": ("training", "seed", "epoch"),
    "alarms-keras": ("training", "seed", "epoch"),
    "beyond": ("way", "setting", "seed"),
    "bias": ("cell", "weights", "seed", "style", "k1", "k2"),
    "bootstrap": ("network", "way", "seed", "rate", "steps"),
    "budget": ("way", "setting", "seed", "rate"),
    "burnin": ("start", "burn", "life", "seed"),
    "burnin-rates": ("start", "burn", "life", "seed", "rate"),
    "carried": ("way", "window", "seed"),
    "carried-rates": ("way", "window", "rate", "seed"),
    "checking": ("data", "state", "errors", "seed"),
    "choosing": ("policy", "k1", "k2", "rate", "seed"),
    "cures": ("cure", "data_type", "chunk", "seed", "epoch"),
    "cures-rates": ("cure", "rate", "seed"),
    "cuts": ("way", "seed", "epoch"),
    "digits": ("update", "batch", "chunk", "seed", "epoch"),
    "evolution": ("way", "spread", "seed", "rate"),
    "floor": (
        "framework", "cell", "batch", "steps", "k2", "hidden", "layers", "k1", "baseline", "seed",
    ),
    "hearsay": ("way", "rate", "seed", "updates"),
    "initial-state": ("seed", "epoch", "updated", "first_chunk"),
    "language": ("style", "k1", "k2", "seed", "updates"),
    "leak": ("data_type", "initial_state_type", "seed", "epoch"),
    "longer": ("setting", "seed", "updates"),
    "memory": ("steps", "seed", "k1", "k2", "batch", "hidden"),
    "once": ("forecast", "seed"),
    "outputs": ("seed", "epoch"),
    "passing": ("cell", "slowest", "start", "rate", "seed", "first", "last"),
    "passing-rates": ("cell", "slowest", "start", "rate", "seed"),
    "price": ("cell", "size", "way", "seed"),
    "ptb": ("style", "k1", "k2", "chunk", "carried", "learning_rate", "seed"),
    "rates": ("update", "learning_rate", "seed", "epoch"),
    "sea": ("policy", "k1", "k2", "rate", "seed"),
    "staleness": ("seed", "stored", "age", "start", "burn"),
    "starts": ("stream", "lag", "start", "seed", "reset", "step"),
    "starts-rates": ("stream", "lag", "start", "seed", "rate"),
    "stateful": ("form", "seed", "epoch"),
    "sunspots": ("window", "split", "seed"),
    "text": ("style", "k1", "k2", "chunk", "learning_rate", "seed", "split"),
    "throughput": ("units", "batch", "seed", "device"),
    "timing": (
        "cell", "batch", "steps", "k2", "hidden", "features", "words", "readout", "k1", "baseline",
        "device", "seed",
    ),
    "unbiased": ("weights", "seed", "style", "length"),
    "vanishing": ("cell", "scale", "seed", "lag"),
    "watching": ("module", "hidden", "loop", "seed"),
}  # fmt: skip
# Levels that have so many rows beside one another that one of each is enough to know.
REPEATS = {"seed", "epoch", "updates", "first_chunk", "step", "first", "last", "lag", "age"}
# What trains in the same statement that reads: the page's own networks are not asked here.
STUBS = {
    "modern": {"learn_memory": lambda *_, **__: 0.0},
    "case": {
        "train": lambda *_, **__: (dict.fromkeys(("validation_error", "test_error"), 0.0), 0.0)
    },
}
# Rows that no page shows, and the files of the tests that read them.
TESTED = {
    "beyond": (("test_beyond.py", "test_forward.py"), {
        *(("way", way) for way in ("chunks", "RTRL", "SnAp-1", "UORO")),
        *(("setting", length) for length in ("5", "6", "12", "24")),
    }),
}  # fmt: skip
CHAPTERS = sorted(page.stem for page in reading.CHAPTERS.glob("*.md") if page.stem != "results")


@functools.cache
def statements(chapter):
    return reading.statements_of(chapter)


def readers(experiment):
    """Chapters that read an experiment's results, and the statements that do it."""
    reads = re.compile(rf"results/{experiment}/results\.csv|results\('{experiment}'\)")
    return {
        chapter: reading.slice_of(statements(chapter), experiment)
        for chapter in CHAPTERS
        if any(reads.search(code) for code, *_ in statements(chapter))
    }


def other(text, factor):
    """Another number than the one in a field; words stay as they are."""
    try:
        value = float(text)
    except ValueError:
        return text
    changed = value * factor + 0.25
    return str(round(changed)) if text.isdecimal() else f"{changed:.6g}"


def changed(experiment, column, level, factor):
    """Rows of one level of one factor say something else."""
    given = FACTORS[experiment]

    def change(file, rows):
        if file != f"results/{experiment}/results.csv":
            return rows
        return [
            {name: text if name in given else other(text, factor) for name, text in row.items()}
            if row[column] == level
            else row
            for row in rows
        ]

    return change


def test_every_experiment_says_what_its_runs_were_given():
    assert set(FACTORS) == set(NAMES)
    for name, given in FACTORS.items():
        columns = table(f"results/{name}/results.csv")[0]
        assert set(given) < set(columns), name


# Asked in a second or two; the others draw many frames, or train in what they read.
QUICK = {
    "across", "ahead", "alarms", "alarms-keras", "beyond", "bias", "bootstrap", "burnin",
    "burnin-rates", "carried", "carried-rates", "checking", "choosing", "cures-rates", "once",
    "outputs", "sea", "starts", "starts-rates",
}  # fmt: skip


@pytest.mark.parametrize(
    "experiment",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.audit) for name in NAMES],
)
def test_every_row_is_read(experiment):
    rows = table(f"results/{experiment}/results.csv")
    chapters = readers(experiment)
    assert chapters
    before = {
        chapter: reading.run(codes, stubs=STUBS.get(chapter, {}))
        for chapter, codes in chapters.items()
    }
    unread = []
    for column, level in reading.levels(rows, FACTORS[experiment], REPEATS):
        for chapter, factor in ((chapter, factor) for factor in (1.5, 0.1) for chapter in chapters):
            change = changed(experiment, column, level, factor)
            said = reading.run(chapters[chapter], change, STUBS.get(chapter, {}))
            if said != before[chapter]:
                break
        else:
            unread.append((column, level))
    files, tested = TESTED.get(experiment, ((), set()))
    assert set(unread) == tested
    reader = "".join(Path(__file__).with_name(file).read_text(encoding="utf-8") for file in files)
    assert all(re.search(rf"\b{level}\b", reader) for _, level in tested)
