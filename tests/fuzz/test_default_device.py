"""What is made beside tensors that are given lies where they lie, not on the default device.

A default device of ``meta`` stands for a GPU: nothing there can be mixed with what lies on the CPU.
"""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import targets
from fuzz.calling import Call, outcome
from fuzz.recipes import RECIPES

targets.load("pytorch")
PUBLIC = targets.targets("pytorch")


@pytest.mark.parametrize("name", PUBLIC)
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_another_default_device_is_of_no_account(name, data):
    arguments = RECIPES[name](data.draw)
    call = Call(name, PUBLIC[name], arguments, ())
    with torch.device("meta"):
        outcome(call)
