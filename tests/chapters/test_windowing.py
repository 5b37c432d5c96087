"""The claims of the windowing chapter, read from its executed cells or trained anew."""

import keras
import pytest

from tbptt.ceilings import stateless_accuracy, stateless_loss
from tbptt.windows import prepare_sequences
from truncated_time.tasks import first_step_memory


@pytest.fixture(scope="module")
def said(glued):
    return glued("windowing")


def test_the_counts(said):
    assert (said["n_halves"], said["n_every"]) == (2000, 11000)


@pytest.mark.parametrize(("name", "ceiling"), [("whole", 1.0), ("two", 0.75), ("one", 6 / 11)])
def test_every_seed_reaches_the_ceiling_and_none_passes_it(said, name, ceiling):
    accuracies = said[f"accuracies_{name}"]
    assert len(accuracies) == 5
    assert accuracies == pytest.approx([ceiling] * 5, abs=1e-6)
    _, live = said[f"live_{name}"]
    assert live == pytest.approx(ceiling, abs=1e-6)


@pytest.mark.parametrize("name", ["two", "one"])
def test_losses_stop_at_their_floor(said, name):
    floor = said[f"floor_{name}"]
    live, _ = said[f"live_{name}"]
    assert min(live, *said[f"losses_{name}"]) >= floor - 1e-6
    assert max(live, *said[f"losses_{name}"]) < floor + 0.01


def test_published_figures_are_the_bounds(said):
    assert said["published_two_loss"] == pytest.approx(said["floor_two"], abs=3e-4)
    assert said["published_one_loss"] == pytest.approx(said["floor_one"], abs=5e-3)
    assert said["published_one"] == pytest.approx(6 / 11, abs=5e-5)
    # One lopsided test set, 112 negatives in 200, explains both odd figures.
    assert said["published_zeros"] == 112
    assert said["biased_ceiling"] == pytest.approx(said["published_first"], abs=1e-12)
    assert said["one_step_ceiling"] == pytest.approx(said["published_one_step"], abs=1e-12)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("window", "increment", "position"), [(5, 5, 7), (8, 4, 10), (10, 2, 0)])
def test_other_cuts_reach_their_ceiling_and_never_pass_it(window, increment, position, seed):
    x, y = first_step_memory(200, 20, seed=seed, position=position)
    windows, labels = prepare_sequences(x, y, window, increment)
    cut = (20, window, increment, position)
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((window, 1)),
            keras.layers.LSTM(10),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    reached = []
    for _ in range(6):
        model.fit(windows, labels, batch_size=25, epochs=3, verbose=0)
        loss, accuracy = model.evaluate(windows, labels, batch_size=len(windows), verbose=0)
        reached.append(accuracy)
        assert loss >= stateless_loss(*cut) - 1e-6
        assert accuracy <= float(stateless_accuracy(*cut)) + 1e-6
    assert reached[-1] == pytest.approx(float(stateless_accuracy(*cut)), abs=1e-6)
