"""What holds on every backend of Keras, and what one of them cannot do."""

import keras
import pytest


def pytest_configure(config):
    config.addinivalue_line("markers", "carries: state has to be carried in fit and the like")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """Where Keras's backend carries no state in fit and the like, the room has to say so."""
    if pyfuncitem.get_closest_marker("carries") and keras.backend.backend() == "jax":
        # An AssertionError where the test itself awaits another sentence.
        words = "Keras on the jax backend carries no state in fit"
        with pytest.raises((ValueError, AssertionError), match=words):
            yield
        return True
    return (yield)
