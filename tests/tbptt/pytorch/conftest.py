"""What tests of several engines need."""

import pytest
import torch


@pytest.fixture
def double():
    """Make every tensor of a test float64, in which engines agree to the last digits."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
