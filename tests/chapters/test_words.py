"""A number in the prose that no cell fills in: written as a word, or typed. Each has its reason.

Every share, multiple, rate or precision that a chapter states in words stands in a list below, as
it is written there, most with what bears it out: an expression of what the chapter's cells stored
(``said``), of the task, or of plain arithmetic. A word that changes, or a new one, is in no list.
"""

import numpy as np
import pytest

from prose import prose, ratios
from tbptt import Truncation
from tbptt.ceilings import informative_share, stateless_accuracy
from tbptt.random_lengths import draw_factors
from tbptt.windows import cut
from truncated_time.experiments import (
    beyond,
    budget,
    cures,
    evolution,
    hearsay,
    longer,
    passing,
    passing_rates,
)
from truncated_time.experiments.shared.echo import PERIOD
from truncated_time.shipped import table
from truncated_time.tasks import echo_language, first_step_memory

PUBLISHED = {row["key"]: float(row["value"]) for row in table("published.csv")}


def spans(k1, k2, lag):
    """Share of errors that travel so many steps back, that many and their own."""
    return float((Truncation(k1, k2).travelled(60 * k1) > lag).mean())


def repeats():
    """Share of words of the echo language that are the one `lag` steps before."""
    words = echo_language(20_000, 4, period=PERIOD, seed=0)
    return float((words[PERIOD:] == words[:-PERIOD]).mean())


def echo(_):
    # Nine in ten are copied, and half of the drawn ones are the same by chance.
    return abs(repeats() - (9 / 10 + 1 / 10 / 2)) < 0.01


def half_positive(_):
    return first_step_memory(1000, steps=20, seed=0)[1].mean() == 0.5


# By chapter: as it is written, what bears it out.
STATED = {
    "bptt": {
        "Time grows by a factor of more than four": lambda said: said["far_longer"],
    },
    "detach": {
        "except that in half of the sequences the first number is a 1": half_positive,
        "a coin is right half of the time": half_positive,
        "The other four seeds stay at a half": lambda said: (
            sum(row[:4] == [0.5] * 4 for row in said["every_step"]) == 4
        ),
        "the sixteenth chunk took more than twice as long as the first": lambda said: said[
            "kept_longer"
        ],
    },
    "windowing": {
        "Five and a half times as many windows": lambda said: (
            said["n_every"] / said["n_halves"] == 5.5
        ),
        "in exactly half of them the first step is a 1": half_positive,
        "2000 windows, half of them labelled 1": half_positive,
        "let half of the sequences be positive": half_positive,
    },
    "axes": {},
    "series": {
        "with stride 4, and a quarter of the windows": lambda said: (
            said["n_sparse"] < 0.27 * said["n_dense"]
        ),
        "50% means a stride of half a window, and each step is counted twice": lambda _: (
            informative_share(100, 10, 5, 50) * cut(100, 10, 5).n_windows == 2
        ),
    },
    "stateful": {
        "What is the accuracy: 100%, still #, or less": lambda said: said["halves"] < 1,
    },
    "streams": {},
    "dynamic-rnn": {
        "more than ten times as long over these rounds": lambda said: said["slower"],
    },
    "truncation": {
        "every word repeats the one six steps before it, nine times out of ten": echo,
        "only one error in six reaches 6 steps at all": lambda _: spans(6, 6, 5) == 1 / 6,
        "Nine times in ten a word repeats": echo,
        "and one error in seven reaches 7 steps. Now slide": lambda _: spans(7, 7, 6) == 1 / 7,
        'so my errors are backpropagated 7 steps." One error in seven is': lambda _: (
            spans(7, 7, 6) == 1 / 7
        ),
        "three rates, ten times as many updates": lambda said: (
            len(said["ada_longer"]) == 3 * 5 and hearsay.UPDATES == 10 * 150
        ),
        "Ben's one error in six does tell them": lambda _: spans(6, 6, 5) == 1 / 6,
        "The semi-epochwise style has an interval of half its reach, rounded up": lambda said: all(
            int(row["k1"]) == -(-int(row["k2"]) // 2)
            for row in table("results/language/results.csv")
            if row["style"] == "semi-epochwise"
        ),
        "the average error has about half of it": lambda said: (
            round(Truncation(99, 99).travelled(99).mean() / 99, 1) == 0.5
        ),
    },
    "enough": {
        "every word repeats the one six steps before it, nine times out of ten": echo,
        "If the bar is a tenth of the largest share": lambda said: (
            sum(reach < 6 for reach in said["read_tenth"]) == 2
        ),
        "shrinks by a factor of # per step at a scale of one half": lambda said: (
            said["rnn_half"] > 1
        ),
        "At a scale of one half it loses a factor of # per step": lambda said: (
            said["lstm_half"] > 1
        ),
        "an error has lost nine digits after 19 steps, and float32 has seven": lambda said: (
            8.5 < np.log10(said["published_factor"] ** 19) < 9.5
            and 6.5 < -np.log10(np.finfo(np.float32).eps) < 7.5
        ),
        "a gate that starts at one half lets half of it through": lambda _: (
            1 / (1 + np.exp(-0.0)) == 0.5
        ),
    },
    "cost": {
        "For twenty times the backward steps": lambda _: (
            Truncation(1, 20).lag_counts(9999).sum() / 9999 > 19.9
        ),
        "about 20 times the backward steps of a full pass": lambda _: (
            Truncation(1, 20).lag_counts(9999).sum() / 9999 > 19.9
        ),
        "blocks of that length nothing is run twice": lambda said: (
            Truncation(4, 4).lag_counts(8)[0] == 8
        ),
    },
    "text": {
        "makes four times as many updates in an epoch": lambda _: 20 / 5 == 4,
        "and so makes four updates where the other makes one": lambda _: 20 / 5 == 4,
        "wins or loses in the same nine places": lambda said: (
            [np.sign(gains).tolist() for gains in said["text_published_gains"][1:]]
            == [np.sign(said[f"text_gain_{rate}"]).tolist() for rate in ("middle", "slow")]
            and min(said["text_published_gains"][0]) > 0 < said["text_gain_low"]
        ),
    },
    "initial-state": {
        "# nats. That is the mean of # seeds over epochs 16 to 25": lambda said: (
            said["published_frozen_least"] > 2 * np.log(2)
        ),
        "The network is certain, and wrong about half of the time": lambda said: (
            abs(said["out_of_sample"] - 0.5) < 0.1
        ),
        "about half of the rows are on the wrong side": lambda said: (
            abs(said["probe_frozen_end"] - 0.5) < 0.15
        ),
        "the loss is below a tenth of a nat": lambda said: said["relearned_typical"] < 100,
        "these are the chunks of epoch 25 alone": lambda said: (
            max(int(r["epoch"]) for r in table("results/initial-state/results.csv")) == 25
        ),
        "no signal, and a training loss of at most half that of a guess": lambda said: (
            said["caught_rate"] > 0.95
        ),
        "no signal, and a training loss still above half that of a guess": lambda said: (
            said["idle_alarms"] <= 1
        ),
        "not even three of four new sequences right": lambda said: said["tempted_rate"] > 0.8,
        "nine of ten new sequences right, or more": lambda said: said["honest"] > 100,
    },
    "cures": {
        "Give the update after every chunk a third of the learning rate": lambda said: (
            round(said["ink_rate"] / said["best_rate_each"]) == 3
        ),
        "In epochs 7 to 16 the update after every chunk is ahead": lambda said: (
            said["best_each_16"] > said["best_once_16"]
        ),
        "In epochs 31 to 40 the two are level": lambda said: (
            round(said["best_each_40"] - said["best_once_40"], 1) == 0
        ),
        "half of the carried state is lost at every chunk": lambda said: cures.DROPOUT == 1 / 2,
        "small updates: a learning rate of 3% of the usual one": lambda said: (
            cures.SMALL == 3 / 100
        ),
        "at a third of that rate, and shuffled at a hundredth": lambda said: (
            round(said["cure_rate"] / said["own_rate"]["none"]) == 3
            and round(said["cure_rate"] / said["own_rate"]["shuffled"]) == 100
        ),
        "leaks at the common rate, not at a third of it, and again": lambda said: (
            max(said["own_gap"]["none"]) < 0.15 < 0.5 < min(said["gaps_below"].values())
        ),
    },
    "starts": {
        "every word repeats the one 6 words before it, nine times out of ten": echo,
        "to the hundredth of a nat the five are equal": lambda said: (
            said["short_lag_spread"] < 0.01
        ),
        "a late one costs them twice": lambda said: (
            said["late_before"] > said["guess"] and said["late_behind"] > 2 * said["floor"]
        ),
        "A late reset costs you twice": lambda said: (
            said["late_before"] > said["guess"] and said["late_behind"] > 2 * said["floor"]
        ),
    },
    "choosing": {
        "scores 100%, always saying the mean of the eight years scores 0%": lambda said: (
            said["in_time"] < 0 < said["stays"] < 1
        ),
        "Chunks of $ cost one full pass, and half their errors span it": (
            lambda _: spans(10, 10, 5) == 1 / 2
        ),
        "In chunks of 6, where one error in six spans it": lambda _: spans(6, 6, 5) == 1 / 6,
    },
    "beyond": {
        "every word repeats the one six steps before it, nine times out of ten": echo,
        "tails, the error crosses, and counts twice": lambda said: (
            set(draw_factors(99, 0.5, 0)) == {0, 2}
        ),
        "Only one error in 32 would reach the 6 steps": lambda said: 0.5 ** (6 - 1) == 1 / 32,
        "arrives once in 32 draws and then 32-fold": lambda said: 2**5 == 32,
        "by the square root of 1000, about 32 times": lambda said: round(1000**0.5) == 32,
        "All thirty networks learn it": lambda said: (
            sum(
                float(r["loss"]) < (said["floor"] + said["guess"]) / 2
                for r in table("results/beyond/results.csv")
                if "coin" in r["way"]
            )
            == 30
        ),
        "one chunk in a thousand is longer than 10 steps": lambda said: (
            round(1 / 0.5**10, -2) == 1000
        ),
        "Keep the mean length a fair part of that lag, half of it or more": lambda said: (
            said["noise_trained"] > 4 * said["noise_four"] > 4 * said["noise_eight"]
        ),
        "a relative bias of at most one half": lambda said: max(said["once_bias"]) <= 1 / 2,
        "what lies beyond is at most half of the whole": lambda said: (
            said["once_bias_most"] <= 1 / 2
        ),
    },
    "forward": {
        "every word repeats the one six steps before it, nine times out of ten": echo,
        "no step was visited twice": lambda said: said["rtrl_off"] < 1e-12,
        "a coin, with chunks of half the lag or more": lambda said: 4 * said["noise_four"] < 6,
        "Moves of a third or a tenth of the smaller spread": lambda _: (
            (round(0.03 / 10, 3), round(0.03 / 3, 3)) == budget.SPREADS
            and min(evolution.SPREADS) == 3 / 100
        ),
    },
    "modern": {
        "every word repeats the one six steps before it, nine times out of ten": echo,
        "What becomes of it in six times as many updates": lambda _: (
            longer.UPDATES == 6 * beyond.UPDATES
        ),
        "within a tenth of a nat of the floor": lambda said: (
            said["near_one"]
            == sum(c[-1] < said["floor"] + 0.1 for c in said["courses_of"]["2 3 1"])
        ),
    },
    "chunks": {
        "twice the graph alone, which is what a cut of that length holds. A chunk of half or twice "
        "that length costs a quarter more": lambda _: (
            # Graph and borders are alike at the best: 1 + 1, then 1/2 + 2.
            (1 + 1, (1 / 2 + 2) / (1 + 1)) == (2, 1 + 1 / 4)
        ),
        "fade to a third or less at each step": lambda said: all(
            slowest < 1 / 3 for slowest, _, losses in said["scans"] if min(losses) > 0.64
        ),
        "a word is a few thousandths of itself at most": lambda said: 0.002 < 0.3**5 < 0.005,
    },
    "passing": {
        "with channels that start at nine tenths": lambda _: passing.MODELS[0][1] == 9 / 10,
        "from the true state by all five networks": lambda said: (
            sorted(loss < np.log(3) / 2 for loss in said["replay_far"]["true 0 1024 0.01"])
            == 5 * [True]
        ),
        "below half of a guess": lambda said: (
            said["learned_young"]
            == sum(loss < np.log(3) / 2 for loss in said["replay_far"]["stored 0 32 0.01"])
        ),
        "that is 5 answers of 24": lambda _: (PERIOD - 1, passing.CHUNK) == (5, 24),
        "at three times the largest all diagonal networks but one only": lambda _: (
            max(passing_rates.RATES) == round(3 * max(passing.RATES), 3)
        ),
        "At a third of the smallest rate": lambda _: (
            passing_rates.RATES[0] == round(min(passing.RATES) / 3, 3)
        ),
    },
    "sources": {
        "20 of 20 steps for class 0, 1 of 20 for class 1": lambda _: (
            float(stateless_accuracy(20, 1, 1, 0)) == (20 + 1) / 40
        ),
        "accuracy # in training from epoch 2 and # in validation from epoch 1": lambda said: (
            PUBLISHED["unsplit_accuracy"] == PUBLISHED["unsplit_validation"] == 1
        ),
        "validation accuracy # to # after epoch 1 and # from epoch 2": lambda said: (
            said["unsplit_second"] == 1 > said["unsplit_first_low"]
        ),
        "test accuracy 1 from epoch 1": lambda said: said["manual_accuracy"] == 1,
        "accuracy # during epoch 1": lambda said: PUBLISHED["callback_first"] < 1,
        "all test windows right after epoch 1": lambda said: said["callback_accuracy"] == 1,
        '"25% of the windows are wrong."': lambda said: (
            PUBLISHED["two_windows_accuracy"] == 1 - 25 / 100
        ),
        "made a formula: half the share of windows without the evidence": lambda said: (
            (1 - 1 / 2) / 2 == 0.25
        ),
        "validation accuracy # after epoch 1 and # after epoch 15": lambda said: (
            PUBLISHED["increment_1_first"] > PUBLISHED["increment_1_accuracy"]
        ),
        "Here, with the published options, epochs 16 to 25": lambda said: (
            said["train_right_low"] > 0.99
        ),
        "in epoch 25, after # updates of 1,000, the loss is below a tenth": lambda said: (
            said["solved"] <= 10
        ),
        "and small, # right in epochs 31 to 40": lambda said: (
            max(int(row["epoch"]) for row in table("results/rates/results.csv")) == 40
        ),
        "The training loss first is below half a guess": lambda said: said["acquired_first"] >= 3,
    },
}
# Words of a set-up, or of arithmetic that stands in the sentence itself: they were read, and stay.
SET_UP = {
    "bptt": ("Go from 50 steps to 400, eight times as many",),
    "windowing": (
        "Its learning rate is ten times its default here",
        "Guessing gives one half, and the evidence adds half of its share",
    ),
    "axes": ("nearly all, about three quarters, or still #",),
    "series": ("hold out a fifth of them, and do so five times",),
    "streams": ("the fifth sample is computed twice",),
    "chunks": ("if each step may be run twice",),
    "initial-state": (
        "only 32 different sequences, and each occurs twice",
        "in the other it is a half, a strong signal",
    ),
    "choosing": (
        "shuffles them and holds out a fifth",
        "100% minus the mean squared error",
    ),
    "case": ("with half a year it has #",),
    "beyond": ("with chunks less than half as long",),
    "passing": ("compared with their own size: a tenth, a half, nearly all",),
    "sources": ("and more than ten times the time",),
}
KNOWN = [(chapter, words) for chapter, listed in STATED.items() for words in listed]


@pytest.mark.parametrize("chapter", STATED)
def test_every_share_or_multiple_in_words_is_listed(chapter):
    text = prose(chapter)
    listed = (*STATED[chapter], *SET_UP.get(chapter, ()))
    borne_out = [(text.find(words), words) for words in listed]
    assert [words for start, words in borne_out if start < 0] == []
    for number in ratios(chapter):
        assert any(
            number.start() >= start and number.end() <= start + len(words)
            for start, words in borne_out
        ), f"{number[0]!r} in {text[number.start() - 60 : number.end() + 40]!r}: what bears it out?"


@pytest.mark.parametrize(("chapter", "words"), KNOWN)
def test_what_is_stated_in_words_holds(glued, chapter, words):
    assert STATED[chapter][words](glued(chapter))
