"""From where on each of the three looks raises an alarm, and at which answers the swap looks."""

import numpy as np
import pytest

from tbptt import _diagnosis
from tbptt._diagnosis import FrozenRun, donors_of, judge

LABELS = np.arange(20) % 2
OTHERS = LABELS[donors_of(LABELS)]  # whose states the rows get


def alarms(monkeypatch, *, gap=0.0, probes=(0.5, 0.5), answers=None):
    """Return the alarms of a network that does as it is told."""
    told = np.stack([LABELS, LABELS]) if answers is None else answers
    scores = iter(probes)
    monkeypatch.setattr(_diagnosis, "_probe", lambda *_: next(scores))
    return judge(
        lambda state: FrozenRun(1 + gap, told, state), LABELS, fresh=None, carried=None,
        features=lambda state: state, exchange=lambda state, rows: state, train_loss=1.0,
    ).alarms  # fmt: skip


@pytest.mark.parametrize(("gap", "raised"), [(0.19, False), (0.21, True)])
def test_a_gap_of_a_fifth_of_a_nat(monkeypatch, gap, raised):
    assert alarms(monkeypatch, gap=gap) == (("gap",) if raised else ())


@pytest.mark.parametrize(("carried", "raised"), [(0.74, False), (0.76, True)])
def test_a_probe_that_loses_a_quarter(monkeypatch, carried, raised):
    assert alarms(monkeypatch, probes=(carried, 0.5)) == (("probe",) if raised else ())


@pytest.mark.parametrize(("rows", "raised"), [(11, False), (13, True)])
def test_answers_that_follow_the_state_by_a_fifth_more(monkeypatch, rows, raised):
    # 11 of 20 follow the state and 9 their own label: a tenth more; and 13 of 20, three tenths.
    late = np.where(np.arange(20) < rows, OTHERS, LABELS)
    found = alarms(monkeypatch, answers=np.stack([LABELS, late]))
    assert found == (("swap",) if raised else ())


def test_early_answers_may_follow_the_state_that_was_swapped(monkeypatch):
    assert alarms(monkeypatch, answers=np.stack([OTHERS, LABELS])) == ()
    assert alarms(monkeypatch, answers=np.stack([LABELS, OTHERS])) == ("swap",)
