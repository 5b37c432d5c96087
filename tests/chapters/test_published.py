"""Published figures, entered a second time from their sources: a slip in `data` goes red.

Each is written down here as and where its source has it, in the source's own order and layout, and
not copied from the files in `data`.
"""

import pytest

from truncated_time.shipped import table

# By source: where it stands, and the value as it is printed there.
ENTERED = {
    "ramos2021fundamentos": {
        # The run on whole sequences, its last lines of output.
        "unsplit_accuracy": "1.0",  # training, from epoch 2
        "unsplit_validation": "1.0",  # from epoch 1
        "unsplit_loss": "0.0141",
        # The run on sequences cut in two, batch 2, its last lines.
        "two_windows_accuracy": "0.75",
        "two_windows_loss": "0.4776",
        # The loop that resets by hand: test losses of five epochs, first and last.
        "manual_loss_first": "1.0e-3",
        "manual_loss_last": "8.3e-6",
        # The callback that resets behind every second batch: first epoch; 8 to 12 s an epoch.
        "callback_first": "0.9625",
        "callback_seconds": "10",
    },
    "remy2016stateful": {
        # Stateless on overlapping windows: validation after epochs 1 and 15.
        "increment_1_first": "0.6000",
        "increment_1_accuracy": "0.5455",
        "increment_1_loss": "0.66",
        # Stateful on the same windows, batch 110: the range over 15 epochs.
        "stateful_lowest": "0.49",
        "stateful_highest": "0.60",
        # Stateful, one step at a time: after epoch 1.
        "one_step_loss": "3.9e-7",
        "one_step_seconds": "207",
        # Stateless, one step at a time: training 0.5257, 0.5178, 0.5162, test 0.582 each time.
        "stateless_training_first": "0.5257",
        "stateless_training_last": "0.5162",
        "one_step_test": "0.582",
    },
    "r2rt2016styles": {
        # Batch 200, 40 steps, k = 20, 4 units.
        "timing_true": "173",
        "timing_epochwise": "80.2",
    },
}
# Lowest validation losses; columns as in the source, 0.003, 0.001 and 0.0003.
LOSSES = {
    ("true", "5", "20"): "5.12 5.01 5.09",
    ("epochwise", "5", "5"): "5.21 5.04 5.04",
    ("true", "10", "30"): "5.07 5.00 5.12",
    ("epochwise", "10", "10"): "5.15 5.03 5.05",
    ("true", "20", "40"): "5.05 5.00 5.15",
    ("epochwise", "20", "20"): "5.11 4.99 5.08",
    ("epochwise", "40", "40"): "5.05 4.99 5.15",
}
# Norm by lag, as it is printed: the oldest first.
NORMS = (
    "5.3e-8 1.5e-7 4.0e-7 1.6e-6 5.0e-6 1.3e-5 3.9e-5 1.2e-4 3.4e-4 1.0e-3 "
    "2.7e-3 8.9e-3 2.2e-2 7.2e-2 0.25 0.74 2.2 6.2 23 98"
)


@pytest.mark.parametrize("source", ENTERED)
def test_single_figures(source):
    shipped = {
        row["key"]: float(row["value"])
        for row in table("published.csv")
        if row["source"] == source and row["key"] != "one_step_zeros"
    }
    assert shipped == {key: float(value) for key, value in ENTERED[source].items()}


def test_the_negatives_that_a_figure_implies():
    # Right about every step of a negative sequence, and about one step in 20 of a positive one.
    rows = {row["key"]: float(row["value"]) for row in table("published.csv")}
    implied = [
        zeros for zeros in range(201)
        if round((20 * zeros + 200 - zeros) / 4000, 3) == rows["one_step_test"]
    ]  # fmt: skip
    assert implied == [rows["one_step_zeros"]]
    # The same test set, by the same source's other figure: with negatives in 200 it is the share.
    assert rows["increment_1_first"] == pytest.approx(
        (rows["one_step_zeros"] + (200 - rows["one_step_zeros"]) / 11) / 200, abs=1e-3
    )


def test_losses_on_the_penn_treebank():
    shipped = {}
    for row in table("published_text.csv"):
        rates = shipped.setdefault((row["style"], row["k2"], row["chunk"]), {})
        rates[row["learning_rate"]] = row["loss"]
    assert shipped == {
        setting: dict(zip(("0.003", "0.001", "0.0003"), losses.split(), strict=True))
        for setting, losses in LOSSES.items()
    }


def test_norms_by_lag():
    shipped = [float(row["norm"]) for row in table("published_vanishing.csv")]
    assert shipped == [float(norm) for norm in reversed(NORMS.split())]
    assert [row["lag"] for row in table("published_vanishing.csv")] == [*map(str, range(20))]
