"""What holds on every backend of Keras, and what one of them cannot do."""

import keras
import pytest

from tbptt.keras.backends import _trouble

MARKERS = {
    "carries: state has to be carried in fit and the like": "carries no state in fit",
    "trains: a layer that carries state has to be trained": "with a carried state",
}


def pytest_configure(config):
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """Where Keras's backend cannot do what a test needs, the room has to say so."""
    cannot = {
        "carries": keras.backend.backend() == "jax",
        "trains": bool(_trouble(keras.layers.SimpleRNN)),  # PyTorch's, before Keras 3.9
    }
    for marker, words in MARKERS.items():
        name = marker.partition(":")[0]
        if pyfuncitem.get_closest_marker(name) and cannot[name]:
            # An AssertionError where the test itself awaits another sentence.
            with pytest.raises((ValueError, AssertionError), match=words):
                yield
            return True
    return (yield)
