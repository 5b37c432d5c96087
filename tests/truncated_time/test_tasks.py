import sys

import numpy as np
import pytest

from truncated_time.tasks import (
    digits,
    echo_floors,
    echo_language,
    first_step_memory,
    machine_log,
    machine_log_floors,
    sunspots,
)


def test_memory_has_exactly_half_ones_at_one_place():
    x, y = first_step_memory(1000, 20, seed=3)
    assert x.shape == (1000, 20, 1)
    assert x.dtype == y.dtype == np.float32
    assert y.sum() == 500
    np.testing.assert_array_equal(x[:, 0, 0], y)
    assert not x[:, 1:].any()


def test_memory_follows_its_seed_and_position():
    again = [first_step_memory(100, 5, seed=seed)[1] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(again[0], again[1])
    assert (again[0] != again[2]).any()
    x, y = first_step_memory(10, 5, seed=0, position=3)
    np.testing.assert_array_equal(x[:, 3, 0], y)
    assert x.sum() == y.sum() == 5


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"n_sequences": 7}, ValueError, "must be even, got 7.*Take 6 or 8"),
        ({"n_sequences": 0}, ValueError, "n_sequences must be at least 1"),
        ({"steps": 0}, ValueError, "steps must be at least 1"),
        ({"position": 5}, ValueError, "position must be a step, 0 to 4, got 5"),
        ({"steps": 2.5}, TypeError, "steps must be an integer"),
    ],
)
def test_memory_refuses(arguments, error, words):
    with pytest.raises(error, match=words):
        first_step_memory(**({"n_sequences": 10, "steps": 5, "seed": 0} | arguments))


def test_sunspots_are_the_yearly_record():
    years, activity = sunspots()
    assert years.tolist() == list(range(1700, 2009))
    assert activity[years == 1957] == pytest.approx(190.2)
    assert activity.min() >= 0


def test_digits_are_read_row_by_row():
    x, y = digits()
    assert x.shape == (1797, 64, 1)
    assert x.dtype == np.float32
    assert (x.min(), x.max()) == (0, 1)
    assert np.bincount(y).size == 10
    # The first image is a 0: the middle of its middle row is empty, its sides are not.
    assert x[0].reshape(8, 8)[4, 3] == 0
    assert x[0].reshape(8, 8)[4, 2] > 0


@pytest.mark.parametrize(("load", "library"), [(sunspots, "statsmodels"), (digits, "sklearn")])
def test_a_missing_library_is_named_with_its_extra(load, library, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=r"pip install 'tbptt\[series\]'"):
        load()


def test_an_echo_is_all_there_is_to_know():
    stream = echo_language(20_000, 4, period=5, seed=0, words=3, keep=0.7)
    assert stream.shape == (20_001, 4)
    assert set(np.unique(stream)) == {0, 1, 2}
    for lag in range(1, 10):
        same = (stream[lag:] == stream[:-lag]).mean()
        assert same == pytest.approx(0.7 + 0.1 if lag == 5 else 1 / 3, abs=0.01)
    again = echo_language(20_000, 4, period=5, seed=0, words=3, keep=0.7)
    assert (stream == again).all()


def test_the_floor_is_the_entropy_of_the_echo():
    floor, guess = echo_floors(words=3, keep=0.7)
    chances = np.array([0.8, 0.1, 0.1])
    assert floor == pytest.approx(-(chances * np.log(chances)).sum(), rel=1e-12)
    assert guess == pytest.approx(np.log(3), rel=1e-12)
    assert echo_floors(keep=1.0) == (0, pytest.approx(np.log(2)))


def test_a_language_that_cannot_be():
    with pytest.raises(ValueError, match="keep must be a probability, 0 to 1, got"):
        echo_language(5, 1, period=2, seed=0, keep=1.5)
    with pytest.raises(ValueError, match="period must be at least 1, got 0"):
        echo_language(5, 1, period=0, seed=0)


def test_echo_streams_that_begin_alike():
    words = echo_language(20, 5, period=3, seed=0, beginning=[1, 0, 1])
    assert (words[:3] == [[1], [0], [1]]).all()
    assert len(set(map(tuple, words[3:].T))) == 5
    with pytest.raises(ValueError, match=r"beginning must hold period = 3 words.*got \[1, 0\]"):
        echo_language(20, 5, period=3, seed=0, beginning=[1, 0])
    with pytest.raises(ValueError, match="each from 0 to 1"):
        echo_language(20, 5, period=3, seed=0, beginning=[1, 0, 2])
    with pytest.raises(TypeError, match="beginning must hold integers"):
        echo_language(20, 5, period=3, seed=0, beginning=[0.5, 0, 1])
    with pytest.raises(ValueError, match="shorter than the beginning"):
        echo_language(1, 5, period=3, seed=0, beginning=[1, 0, 1])


def test_the_floors_of_a_log_are_what_counting_says():
    bits = machine_log(400_000, seed=3)
    floor, short = machine_log_floors()
    for known, expected in (((1, 6), floor), ((1,), short)):
        past = sum(2**i * bits[6 - lag : -lag] for i, lag in enumerate(known))
        following, entropy = bits[6:], 0.0
        for value in np.unique(past):
            one = following[past == value].mean()
            share = (past == value).mean()
            entropy -= share * (one * np.log(one) + (1 - one) * np.log(1 - one))
        assert entropy == pytest.approx(expected, abs=0.005)
    assert (machine_log(400_000, seed=3) == bits).all()
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        machine_log(0, seed=0)
