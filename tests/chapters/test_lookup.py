"""Names and messages that people arrive with: each is in a table, in the index, and real."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHAPTERS = Path(__file__).parents[2] / "chapters"
TEXT = (CHAPTERS / "lookup.md").read_text("utf-8")
SECTIONS = {
    label: body
    for label, body in re.findall(r"^\(([\w-]+)\)=\n## [^\n]+\n(.*?)(?=^\(|\Z)", TEXT, re.S | re.M)
}
ROWS = {
    label: [line.strip("| ").split(" | ") for line in body.splitlines() if line.startswith("| ")][
        2:
    ]
    for label, body in SECTIONS.items()
    if "\n| " in body
}
NAMES = {label: rows for label, rows in ROWS.items() if label != "error-messages"}
# One number or shape stands for all of its kind, and marks around a word for none.
PLAIN = re.compile(r"[`'\"]|\bold: ")


def names(cell):
    """Return the names of a table's first column."""
    if "`" in cell:
        return [re.split(r"[(=]", name)[0] for name in re.findall("`(.*?)`", cell)]
    return [name for name in re.split(r", (?![^(]*\))", cell) if "(" not in name]


def test_there_is_enough_to_be_found():
    assert sum(len(rows) for rows in NAMES.values()) >= 80
    assert len(ROWS["error-messages"]) >= 20


@pytest.mark.parametrize("label", NAMES)
def test_every_name_is_in_the_index(label):
    (entries,) = re.findall(r"^```\{index\} (.*)\n```", SECTIONS[label], re.M)
    # Marked as main entries, which the search puts first.
    indexed = [entry.removeprefix("! ") for entry in entries.split(", ")]
    assert entries.count("! ") == len(indexed)
    assert len(indexed) == len(set(indexed))
    assert {name for cell, *_ in NAMES[label] for name in names(cell)} == set(indexed)


@pytest.mark.parametrize("label", ROWS)
def test_every_row_leads_somewhere(label):
    for row in ROWS[label]:
        assert len(row) == 3, row
        assert re.search(r"\]\([\w.-]+\)", row[2]), row


def _two_passes():
    import torch

    loss = torch.nn.GRU(2, 3)(torch.zeros(4, 1, 2))[0].sum()
    loss.backward()
    loss.backward()


def _in_place():
    import torch

    cell = torch.nn.LSTMCell(2, 3)
    sgd, state = torch.optim.SGD(cell.parameters(), 0.1), (torch.zeros(1, 3),) * 2
    for _ in range(3):
        state = cell(torch.ones(1, 2), state)
        state[0].sum().backward(retain_graph=True)
        sgd.step()


def _gru(x=(4, 5, 2), h=(1, 5, 3)):
    import torch

    torch.nn.GRU(2, 3)(torch.zeros(x), torch.zeros(h))


def _lstm():
    import torch

    torch.nn.LSTM(2, 3)(torch.zeros(4, 5, 2), (torch.zeros(1, 4, 3),) * 2)


def _hidden():
    with pytest.raises(RuntimeError) as raised:
        _lstm()
    try:
        _gru(h=(1, 4, 3))
    except RuntimeError as error:
        raise RuntimeError(f"{error}, {raised.value}") from None


def _packed(lengths, **options):
    import torch

    torch.nn.utils.rnn.pack_padded_sequence(torch.zeros(4, 2, 1), lengths, **options)


def _cross_entropy():
    import torch

    torch.nn.functional.cross_entropy(
        torch.zeros(4, 5, 7), torch.zeros(4, 5, dtype=torch.long)
    )  # fmt: skip


def _no_grad():
    import torch

    torch.zeros(1).sum().backward()


def _layer(**options):
    import keras

    return keras.layers.LSTM(3, **options)


def _sequential(*layers, **inputs):
    import keras

    return keras.Sequential([keras.Input(**(inputs or {"shape": (4, 2)})), *layers])


def _targets():
    import keras
    import numpy as np

    model = _sequential(_layer(return_sequences=True), keras.layers.Dense(5, "softmax"))
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(np.zeros((8, 4, 2)), np.zeros((8, 1)), verbose=0)


def _two_cells():
    import tensorflow as tf

    said = []
    for name in ("LSTMCell", "BasicLSTMCell"):
        with pytest.raises(AttributeError) as raised:
            getattr(tf.compat.v1.nn.rnn_cell, name)
        said.append(str(raised.value))
    raise AttributeError(", ".join(said))


def _inverse():
    import numpy as np
    from sklearn.preprocessing import StandardScaler

    StandardScaler().fit(np.arange(8.0).reshape(4, 2)).inverse_transform(np.zeros((4, 3)))


def _attribute(module, name):
    getattr(importlib.import_module(module), name)


RAISED = {
    "Trying to backward through the graph a second time (or": _two_passes,
    "one of the variables needed": _in_place,
    "element 0 of tensors": _no_grad,
    "Expected hidden size": _hidden,
    "input.size(-1)": lambda: _gru(x=(4, 5, 7)),
    "Expected target size": _cross_entropy,
    "lengths array must be sorted": lambda: _packed([2, 4]),
    "Length of all samples": lambda: _packed([4, 0]),
    "Unrecognized keyword": lambda: _layer(batch_input_shape=(1, 2, 3)),
    "Sequential object": lambda: _sequential(_layer()).reset_states(),
    "When using stateful=True": lambda: _sequential(_layer(stateful=True)),
    "is incompatible with the layer": lambda: _sequential(_layer(), _layer()),
    "Arguments target and output": _targets,
    "RNN.reset_states()": lambda: _layer(stateful=True).reset_states(states=[0, 0]),
    "module keras.layers": lambda: _attribute("keras.layers", "CuDNNLSTM"),
    "module keras.preprocessing.sequence": lambda: _attribute(
        "keras.preprocessing.sequence", "TimeseriesGenerator"
    ),
    "module tensorflow has": lambda: _attribute("tensorflow", "contrib"),
    "module tensorflow._api": lambda: importlib.import_module("tensorflow").nn.dynamic_rnn,
    "LSTMCell is not available": _two_cells,
    "operands could not be broadcast together": _inverse,
}
NEW = [
    PLAIN.sub("", row[0])
    for row in ROWS["error-messages"]
    # Of the version that Colab has, which the page names.
    if not row[0].startswith("old: ") and "OperatorNotAllowed" not in row[0]
]


@pytest.mark.parametrize("message", NEW, ids=lambda message: message[:30])
def test_a_message_is_what_is_raised_today(message):
    (run,) = [run for begins, run in RAISED.items() if message.startswith(begins)]
    with pytest.raises((RuntimeError, ValueError, TypeError, AttributeError)) as raised:
        run()
    said = " ".join(PLAIN.sub("", str(raised.value)).split())
    assert message.split(" from inverse_transform")[0] in said


@pytest.mark.parametrize("old", [
    lambda: _layer(batch_input_shape=(1, 2, 3)),
    lambda: _layer(batch_shape=(1, 2, 3)),
    lambda: _sequential(_layer()).reset_states(),
    lambda: _layer(stateful=True).reset_states(states=[0, 0]),
])  # fmt: skip
def test_what_the_page_calls_refused_is(old):
    refused = [row for row in ROWS["names-of-keras"] if row[1].startswith("refused: ")]
    assert sum(len(names(row[0])) for row in refused) == 4
    with pytest.raises((ValueError, AttributeError, TypeError)):
        old()


def test_no_message_is_made_up():
    assert {begins for begins in RAISED if any(m.startswith(begins) for m in NEW)} == set(RAISED)


def test_legacy_keras_is_asked_for_by_the_name_that_the_page_has():
    # Where it is not installed TensorFlow says what to install; where it is, the listing runs.
    (listing,) = re.findall(r"^```python\n(.*?)^```", SECTIONS["legacy-keras"], re.S | re.M)
    ran = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert ran.returncode == 0 or "tf_keras" in ran.stderr
