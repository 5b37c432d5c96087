"""Pictures against numbers worked out another way: from the SVG back to the schedule."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tbptt import Truncation
from tbptt.cost import memory_distances
from tbptt.drawing import INK, LOSS, REACH
from tbptt.picture import one_picture
from tbptt.random_lengths import draw_factors, weighting
from truncated_time.figures import (
    Watched,
    batch_lanes,
    ceiling_curve,
    chunk_memory,
    continued_windows,
    cost_by_interval,
    cost_calculator,
    error_by_step,
    error_of_a_mean,
    gradient_bias,
    gradient_by_lag,
    jacobian_chain,
    labelled_windows,
    learning_curves,
    loss_by_answer,
    loss_by_position,
    loss_by_updates,
    losses_at_a_rate,
    losses_over,
    memory_reach,
    random_reach,
    reach_triangle,
    rows_of_processes,
    split_picture,
    staleness,
    watched_loop,
)
from truncated_time.figures._chart import Axis
from truncated_time.figures.lanes import batches_in_order

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg):
    return ElementTree.fromstring(svg)


def title(svg):
    return parsed(svg).findtext(f"{SVG}title")


def cells(svg, colour, width):
    """Count the squares of one colour: moves of the pen in paths stroked with that width."""
    return sum(
        path.get("d").count("M")
        for path in parsed(svg).iter(f"{SVG}path")
        if path.get("stroke") == colour and path.get("stroke-width") == width
    )


@settings(max_examples=15)
@given(st.integers(1, 16), st.integers(1, 16))
def test_one_picture_draws_every_reach(window, stride):
    window, stride = max(window, stride), min(window, stride)
    svg = one_picture(window, stride)
    reach = Truncation(stride, window).reach(16)
    assert cells(svg, LOSS, "11") == 16
    assert cells(svg, REACH, "11") == reach.sum() - 16
    full = (reach.sum(axis=1) == window).sum()
    passes = Truncation(stride, window).passes(16)
    backward = sum(one.stop - one.start for one in passes)
    assert re.match(
        rf"Windows of {window}, stride {stride}\. {full} of 16 errors reach(?:es)? the full "
        rf"{window} steps\. {len(passes)} backward pass(es)?, {backward} backward steps",
        title(svg),
    )


@pytest.mark.parametrize(("window", "stride", "lost"), [(3, 5, 6), (1, 2, 8), (15, 16, 1)])
def test_one_picture_shows_the_losses_that_no_window_owns(window, stride, lost):
    svg = one_picture(window, stride)
    assert f"{lost} of 16 errors belong to no window" in title(svg)
    assert cells(svg, LOSS, "11") == 16 - lost
    assert svg.count(">lost<") == lost


def test_labelled_windows_colours_what_holds_the_one():
    svg = labelled_windows(10, 1, 1)
    assert "1 of 11 windows shows the 1: ceiling 54.5%; every step is in a window." in title(svg)
    svg = labelled_windows(5, 2, 10)
    assert "2 of 8 windows show the 1: ceiling 62.5%; 1 of 20 steps" in title(svg)
    assert sum(path.get("stroke") == REACH for path in parsed(svg).iter(f"{SVG}path")) == 1


@settings(max_examples=40)
@given(st.integers(1, 20), st.integers(1, 20))
def test_a_window_goes_on_where_the_one_before_it_ended(window, increment):
    starts = range(0, 21 - window, increment)
    follow = []
    while window * (len(follow) + 1) in starts:
        follow.append(window * (len(follow) + 1))
    svg = continued_windows(window, increment)
    if len(starts) > 1:
        first = f"Window {follow[0] // increment + 1}" if follow else "No window"
        assert f"{first} goes on where window 1 ends; {len(follow)} of the" in title(svg)
    drawn = {
        colour: sum(
            path.get("d").count("M")
            for path in parsed(svg).iter(f"{SVG}path")
            if path.get("stroke") == colour and path.get("stroke-dasharray") is None
        )
        for colour in (LOSS, REACH, "currentColor")
    }
    # One more of each says what the colour means.
    assert drawn[LOSS] == 2
    assert drawn[REACH] == len(follow) + 1
    assert drawn["currentColor"] == len(starts) - len(follow)


@pytest.mark.parametrize(
    ("increment", "step", "words"),
    [
        ("end to end", 1, "windows of 10 reach 75% at best; 10 of 20"),
        (1, 1, "windows of 10 reach 54.5% at best; 1 of 20"),
        (1, 10, "windows of 10 reach 95.5% at best; 10 of 20"),
    ],
)
def test_ceiling_curve_says_the_chapters_figures(increment, step, words):
    assert words in title(ceiling_curve(increment, step))


def test_split_picture_tells_the_sides_apart():
    def draw(leaked):
        return split_picture(
            np.ones(20), range(1700, 1720), [0, 5, 10], 8, train=[0, 1], test=[2], leaked=leaked,
            headline="h", detail="d", title="said",
        )  # fmt: skip

    assert title(draw([])) == "said"
    strokes = [path.get("stroke") for path in parsed(draw([])).iter(f"{SVG}path")]
    assert REACH in strokes
    assert LOSS not in strokes
    assert LOSS in [path.get("stroke") for path in parsed(draw([2])).iter(f"{SVG}path")]


SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆", "0123456")


def products(svg):
    """Read the table of a chain: what stands beside each step, from left to right."""
    placed = {}
    for text in parsed(svg).iter(f"{SVG}text"):
        for span in text.iter(f"{SVG}tspan"):
            if span.get("y"):  # in a column; names in the drawing stand in rows
                line = placed.setdefault(float(span.get("y")), {})
                line[float(span.get("x"))] = span.text.translate(SUBSCRIPTS)
    lines = [[line[x] for x in sorted(line)] for line in placed.values()]
    return {int(step): " ".join(words) for step, *words in lines}


@settings(max_examples=40)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 5))
def test_jacobian_chain_writes_the_products_that_matter(steps, loss_at, cut):
    loss_at, cut = min(loss_at, steps), min(cut, steps - 1)
    svg = jacobian_chain(loss_at, cut or "none", steps=steps)
    # Move each state in turn, and see through which Jacobians the loss moves.
    wanted = {}
    for moved in range(1, steps + 1):
        factors, alive = [], True
        for step in range(moved + 1, loss_at + 1):
            alive = alive and (not cut or step != cut + 1)
            factors.insert(0, f"J{step}")
        if moved > loss_at:
            wanted[moved] = "later than the loss"
        else:
            wanted[moved] = " ".join([f"e{loss_at}", *factors]) if alive else "nothing"
    assert products(svg) == wanted
    reached = sum(words.startswith("e") for words in wanted.values())
    named = re.match(rf"Loss at step {loss_at}, detach after(: none| step {cut})\. ", title(svg))
    assert named
    assert f"reaches step {loss_at - reached + 1} " in title(svg)
    # One teal arrow for each Jacobian on the way.
    arrows = [p.get("d") for p in parsed(svg).iter(f"{SVG}path") if p.get("stroke-width") == "2.5"]
    assert arrows[0].count("M") == 1  # the loss's own
    assert sum(arrow.count("M") for arrow in arrows[1:]) == reached - 1
    assert ("detach" in [text.text for text in parsed(svg).iter(f"{SVG}text")]) == bool(cut)


def test_jacobian_chain_draws_sizes_on_one_scale():
    sizes = [[0.4], [0.2, 0.4], [0.1, 0.2, 0.3]]
    (bars,) = [
        path.get("d")
        for path in parsed(jacobian_chain(3, 1, steps=3, sizes=sizes)).iter(f"{SVG}path")
        if path.get("stroke-width") == "9"
    ]
    lengths = [float(length) for length in re.findall(r"h([\d.]+)", bars)]
    assert lengths == pytest.approx([104 * 0.3 / 0.4, 104 * 0.2 / 0.4], abs=0.1)
    assert products(jacobian_chain(3, 1, steps=3, sizes=sizes)) == {
        3: "e3 0.300",
        2: "e3 J3 0.200",
        1: "nothing",
    }


@pytest.mark.parametrize(
    ("figure", "arguments", "words"),
    [
        (jacobian_chain, (6,), "loss_at must be a step from 1 to 5, got 6"),
        (jacobian_chain, (0,), "loss_at must be at least 1"),
        (jacobian_chain, (2, 5), "detach_after must be a step from 1 to 4, got 5"),
        (one_picture, (0, 1), "window must be at least 1"),
        (labelled_windows, (21, 1, 1), "longer than the sequence"),
        (continued_windows, (21, 1), "longer than the sequence"),
        (labelled_windows, (10, 1, 21), "position must be a step"),
        (ceiling_curve, (0, 1), "increment must be at least 1"),
    ],
)
def test_bad_input(figure, arguments, words):
    with pytest.raises(ValueError, match=words):
        figure(*arguments)


@settings(max_examples=40)
@given(st.sampled_from([6, 49]), st.integers(1, 7), st.integers(1, 7))
def test_the_triangle_says_what_the_schedule_says(steps, k2, k1):
    svg = reach_triangle(steps, k2, k1)
    assert title(svg).startswith(f"{steps} steps, k2 = {k2}, k1 = {k1}. ")
    if k1 > k2:
        assert f"{k1 - k2} of every {k1} losses would get no gradient" in title(svg)
        return
    reach = Truncation(k1, k2).reach(steps)
    full = int((reach.sum(axis=1) == k2).sum())
    assert re.search(rf"\. {full} of {steps} errors reach(?:es)? the full {k2} steps?;", title(svg))
    bars = sum(
        path.get("d").count("M")
        for path in parsed(svg).iter(f"{SVG}path")
        if path.get("stroke") == REACH and "h" in path.get("d")
    )
    assert bars == steps  # one row an error
    words = "".join(parsed(svg).itertext())
    work = sum(one.stop - one.start for one in Truncation(k1, k2).passes(steps))
    assert f"{work} backward steps(" in words


def test_the_published_counts():
    assert "7 of 49 errors reach the full 7 steps" in title(reach_triangle(49, 7, 7))
    assert "43 of 49 errors reach the full 7 steps" in title(reach_triangle(49, 7, 1))
    assert "2 of 6 errors reach the full 3 steps" in title(reach_triangle(6, 3, 3))
    assert "4 of 6 errors reach the full 3 steps" in title(reach_triangle(6, 3, 1))


def lines(svg, colour):
    """Return the points of the open lines of one colour."""
    return [
        [tuple(map(float, point)) for point in re.findall(r"([-\d.]+) ([-\d.]+)", path.get("d"))]
        for path in parsed(svg).iter(f"{SVG}path")
        if path.get("stroke") == colour and path.get("fill") == "none"
    ]


def test_a_steady_fall_is_a_straight_line_of_its_factor():
    rows = [
        {"cell": "GRU", "scale": "1.0", "seed": str(seed), "lag": str(lag), "norm": str(5 / 2**lag)}
        for seed in range(3)
        for lag in range(20)
    ]
    svg = gradient_by_lag("GRU", "1.0", rows=rows, published=[1.0, 0.1])
    assert title(svg).startswith("GRU, scale 1.0. GRU: the gradient shrinks 2.0 times a step")
    (curve,) = lines(svg, REACH)
    falls = np.diff([y for _, y in curve])
    assert falls == pytest.approx([falls.mean()] * 19, abs=0.15)
    assert falls.mean() > 0  # downwards
    with pytest.raises(ValueError, match="no run of LSTM with scale"):
        gradient_by_lag("LSTM", "1.0", rows=rows, published=[1.0])


@pytest.mark.parametrize(("low", "words"), [(0.2, "every style learns"), (0.69, "no style learns")])
def test_learning_curves_say_who_learns(low, words):
    rows = [
        {"style": style, "k2": "5", "seed": seed, "updates": updates, "loss": str(loss)}
        for style in ("true", "epochwise")
        for seed in "01"
        for updates, loss in (("20", 0.69), ("40", low))
    ]
    svg = learning_curves(5, rows=rows, floor=0.2, guess=0.69)
    assert title(svg).startswith(f"k2 = 5. Reach 5: {words} the language")
    (true,), (epochwise,) = lines(svg, REACH), lines(svg, LOSS)
    assert true == epochwise
    assert (true[1][1] > true[0][1]) == (low < 0.69)
    with pytest.raises(ValueError, match="no reach of 6 steps"):
        learning_curves(6, rows=rows, floor=0.2, guess=0.69)


def test_bias_shows_direction_and_length():
    rows = [
        {"cell": "RNN", "weights": "fresh", "seed": "0", "style": style, "k2": str(k2),
         "cosine": str(cosine), "length": "1"}
        for style, cosine in (("true", 0.99), ("epochwise", 0.5)) for k2 in (1, 5, 6, 48)
    ]  # fmt: skip
    svg = gradient_bias("RNN", "fresh", rows=rows)
    assert "cosine 0.99 at true 5, 0.50 at epochwise 6" in title(svg)
    assert [len(line) for line in lines(svg, REACH)] == [4, 4]
    with pytest.raises(ValueError, match="no GRU with fresh weights"):
        gradient_bias("GRU", "fresh", rows=rows)


def test_loss_stands_over_the_steps_between_updates():
    rows = [
        {"style": style, "chunk": chunk, "learning_rate": "0.003", "seed": seed, "loss": str(loss)}
        for style, chunk, loss in (("epochwise", "5", 5.1), ("epochwise", "20", 4.9),
                                   ("true", "20", 4.8), ("true", "40", 4.85))
        for seed in "01"
    ]  # fmt: skip
    svg = loss_by_updates("0.003", rows=rows)
    assert title(svg).startswith("0.003. Learning rate 0.003: lowest at 20 steps an update; (true)")
    (epochwise,), (true,) = lines(svg, LOSS)[:1], lines(svg, REACH)[:1]
    assert epochwise[1][0] == true[0][0]  # the same steps between updates
    assert epochwise[0][1] < epochwise[1][1] < true[0][1]  # lower losses lie lower down
    with pytest.raises(ValueError, match="no learning rate of 1"):
        loss_by_updates("1", rows=rows)


@pytest.mark.parametrize("over", ["epoch", "chunk"])
def test_the_frozen_loss_stands_above_the_one_of_training(over):
    rows = [
        {over: n, "seed": seed, "train_loss": 0.7 / 10**n, "frozen_loss": 1.0 * n}
        for n in (1, 2, 3) for seed in (0, 1)
    ]  # fmt: skip
    svg = losses_over("none, 5", rows=rows, over=over)
    assert title(svg).startswith("none, 5. training 0.00, frozen 3.00; loss in nats by " + over)
    assert "all of 2 seeds" in title(svg)
    (trained, *_), (frozen, *_) = lines(svg, REACH), lines(svg, LOSS)
    assert [y for _, y in trained] == sorted(y for _, y in trained)  # falls: y grows downwards
    assert all(above[1] < below[1] for above, below in zip(frozen, trained, strict=True))
    with pytest.raises(ValueError, match="no rows of none"):
        losses_over("none", rows=[], over=over)


def test_cost_stands_beside_what_is_counted():
    rows = [
        {"cell": "LSTM", "baseline": "fused", "k1": k1, "k2": "20", "ratio": ratio}
        for k1, ratio in (("1", "3.5"), ("20", "1.1"))
    ]
    svg = cost_by_interval("LSTM", rows=rows)
    assert "LSTM: 3.5 times a fused full pass at k1 = 1" in title(svg)
    assert f"by counting operations {(2 + 20) / 3:.1f}" in title(svg)
    with pytest.raises(ValueError, match=r"one reach of GRU, got \[\]"):
        cost_by_interval("GRU", rows=rows)


@pytest.mark.parametrize(
    ("dealing", "processes", "right"),
    [("lanes for each process", 3, 30), ("every so-many-th window", 1, 30),
     ("every so-many-th window", 2, 0), ("every so-many-th batch", 3, 0)],
)  # fmt: skip
def test_rows_go_on_in_lanes_of_their_own(dealing, processes, right):
    assert title(rows_of_processes(dealing, processes)).startswith(
        f"{dealing}, {processes}. {right} of 30 later windows"
    )
    with pytest.raises(ValueError, match="dealing must be one of"):
        rows_of_processes("at random", processes)


@pytest.mark.parametrize("batch", [1, 2, 3, 6])
@pytest.mark.parametrize("windows", [1, 2, 5])
def test_lanes_carry_every_window_and_other_orders_do_not(batch, windows):
    for order in ("lanes", "as cut", "shuffled"):
        dealt = batches_in_order(order, windows, batch)
        assert sorted(dealt.ravel()) == list(range(6 * windows))
        own = sum(  # by hand: the row before held the window before, of the same sequence
            dealt[n - 1, i] == dealt[n, i] - 1 and dealt[n, i] % windows > 0
            for n in range(1, len(dealt))
            for i in range(batch)
        )
        later = 6 * (windows - 1)
        said = f"{own} of {later} later windows" if later else "Nothing to carry"
        assert title(batch_lanes(order, batch, windows)).startswith(
            f"{order}, {batch}, {windows}. {said}"
        )
        if order == "lanes" or (order == "as cut" and batch == 1):
            assert own == later
    with pytest.raises(ValueError, match="order must be one of"):
        batch_lanes("sorted", batch, windows)


def test_errors_stand_at_their_steps_and_calls_are_lines_of_their_own():
    errors = {(2, "off"): [0.0, 0.0, 0.4, 0.1, 0.2], (2, "on"): [0.0] * 5}
    svg = error_by_step(2, "off", errors=errors)
    assert title(svg).startswith("2, off. 3 of 5 outputs differ from one long run")
    assert "3 calls of 2" in title(svg)
    calls = [line for line in lines(svg, LOSS) if len(line) <= 2]
    assert [y for _, y in calls[1]] == sorted(y for _, y in calls[1])  # falls: y grows downwards
    assert title(error_by_step(2, "on", errors=errors)).startswith("2, on. 0 of 5")
    with pytest.raises(ValueError, match="no chunk 3"):
        error_by_step(3, "on", errors=errors)


def lengths(svg, colour):
    """Lengths of all horizontal bars of one colour."""
    return [
        float(length)
        for path in parsed(svg).iter(f"{SVG}path")
        if path.get("stroke") == colour
        for length in re.findall(r"h([\d.]+)", path.get("d"))
    ]


@pytest.mark.parametrize("draw", [1, 2, 3])
@pytest.mark.parametrize("chance", [0, 0.2, 0.5])
def test_a_coin_draws_its_chunks_and_counts_for_what_it_cuts(chance, draw):
    svg = random_reach(chance, draw)
    weights = weighting(draw_factors(16, chance, draw))
    assert sorted(lengths(svg, REACH)) == pytest.approx(
        sorted((weights > 0).sum(axis=1) * 190 / 16), abs=0.06
    )
    assert title(svg).startswith(f"{chance}, draw {draw}. ")
    if chance == 0.5:
        assert "chunks of 2 steps on average" in title(svg)
        assert "lag 5 survives 0.031 of the draws, and counts 32 times there" in title(svg)
        assert "lag 5: 0.031 × 32" in "".join(parsed(svg).itertext())


def test_a_mean_loses_its_noise_and_keeps_its_bias():
    rows = [
        {"weights": "fresh", "style": style, "length": str(k), "seed": str(seed),
         "bias": str(bias), "noise": str(noise)}
        for style, bias, noise in (("true", 0.2, 0), ("coin", 0, 2), ("plain coin", 0.1, 1))
        for k in (2, 5, 24) for seed in range(3)
    ]  # fmt: skip
    assert "mean of 1: ruler off by 20%, coin by 200.0%" in title(
        error_of_a_mean(1, "fresh", rows=rows)
    )
    svg = error_of_a_mean(100, "fresh", rows=rows)
    assert title(svg).startswith("100, fresh. ")
    assert "ruler off by 20%, coin by 20.0%" in title(svg)
    (coin,), (plain,) = lines(svg, REACH), lines(svg, LOSS)
    axis = Axis(0.003, 30, 196, 40, log=True)
    assert [y for _, y in coin] == pytest.approx([axis.at(0.2)] * 3, abs=0.06)
    assert [y for _, y in plain] == pytest.approx([axis.at(0.02**0.5)] * 3, abs=0.06)
    with pytest.raises(ValueError, match="no network with trained weights"):
        error_of_a_mean(1, "trained", rows=rows)


def test_ways_at_a_rate():
    rows = [
        {"network": network, "way": way, "seed": str(seed), "rate": str(rate),
         "loss": str(loss + 0.01 * seed)}
        for network, way, rate, loss in [
            ("plain", "RTRL", 0.01, 0.3), ("plain", "RTRL", 0.1, 0.6), ("plain", "UORO", 0.01, 0.5),
            ("plain", "UORO", 0.1, 0.4), ("leaky", "RFLO", 0.1, 0.2),
        ]
        for seed in range(3)
    ]  # fmt: skip
    svg = losses_at_a_rate(0.1, "plain", rows=rows, floor=0.2, guess=0.7)
    assert title(svg).startswith("0.1, plain. rate 0.1: best is UORO, 0.41; ")
    assert title(svg).endswith("RTRL 0.61, UORO 0.41.")
    assert "RFLO" not in svg
    axis = Axis(0.18, 0.76, 78, 352)
    dots = [path.get("d") for path in parsed(svg).iter(f"{SVG}path") if path.get("stroke") == REACH]
    assert len(dots) == 2
    first = [float(dot.split()[0]) for dot in dots[0].split("M")[1:]]
    assert first == pytest.approx([axis.at(loss) for loss in (0.6, 0.61, 0.62)], abs=0.06)
    best = [path.get("d") for path in parsed(svg).iter(f"{SVG}path") if path.get("stroke") == LOSS]
    at = [float(line.split()[0][1:]) for line in best]
    assert at == pytest.approx([axis.at(0.31), axis.at(0.41)], abs=0.06)
    with pytest.raises(ValueError, match=r"no plain network with rate 0\.5"):
        losses_at_a_rate(0.5, "plain", rows=rows, floor=0.2, guess=0.7)


@pytest.mark.parametrize(
    ("setting", "seen", "taught", "verdict"),
    [
        ((2, 3, 2), 6, 4, "in sight, but no error teaches the way to it"),
        ((2, 3, 3), 6, 5, "is taught"),
        ((1, 5, 1), 5, 5, "is taught"),
        ((1, 4, 24), 4, 4, "out of sight"),
        ((3, 2, 4), 6, 5, "is taught"),
    ],
)
def test_a_memory_sees_and_is_taught(setting, seen, taught, verdict):
    layers, width, segment = setting
    assert memory_distances(*setting) == (seen, taught)
    svg = memory_reach(*setting)
    assert title(svg).startswith(
        f"{layers} layer{'s'[: layers > 1]}, width {width}, segment {segment}. "
    )
    assert f"sees {seen} steps back, is taught {taught} at best" in title(svg)
    assert verdict in title(svg)
    words = cells(svg, INK, "18.5")
    assert words == seen + 1
    hidden = cells(svg, REACH, "18.5")
    assert hidden == sum(width * back + 1 for back in range(1, layers))


def test_a_memory_has_layers_a_width_and_segments():
    for bad in ((0, 1, 1), (1, 0, 1), (1, 1, 0)):
        with pytest.raises(ValueError, match="at least 1"):
            memory_reach(*bad)
    with pytest.raises(ValueError, match="draw must be at least 1"):
        random_reach(0.5, 0)


@pytest.mark.parametrize(
    ("setting", "borders", "graph"),
    [((1024, 12, 16), 64, 192), ((1000, 3, 300), 4, 900), ((64, 2, 64), 1, 128), ((9, 1, 1), 9, 1)],
)
def test_memory_of_chunks_is_borders_and_one_graph(setting, borders, graph):
    steps, per_step, chunk = setting
    assert (len(range(0, steps, chunk)), per_step * chunk) == (borders, graph)
    svg = chunk_memory(*setting)
    assert f"{borders + graph:,} states' worth; {borders} at borders, {graph} in" in title(svg)
    (both,), (cut,) = lines(svg, REACH)[:1], lines(svg, LOSS)[:1]
    lengths = [2**power for power in range(12) if 2**power <= steps]
    axis = Axis(10, 3e6, 186, 42, log=True)
    assert [y for _, y in both] == pytest.approx(
        [axis.at(len(range(0, steps, n)) + per_step * n) for n in lengths], abs=0.06
    )
    assert [y for _, y in cut] == pytest.approx([axis.at(per_step * n) for n in lengths], abs=0.06)


def test_a_chunk_has_steps_of_the_sequence():
    for bad in ((0, 1, 1), (4, 0, 1), (4, 1, 0), (4, 1, 5)):
        with pytest.raises(ValueError, match="at least 1 and chunk at most"):
            chunk_memory(*bad)


def test_the_calculator_says_what_the_passes_say():
    svg = cost_calculator(steps=200, hidden=16, batch=8, k1=5, k2=20)
    passes = Truncation(5, 20).passes(200)
    words = title(svg)
    assert words.startswith("200 steps, 16 units, 8 rows, k1 = 5, k2 = 20: ")
    assert f"work {sum(p.stop - p.start for p in passes):,} backward steps" in words
    assert "depth 20 steps" in words
    # 20 or 200 steps of 8 rows, 16 units and an input, 4 bytes each.
    assert "memory 10.9 kB as a stream, 109 kB at once" in words
    for lag in (10, 19):
        share = np.trace(Truncation(5, 20).reach(200), offset=-lag) / (200 - lag)
        assert f"{share:.0%} of the dependencies over {lag} steps" in words
    (line,) = [path for path in parsed(svg).iter(f"{SVG}path") if path.get("stroke") == REACH]
    points = np.array(
        [[float(n) for n in pair.split()] for pair in re.findall(r"[\d.]+ [\d.]+", line.get("d"))]
    )
    # From all (76) to none (196), never up again.
    assert points[0, 1] == 76
    assert points[-1, 1] == 196
    assert (np.diff(points[:, 1]) >= 0).all()


def test_the_calculator_refuses_what_no_truncation_is():
    with pytest.raises(ValueError, match="k1"):
        cost_calculator(steps=200, hidden=16, batch=8, k1=30, k2=20)


@settings(max_examples=20)
@given(st.integers(1, 5), st.integers(0, 4), st.integers(1, 3))
def test_a_watched_loop_stands_beside_what_was_meant(k1, more, times):
    intended = Truncation(k1, k1 + more)
    counts = Truncation.epochwise(3).reach(12).astype(int) * times
    loops = {"one": Watched(counts, {0: "zero", 3: "carried"}, intended, "a finding")}
    svg = watched_loop("one", loops=loops)
    reached = [(t, s) for t in range(12) for s in range(t // 3 * 3, t + 1)]
    meant = list(zip(*np.nonzero(intended.reach(12)), strict=True))
    drawn = sum(cells(svg, colour, "11") for colour in (REACH, LOSS))
    assert drawn == len(reached) + len(meant)
    missing = len(set(meant) - set(reached))
    extra = len(reached) if times > 1 else len(set(reached) - set(meant))
    assert title(svg) == (
        f"one. A finding; {missing} squares are missing, {extra} too many; "
        "state: zero at step 1, carried at step 4."
    )
    with pytest.raises(ValueError, match="No loop is called 'two'; there are one"):
        watched_loop("two", loops=loops)


def test_the_loss_by_position_stands_next_to_the_one_from_zeros():
    rows = [
        {"cell": "diagonal", "slowest": "0.9", "rate": "0.1", "start": start, "seed": seed,
         "last": last, "loss": str(loss)}
        for start, end in (("zeros", 1.5), ("carried", 0.2), ("passed", 0.4))
        for last, loss in (("24", 0.2), ("48", 0.3), ("96", end)) for seed in "01"
    ]  # fmt: skip
    svg = loss_by_position(
        "diagonal 0.9", "0.1", "carried", rows=rows, chunk=24, floor=0.2, guess=0.69
    )
    assert "zeros 1.50, carried 0.20 at 4 times the chunk" in title(svg)
    (zeros,), (carried,) = lines(svg, LOSS)[:1], lines(svg, REACH)[:1]
    assert [point[0] for point in zeros] == [point[0] for point in carried]
    assert zeros[0] == carried[0]
    assert zeros[2][1] < carried[2][1]  # a higher loss lies higher up
    with pytest.raises(ValueError, match="no start 'fitted' of diagonal"):
        loss_by_position(
            "diagonal 0.9", "0.1", "fitted", rows=rows, chunk=24, floor=0.2, guess=0.69
        )
    with pytest.raises(ValueError, match=r"at a rate of 0\.3"):
        loss_by_position("diagonal 0.9", "0.3", "zeros", rows=rows, chunk=24, floor=0.2, guess=0.69)


def test_answers_whose_word_lies_before_the_window_are_guesses():
    losses = {"zero": [0.69] * 5 + [0.2] * 15, "carried": [0.2] * 20}
    rows = [
        {"start": start, "seed": "0", "step": str(step), "loss": str(loss)}
        for start, by_step in losses.items() for step, loss in enumerate(by_step)
    ]  # fmt: skip
    bounds = {"rows": rows, "floor": 0.2, "guess": 0.69}
    assert "5 of 20 answers are closer to a guess" in title(loss_by_answer("zero", 5, **bounds))
    svg = loss_by_answer("carried", 5, **bounds)
    assert title(svg).startswith("5, carried. 0 of 20 answers")
    (zeros,), (carried,) = lines(svg, LOSS)[:1], lines(svg, REACH)[:1]
    assert [above[1] < below[1] for above, below in zip(zeros, carried, strict=True)] == (
        5 * [True] + 15 * [False]
    )
    assert "the word lies in the window" in svg
    with pytest.raises(ValueError, match="no start 'learned'"):
        loss_by_answer("learned", 5, **bounds)


def test_a_stored_state_is_drawn_from_the_first_update_on():
    rows = [
        {"stored": "300", "start": start, "burn": "5", "age": age, "state": str(share * int(age))}
        for start, share in (("zeros", 0.01), ("stored", 0.004)) for age in ("0", "1", "10", "100")
    ]  # fmt: skip
    svg = staleness(300, 5, rows=rows)
    assert "100 updates later: off by 100% from zeros, by 40% from stored" in title(svg)
    (stored,) = lines(svg, REACH)[:1]
    assert len(stored) == 3
    assert stored[0][1] > stored[2][1]
    with pytest.raises(ValueError, match="no burn-in of 7 steps at 300"):
        staleness(300, 7, rows=rows)
