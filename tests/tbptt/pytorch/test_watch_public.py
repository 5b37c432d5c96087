"""Loops in the structure of public programs: sound ones raise no alarm, planted faults are found.

None of them was written to try a finding; each has the ways of its program.
"""

import pytest
import torch

from public_loops import control, others, signals, text
from tbptt.pytorch import watch

LOOPS = [*text.LOOPS, *control.LOOPS, *signals.LOOPS, *others.LOOPS]


def seen_of(loop, *, faulty):
    torch.manual_seed(0)
    running = loop.run(faulty)
    with watch(**next(running)) as seen:
        for _ in running:
            pass
    return seen


def name(loop):
    return loop.run.__name__


@pytest.mark.parametrize("loop", LOOPS, ids=name)
def test_a_sound_loop_raises_no_alarm(loop):
    seen = seen_of(loop, faulty=False)
    assert seen.findings == [], str(seen)


@pytest.mark.parametrize("loop", LOOPS, ids=name)
def test_what_is_planted_is_found(loop):
    torch.manual_seed(0)
    running = loop.run(True)
    watching = watch(**next(running))
    if loop.raises:
        with pytest.raises(RuntimeError, match=r"a second time|inplace"), watching as seen:
            next(running)
    else:
        with watching as seen:
            next(running, None)
    assert any(loop.told in finding for finding in seen.findings), str(seen)


def test_there_are_twenty():
    assert len({loop.program for loop in LOOPS}) == len(LOOPS) >= 20
