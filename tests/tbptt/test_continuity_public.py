"""Pipelines in the structure of public programs: which of them go on, and what is planted."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from tbptt.windows import continuity, place_windows, segments

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


def windows_of_a_sensor(faulty):
    """Windows that overlap for more examples, cut run by run between gaps, in batches in order."""
    rows = np.delete(TIMES, np.r_[100:110, 300:340])
    windows = place_windows(segments(rows), STEPS, STEPS // 2 if faulty else STEPS)
    if faulty:
        return [windows.times(rows) for rows in np.arange(80).reshape(-1, ROWS)]
    # One row, and the longest run alone.
    return [windows.times([number]) for number in range(10, 29)]


def every_second_window(faulty):
    """A share of the windows for each process, by turns; or lanes, of which each has its own."""
    windows = TIMES.reshape(-1, STEPS)
    if faulty:
        return np.split(windows[::2], 24 // ROWS)
    return windows[:24].reshape(ROWS, -1, STEPS).swapaxes(0, 1)


ANEW = r"Deal the windows in lanes \(.*\), or reset the state before every batch\."
SHUFFLED = (
    r"(No row goes on|\d+ of \d+ rows do not go on): the windows come in another order than "
    r"time's\. Switch shuffle off \(shuffle=False\) and d" + ANEW[1:]
)
CUT = rf"end to end, every {STEPS} steps, and d" + ANEW[1:]
# The whole of what is said, so that another cause is none.
PIPELINES = {
    # pytorch/text, BPTTIterator; pytorch/examples, word_language_model
    lanes_of_a_text: ["Windows have 9, 10 steps: chunk and tensor_split take the number of .*"],
    # tensorflow/models, tutorials/rnn/ptb, ptb_producer
    a_producer_of_slices: [
        "No row goes on: the next window begins 5 steps before the last one ends, .* Move windows "
        r"by their length, 10\."
    ],
    # keras-team/keras, timeseries_dataset_from_array
    windows_from_an_array: [
        r"No row goes on: windows overlap, and follow one another inside a batch: row i \+ 1 "
        r"begins 1 step after row i, and windows are 10 long\. Cut the series " + CUT,
        "The last batch has 7 rows instead of 8: .*",
    ],
    # tensorflow/docs, text_generation
    a_dataset_of_characters: [SHUFFLED],
    # d2l-ai/d2l-en, SeqDataLoader
    partitions_from_a_random_offset: [SHUFFLED],
    # huggingface/transformers, run_clm, group_texts
    blocks_of_joined_documents: [
        r"No row goes on: row i \+ 1 of a batch continues row i of the same batch\. " + ANEW
    ],
    # sail-sg/envpool, asynchronous steps
    rollouts_of_environments: [
        r"\d+ of \d+ rows do not go on: the rows of a batch continue other rows of the last one: .*"
    ],
    # recordings of unequal number, as in nhammerla/deepHAR
    several_recordings_one_row_each: ["The last batch has 3 rows instead of 4: .*"],
    # UCI, Human Activity Recognition Using Smartphones: windows that overlap by half
    windows_of_a_sensor: [
        r"No row goes on: windows overlap, .* row i \+ 1 begins 5 steps after row i, .*" + CUT
    ],
    # pytorch/pytorch, DistributedSampler
    every_second_window: [
        "No row goes on: 10 steps between a window and the next one, in the row below, are read by "
        "no row. If they are of one series, cut it " + CUT
    ],
}


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda pipeline: pipeline.__name__)
def test_a_pipeline_that_goes_on(pipeline):
    found = continuity(pipeline(False))
    assert found.continues.all()
    assert found.findings == ()


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda pipeline: pipeline.__name__)
def test_what_is_planted_is_found(pipeline):
    found, words = continuity(pipeline(True)), PIPELINES[pipeline]
    assert len(found.findings) == len(words), str(found)
    for finding, word in zip(found.findings, words, strict=True):
        assert re.fullmatch(word, finding), str(found)
