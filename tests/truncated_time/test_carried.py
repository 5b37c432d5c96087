"""The series experiment: lanes that continue, targets that do not look into the next part."""

import itertools

import numpy as np
import pytest

from truncated_time.experiments import carried, stateful, throughput
from truncated_time.shipped import table
from truncated_time.tasks import carbon_dioxide


def test_targets_are_the_change_over_the_next_weeks():
    level = carbon_dioxide()
    assert level.shape == (2284,)
    assert np.isfinite(level).all()
    x, y = carried.series()
    assert len(x) == len(y) == 2284 - 1 - carried.HORIZON
    for week in (0, 700, len(y) - 1):  # x[week] is known once level[week + 1] is
        assert x[week, 0] == pytest.approx(level[week + 1] - level[week], abs=1e-4)
        future = level[week + 1 + carried.HORIZON] - level[week + 1]
        assert y[week, 0] == pytest.approx(future, abs=1e-4)
    assert carried.END + carried.HORIZON <= carried.VALIDATION


@pytest.mark.parametrize("window", carried.WINDOWS)
def test_lanes_continue_and_stay_in_the_training_part(window):
    x, y = carried.series()
    data = carried.lanes(window)
    first = next(data)
    epoch = [first, *itertools.takewhile(lambda batch: not batch[0], data)]
    assert first[0]
    inputs = np.concatenate([batch[1] for batch in epoch], axis=1)
    targets = np.concatenate([batch[2] for batch in epoch], axis=1)
    # Rows in order are the end of the training part, whole and once.
    assert np.array_equal(inputs.reshape(-1, 1), x[carried.END - inputs.size : carried.END])
    assert np.array_equal(targets.reshape(-1, 1), y[carried.END - targets.size : carried.END])
    assert carried.END - inputs.size < carried.LANES * window


@pytest.mark.parametrize("window", carried.WINDOWS)
def test_windows_have_the_target_of_their_last_week(window):
    x, y = carried.series()
    _, inputs, targets = next(carried.shuffled(window, seed=0))
    assert inputs.shape == (carried.BATCH, window, 1)
    for row, target in zip(inputs[:5], targets, strict=False):
        ends = [
            week
            for week in range(window - 1, carried.END)
            if np.array_equal(x[week - window + 1 : week + 1], row)
        ]
        assert any(y[week] == target for week in ends)


def test_last_year_is_known_when_it_is_said():
    _, y = carried.series()
    said = [y[week - 52] for week in range(carried.TEST, len(y))]
    assert carried.HORIZON <= 52  # the change that began a year ago is over
    error = float(np.sqrt(np.mean((np.array(said) - y[carried.TEST :]) ** 2)))
    assert carried.baselines()["last year"] == pytest.approx(error)


def test_a_callback_does_what_resetting_by_hand_does():
    found = {
        form: [
            (row["seed"], row["epoch"], row["accuracy"], row["loss"])
            for row in table("results/stateful/results.csv")
            if row["form"] == form
        ]
        for form in ("manual", "callback")
    }
    assert found["manual"] == found["callback"] != []


def test_an_epoch_by_hand_resets_before_each_sequence():
    class Layer:
        stateful = True

        def reset_state(self):
            seen.append("reset")

    class Model:
        layers = (Layer(),)

        def train_on_batch(self, x, y):
            seen.append((x.tolist(), y.tolist()))

    seen: list = []
    stateful.train_by_hand(Model(), np.arange(4), np.arange(4), n_windows=2)
    assert seen == ["reset", ([0], [0]), ([1], [1]), "reset", ([2], [2]), ([3], [3])]


@pytest.mark.slow
def test_rows_a_second_follow_from_the_time():
    row = throughput.run(units=4, batch=2, seed=0)
    assert row["rows"] == pytest.approx(2 / (row["milliseconds"] / 1000), rel=0.1)
    assert row["device"]
