"""Pipelines in the structure of public programs: which of them go on, and what is planted."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from tbptt.windows import continuity

TIMES = np.arange(480)
ROWS, STEPS = 4, 10


def lanes_of_a_text(faulty):
    """One long text, trimmed and laid out in columns; chunks of rows of it."""
    columns = torch.from_numpy(TIMES).view(ROWS, -1).T
    pieces = columns.tensor_split(13) if faulty else columns.split(STEPS)
    return (piece.T for piece in pieces)


def a_producer_of_slices(faulty):
    """A text as (rows, all steps), and a counter that says which slice is next."""
    data = TIMES.reshape(ROWS, -1)
    step = STEPS // 2 if faulty else STEPS
    for number in range((data.shape[1] - STEPS) // step):
        yield data[:, number * step : number * step + STEPS], None


def windows_from_an_array(faulty):
    """Keras cuts the windows: one row, end to end; by its defaults they move by one step."""
    return keras.utils.timeseries_dataset_from_array(
        TIMES, None, STEPS, sequence_stride=1 if faulty else STEPS, batch_size=8 if faulty else 1
    )


def a_dataset_of_characters(faulty):
    """Characters in batches of a window, windows in batches of rows, and both shuffled before."""
    if faulty:
        windows = tf.data.Dataset.from_tensor_slices(TIMES).batch(STEPS, drop_remainder=True)
        return windows.shuffle(1000, seed=0).batch(ROWS, drop_remainder=True)
    lanes = TIMES.reshape(ROWS, -1, STEPS).swapaxes(0, 1)
    return tf.data.Dataset.from_tensor_slices(lanes)


def partitions_from_a_random_offset(faulty):
    """Windows from an offset that is drawn, in the order of time or in a random one."""
    rng = np.random.default_rng(0)
    text = TIMES[int(rng.integers(STEPS)) :]
    windows = len(text) // (ROWS * STEPS) * ROWS
    text = text[: windows * STEPS]
    if faulty:
        cut = rng.permutation(text.reshape(-1, STEPS))
        return [cut[first : first + ROWS] for first in range(0, windows, ROWS)]
    return np.split(text.reshape(ROWS, -1), windows // ROWS, 1)


class Blocks(Dataset):
    """Documents joined to one long one, cut in blocks; the order of blocks says which lane."""

    def __init__(self, lanes):
        self.blocks, self.lanes = torch.from_numpy(TIMES.reshape(-1, STEPS)), lanes

    def __len__(self):
        return len(self.blocks)

    def __getitem__(self, number):
        turn, lane = divmod(number, self.lanes)
        return self.blocks[lane * (len(self) // self.lanes) + turn]


def blocks_of_joined_documents(faulty):
    """Blocks in a loader: those of one lane in one row, or, as it is mostly done, one by one."""
    return DataLoader(Blocks(1 if faulty else ROWS), ROWS)


def rollouts_of_environments(faulty):
    """Time first, a column for each environment; the fastest comes first where none waits."""
    rng, clock = np.random.default_rng(0), np.arange(120)[:, None] + 1_000_000 * np.arange(ROWS)
    for rollout in np.split(clock, 12):
        yield (rollout[:, rng.permutation(ROWS)] if faulty else rollout).T


def several_recordings_one_row_each(faulty):
    """Recordings side by side; where there are fewer of them at the end, the batch is short."""
    recordings = TIMES.reshape(ROWS, -1, STEPS) + 10_000 * np.arange(ROWS)[:, None, None]
    windows = torch.from_numpy(recordings.swapaxes(0, 1).reshape(-1, STEPS))
    return DataLoader(TensorDataset(windows[: -1 if faulty else None]), ROWS)


PIPELINES = {
    # pytorch/text, BPTTIterator; pytorch/examples, word_language_model
    lanes_of_a_text: "take the number of pieces",
    # tensorflow/models, tutorials/rnn/ptb, ptb_producer
    a_producer_of_slices: "begins 5 steps before the last one ends",
    # keras-team/keras, timeseries_dataset_from_array
    windows_from_an_array: "do not go on|No row goes on",
    # tensorflow/docs, text_generation
    a_dataset_of_characters: "in another order than time's",
    # d2l-ai/d2l-en, SeqDataLoader
    partitions_from_a_random_offset: "in another order than time's",
    # huggingface/transformers, run_clm, group_texts
    blocks_of_joined_documents: r"row i \+ 1 of a batch continues row i of the same batch",
    # sail-sg/envpool, asynchronous steps
    rollouts_of_environments: "continue other rows of the last one",
    # recordings of unequal number, as in nhammerla/deepHAR
    several_recordings_one_row_each: "The last batch has 3 rows instead of 4",
}


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda pipeline: pipeline.__name__)
def test_a_pipeline_that_goes_on(pipeline):
    found = continuity(pipeline(False))
    assert found.continues.all()
    assert found.findings == ()


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda pipeline: pipeline.__name__)
def test_what_is_planted_is_found(pipeline):
    found = continuity(pipeline(True))
    assert any(re.search(PIPELINES[pipeline], finding) for finding in found.findings), str(found)
