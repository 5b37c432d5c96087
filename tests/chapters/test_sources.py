"""The page of published figures: complete, linked, and with verdicts that the numbers bear out."""

import re
from inspect import getsource
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from bookbuild.notebooks import INSTALL, install_cell
from tbptt import Truncation
from truncated_time.shipped import path as shipped
from truncated_time.shipped import table

CHAPTERS = Path(__file__).parents[2] / "chapters"
PAGE = (CHAPTERS / "sources.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^\* \*\*(.+?)\*\*\s+\*(\w+)\*(.*?)(?=^\* |^#|^```|\Z)", PAGE, re.S | re.M)
PUBLISHED = {row["key"]: float(row["value"]) for row in table("published.csv")}


@pytest.fixture(scope="module")
def said(glued):
    """Return what a page's cells stored: of this page, or of a chapter by its name."""
    return lambda chapter="sources": glued(chapter)


def one_step_states(said):
    return said("streams")["stepwise_off"] < 1e-6


def near(ours, published, digits):
    """Tell whether a figure of ours is the published one as it was printed."""
    return all(round(value, digits) == round(published, digits) for value in ours)


def between(values, low, high):
    return low <= min(values) <= max(values) <= high


# How an entry begins: its verdict, and when that is borne out.
VERDICTS = {
    '"An alternative': ("Refined", lambda said: (
        said()["rows_missed"] < 1e-12 < 0.1 < said()["pieces_missed"])),
    "Stateless, whole": ("Confirmed", lambda said: (
        {a for run in said()["unsplit_accuracies"] for a in run[1:]}
        == {PUBLISHED["unsplit_accuracy"]} == {PUBLISHED["unsplit_validation"]}
        and said()["unsplit_first_low"] < 0.9 < 0.99 < said()["unsplit_first_high"]
        # "Nearly": the same size, and above.
        and between(said()["unsplit_losses"], PUBLISHED["unsplit_loss"], 0.05))),
    "Stateless, split": ("Confirmed", lambda said: (
        near(said("windowing")["accuracies_two"], PUBLISHED["two_windows_accuracy"], 4)
        and 0 < PUBLISHED["two_windows_loss"] - said("windowing")["floor_two"] < 3e-4)),
    "Stateful, reset by hand": ("Confirmed", lambda said: (
        said()["manual_accuracy"] == 1
        # "The same size, a little above."
        and between([said()["manual_first_low"], said()["manual_first_high"]],
                    PUBLISHED["manual_loss_first"], 3 * PUBLISHED["manual_loss_first"])
        and between([said()["manual_last_low"], said()["manual_last_high"]],
                    PUBLISHED["manual_loss_last"], 3 * PUBLISHED["manual_loss_last"]))),
    "Stateful, reset by a callback": ("Confirmed", lambda said: (
        said()["callback_accuracy"] == 1
        and said()["callback_seconds"] < PUBLISHED["callback_seconds"])),
    "From batches": ("Confirmed", one_step_states),
    '"The LSTM cannot': ("Refined", lambda said: (
        max(said("stateful")["switched_on"]) <= said("stateful")["halves"] + 0.02
        and said("stateful")["lanes"] == [1] * 5)),
    '"25%': ("Confirmed", lambda said: near(said("windowing")["accuracies_two"], 1 - 0.25, 4)),
    "A picture": ("Refined", lambda said: (
        said("streams")["gain_small"] > 5 * said("streams")["gain_large"] > 50)),
    "A first cell": ("Differs", lambda said: (
        "--no-deps" in getsource(install_cell) and "tensorflow" not in INSTALL)),
    "Stateless, windows": ("Confirmed", lambda said: (
        near(said("windowing")["accuracies_one"], PUBLISHED["increment_1_accuracy"], 4)
        and near([said("windowing")["floor_one"]], PUBLISHED["increment_1_loss"], 2)
        and near([said("windowing")["biased_ceiling"]], PUBLISHED["increment_1_first"], 4)
        and said()["said_zeros"] == PUBLISHED["one_step_zeros"])),
    "Stateful, the same": ("Confirmed", lambda said: (
        # Ten of our runs: a little further down than the one that was published.
        between([said("axes")["stateful_min"], said("axes")["stateful_max"]],
                PUBLISHED["stateful_lowest"] - 0.03, PUBLISHED["stateful_highest"]))),
    "Stateful, one step": ("Confirmed", lambda said: (
        said()["one_step_accuracy"] == 1
        # "One epoch later."
        and said()["one_step_low"] > PUBLISHED["one_step_loss"] > said()["one_step_second"]
        and said("streams")["one_step_seconds"] < PUBLISHED["one_step_seconds"])),
    "Stateless, one step": ("Confirmed", lambda said: (
        near([said("streams")["stateless_high"]], 0.525, 3)
        and near([said("windowing")["one_step_ceiling"]], PUBLISHED["one_step_test"], 3)
        # Above what fixed weights can get there, so they move with the label.
        and said("streams")["train_bound"] == pytest.approx(0.5136)
        and between([PUBLISHED["stateless_training_first"], PUBLISHED["stateless_training_last"]],
                    said("streams")["train_bound"], 0.53))),
    '"Each row': ("Confirmed", lambda said: said("axes")["row_difference"] < 1e-6),
    '"No shuffling': ("Refined", lambda said: max(said("stateful")["switched_on"]) < 0.8),
    '"Gradients are': ("Confirmed", lambda said: (
        said("streams")["scored_one"] == [0.5] * 5)),
    "A state in a variable": ("Confirmed", lambda said: said("dynamic-rnn")["kept_gap"] < 1e-12),
    "Stack several": ("Confirmed", lambda said: said("stateful")["lanes"] == [1] * 5),
    "Trained on 100": ("Confirmed", one_step_states),
    "A lookback": ("Refined", lambda said: (
        said()["random_long"] < said()["random_short"] - 1
        and said()["blocks_short"] < said()["blocks_long"] - 1)),
    "Sub-sampled": ("Refined", lambda said: (
        said("windowing")["one_accuracy"] == pytest.approx((1 + 1 / 11) / 2, abs=1e-3))),
    "Batch size against": ("Confirmed", lambda said: said("streams")["rows_out"] == 6),
    "An assignment": ("Confirmed", lambda said: (
        said("dynamic-rnn")["nodes_each"] > said("dynamic-rnn")["nodes_once"] == 0
        and said("dynamic-rnn")["slower"])),
    "Is a random": ("Confirmed", lambda said: said()["redrawn"] and said()["kept"]),
    "Does TensorFlow": ("Refined", lambda said: (
        said()["ran_for_one"] == ["wanted"] and said()["nodes_lost"] == 0)),
    "The output at": ("Refined", lambda said: (
        said("dynamic-rnn")["later_wrong"] == said("dynamic-rnn")["later"] > 0)),
    "The final state": ("Confirmed", lambda said: (
        said("dynamic-rnn")["on_largest"] < 1e-12
        and said("dynamic-rnn")["by_row"][0] > 0.1 > said("dynamic-rnn")["by_row"][2])),
    '"`sequence_length`': ("Differs", lambda said: (
        (said()["steps_run"], said()["steps_given"]) == (4, 6))),
    "What the other": ("Confirmed", lambda said: max(said("serving")["same"]) < 1e-12),
    "Six steps": ("Confirmed", lambda said: (
        (said("truncation")["full_six_true"], said("truncation")["full_six_epochwise"]) == (4, 2))),
    "49 steps": ("Refined", lambda said: (
        (said("truncation")["full_epochwise"], said("truncation")["full_true"]) == (7, 42 + 1))),
    "One gradient operation": ("Refined", lambda said: said("cost")["rnn_errors"] > 5),
    "One gradient is": ("Refined", lambda said: said("cost")["engine"] < 1e-12),
    "With k of": ("Confirmed", lambda said: said()["check"] == 0),
    "Time of": ("Refined", lambda said: (
        said("cost")["source_chunked"] < 1 < said("cost")["source_whole"]
        < PUBLISHED["timing_true"] / PUBLISHED["timing_epochwise"])),
    "The gradient vanishes": ("Confirmed", lambda said: (
        said("enough")["rnn_half"] < said("enough")["published_factor"]
        < said("enough")["rnn_small"] and said("enough")["rnn_large"] < 1.05)),
    "Losses on": ("Confirmed", lambda said: (
        -0.02 < said("text")["text_apart_least"] < said("text")["text_apart"] < 0.05
        < said("text")["text_apart_most"] < 0.1)),
    "The carried state": ("Refined", lambda said: (
        said("text")["text_dropped_typical"] < 0.005 < said("text")["text_dropped"])),
    '"True beats': ("Refined", lambda said: (
        said("text")["text_gain_low"] > 0.01
        and max(said("text")["text_published_slow"]) < 0
        and said("text")["text_share_5"] > 0.5 < said("text")["text_share_10"]
        and said("text")["text_reach_low"] > 0.01)),
    '"But not': ("Confirmed", lambda said: said("text")["text_length_low"] > 0),
    '"Epochwise with': ("Confirmed", lambda said: said()["average_seven"] == 4),
    "An efficient": ("Refined", lambda said: (
        1 < said("cost")["rnn_fused"] < 2 < said("cost")["lstm_fused"])),
    "... and": ("Differs", lambda said: (
        all(a < b for a, b in zip(said("truncation")["six_updates"],
                                  said("truncation")["ben_updates"], strict=True)))),
    "`k1`": ("Confirmed", lambda said: (
        Truncation.true(7) == Truncation(k1=1, k2=7)
        and Truncation.epochwise(7) == Truncation(k1=7, k2=7) != Truncation(k1=3, k2=7))),
    "BPTT(2h; h)": ("Refined", lambda said: said("text")["text_semi_low"] > 0.02),
    "With updates": ("Confirmed", lambda said: (
        min(said()["train_right"]) > 0.99 and between(said()["frozen_right"], 0.4, 0.6)
        and said("initial-state")["published_frozen_least"] > 0.6932)),
    "The network classifies": ("Confirmed", lambda said: said("initial-state")["follows"] > 0.95),
    "Scored": ("Confirmed", lambda said: (
        max(said()["switch_train"], said()["last_train"]) < 0.35
        and min(said()["switch_frozen"], said()["last_frozen"]) > 2 * 0.6931)),
    "It learns": ("Confirmed", lambda said: said()["solved"] <= 10),
    "It needs": ("Refined", lambda said: between(said()["acquired"], 3, 12)),
    "`SameDistRandom`": ("Confirmed", lambda said: (
        said("initial-state")["SameDistRandom_Zeros_train_high"] < 0.6931
        < said("initial-state")["SameDistRandom_Zeros_frozen_low"])),
    "The same was": ("Refined", lambda said: (
        said("cures")["ink_test_each_8_4"] < 0.12
        and said("cures")["ink_test_once_8_4"] > 0.5
        and said("cures")["best_each_40"] > 0.6
        and 0.05 < said("cures")["best_gap_each_40"] < 0.2
        and said("cures")["ink_frozen_each_8_16"]
        <= said("cures")["ink_train_each_8_16"])),
}  # fmt: skip


def test_every_entry_has_a_verdict_and_every_verdict_an_entry():
    assert len(ENTRIES) == len(re.findall(r"^\* \*\*", PAGE, re.M)) == len(VERDICTS)
    for (name, verdict, _), (begins, (wanted, _)) in zip(ENTRIES, VERDICTS.items(), strict=True):
        assert name.startswith(begins)
        assert verdict == wanted, name


@pytest.mark.parametrize("begins", VERDICTS)
def test_the_numbers_bear_the_verdict_out(said, begins):
    _, holds = VERDICTS[begins]
    assert holds(said)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry[0][:20])
def test_every_entry_leads_to_where_it_lives(entry):
    name, _, rest = entry
    if not name.startswith("A first cell"):
        assert re.search(r"\]\(([\w-]+\.md(#[\w-]+)?|old-code-new-names)\)", rest)


def test_every_published_figure_is_quoted():
    quoted = set(re.findall(r'published\["(\w+)"\]', PAGE))
    assert quoted == set(PUBLISHED)
    # And each of them by a word of the text, not in a cell alone.
    glued_names = set(re.findall(r"(said_\w+|timing_there)=", PAGE))
    assert glued_names == set(re.findall(r"`(said_\w+|timing_there)(?::[^`]*)?`", PAGE))
    for name in ("published_text.csv", "published_vanishing.csv"):
        assert f'table("{name}")' in PAGE


def test_the_tables_show_every_row(book):
    page = BeautifulSoup((book.html / "chapters/sources.html").read_text(), "html.parser")
    text, norms = (cells.get_text(" ") for cells in page.select("table.dataframe"))
    for row in table("published_text.csv"):
        assert f"{float(row['loss']):.2f} |" in text
    first = float(table("published_vanishing.csv")[0]["norm"])
    for row in table("published_vanishing.csv"):
        assert f"{float(row['norm']) / first:.1e}" in norms


def test_no_file_of_published_figures_is_forgotten():
    files = {found.name for found in shipped("published.csv").parent.glob("published*.csv")}
    assert files == {"published.csv", "published_text.csv", "published_vanishing.csv"}
