"""Every formula in the prose of a chapter: evaluated as it stands there, or shown by a test."""

import ast
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from formulas import CHAPTERS, evaluate, formulas
from tbptt import Truncation
from tbptt.adaptive import bias_bound, decay_rate
from tbptt.ceilings import informative_share, stateless_accuracy, stateless_loss
from tbptt.cost import memory_distances, within_reach
from tbptt.random_lengths import draw_factors, weighting
from tbptt.windows import cut, place_windows, segments

TESTS = Path(__file__).parents[1]
CUTS = [(20, 10, 10, 0), (20, 10, 1, 0), (20, 10, 1, 9), (17, 4, 3, 16), (20, 20, 1, 5)]
CHANCES = (0.1, 0.3, 0.5)


def counted(steps, length, stride, position):
    """Count windows, and those that hold a step, one by one."""
    starts = [start for start in range(0, steps, stride) if start + length <= steps]
    holding = [i for i, start in enumerate(starts) if start <= position < start + length]
    return len(starts), holding


def half_positive(formula):
    for steps, length, stride, position in CUTS:
        windows, holding = counted(steps, length, stride, position)
        for side in formula.replace(r"\text{ceiling} =", "").split(" = "):
            got = evaluate(side, c=len(holding), W=windows)
            assert got == pytest.approx(float(stateless_accuracy(steps, length, stride, position)))


def any_share(formula):
    for where, share in product(CUTS, (0.2, 0.5, 0.9)):
        windows, holding = counted(*where)
        right = formula.removeprefix(r"\text{ceiling} =")
        got = evaluate(right, c=len(holding), W=windows, pi=share)
        assert got == pytest.approx(float(stateless_accuracy(*where, positives=share)))


def shares_of_windows(formula):
    # Of two sequences, one of each class: windows, those of class 1 without evidence, all without.
    for where in CUTS:
        windows, holding = counted(*where)
        without = windows - len(holding)
        known = {"2W - c": windows + without, "W - c": without,
                 "c/W": float(informative_share(*where)),
                 r"\pi c/W": 0.3 * len(holding) / windows,
                 r"1 - \pi": 0.7, r"\pi (1 - c/W)": 0.3 * without / windows}  # fmt: skip
        got = evaluate(formula, c=len(holding), W=windows, pi=0.3)
        assert got == pytest.approx(known[formula])


def entropy_of_what_is_left(formula):
    named, right = formula.split(" = ")
    for where in CUTS[:2]:
        windows, holding = counted(*where)
        c = len(holding)
        q = (windows - c) / (2 * windows - c)
        if named == "q":
            assert evaluate(right, c=c, W=windows) == pytest.approx(q)
        else:
            floor = evaluate(right, q=q) * (2 * windows - c) / (2 * windows)
            assert floor == pytest.approx(stateless_loss(*where))


def windows_that_hold_a_step(formula):
    body = formula.removeprefix(r"\begin{aligned}").removesuffix(r"\end{aligned}")
    for T, L, s, p in CUTS:
        known = {"T": T, "L": L, "s": s, "p": p}
        for line in body.split(r"\\"):
            name, right = line.split(" &= ")
            spelt = name.strip().replace(r"\text{", "").replace("}", "")
            known[spelt] = evaluate(right, **known)
        windows, holding = counted(T, L, s, p)
        assert (known["W"], known["c"]) == (windows, len(holding))
        assert cut(T, L, s).n_windows == windows
        if holding:
            assert (known["i_first"], known["i_last"]) == (holding[0], holding[-1])


def worked_example(formula):
    """Give the numbers of the example: they belong together."""
    windows, holding = counted(20, 10, 1, 0)
    known = {"T": (20,), "L": (10,), "s": (1,), "p": (0, 9), "W": (windows,),
             "c": (len(holding), len(counted(20, 10, 1, 9)[1]))}  # fmt: skip
    name, value = formula.split(" = ")
    assert int(value) in known[name]


def check_of_three_runs(formula):
    shares = [informative_share(20, *cut_, 0) for cut_ in ((20, 1), (10, 10), (10, 1))]
    if " = " in formula:
        assert evaluate(formula, c=shares[0].numerator, W=shares[0].denominator)
    else:
        assert evaluate(formula) in map(float, shares[1:])


def where_windows_start(formula):
    assert cut(20, 10, 3).starts.tolist() == [evaluate(r"i \cdot s", i=i, s=3) for i in range(4)]
    first = counted(20, 10, 1, 15)[1][0]
    assert first == max(0, 15 - evaluate("L - 1", L=10))
    assert formula in (r"i \cdot s", "L - 1")


def overlap(formula):
    # A stride of so many windows; each step in the middle is then in so many windows.
    for length, stride in ((10, 5), (12, 3), (20, 2)):
        share = 1 - stride / length
        got = evaluate(formula, o=share)
        inside = len(counted(40 * length, length, stride, 20 * length)[1])
        assert got == pytest.approx(stride / length if formula == "(1 - o)" else inside)


def average_travel(formula):
    for k in (1, 6, 7):
        travelled = Truncation.epochwise(k).travelled(5 * k)
        assert evaluate(formula, k=k) == travelled.mean()


def share_in_chunks(formula):
    for k in (5, 6, 24):
        for d in range(k):
            travelled = Truncation.epochwise(k).travelled(10 * k)
            assert evaluate(formula, d=d, k=k) == pytest.approx((travelled > d).mean())


def share_of_errors(formula):
    for k1, k2, d in ((1, 5, 4), (3, 6, 4), (6, 6, 5), (4, 9, 5), (4, 9, 9)):
        steps = 2 * k2 + 60 * k1
        got = evaluate(formula, k_1=k1, k_2=k2, d=d)
        middle = Truncation(k1, k2).travelled(steps)[2 * k1 * k2 // k1 :][: 20 * k1]
        share = (middle[: len(middle) // k1 * k1] > d).mean()
        assert (got if r"\min" in formula else max(0, min(1, got))) == pytest.approx(share)
        assert 0 <= within_reach(Truncation(k1, k2), steps, d) <= 1


def every_error_spans(formula):
    for k1, k2, d in product((1, 3, 4, 6), (6, 8), (1, 2, 4, 5)):
        everywhere = bool((Truncation(k1, k2).travelled(200)[d:192] > d).all())
        assert evaluate(formula, k_1=k1, k_2=k2, d=d) == everywhere


def steps_to_go(formula):
    one_pass = Truncation(4, 9).travelled(80)[:40]
    for i in range(4):  # the errors of a pass, from its end
        assert evaluate(formula, k_2=9, i=i) == one_pass[39 - i] - 1


def twice_the_lag(formula):
    for d in (2, 5):
        values = {"d": d, "k_1": d, "k_2": 2 * d}
        assert evaluate(formula, **values)
        assert (Truncation(d, 2 * d).travelled(20 * d)[d:] > d).all()
        chunks = Truncation.epochwise(2 * d).travelled(20 * d)
        assert (chunks > d).mean() == 0.5


def survives(formula):
    for c in CHANCES:
        factors = draw_factors(200_000, c, 0, compensate=False)
        alive = factors[1:] * factors[:-1]
        assert evaluate(formula, c=c, j=2) == pytest.approx(alive[1:].mean(), abs=0.01)


def factor(formula):
    for c in CHANCES:
        factors = draw_factors(1000, c, 0)
        values = {0.0} if r"\lambda" in formula else set()
        right = formula.split("&")[1].split(r"\\")[-1] if r"\lambda" in formula else formula
        assert set(np.round(factors, 12)) == {0.0, round(evaluate(right, c=c), 12)} | values


def mean_square(formula):
    for c in CHANCES:
        weights = [weighting(draw_factors(4, c, seed))[3, 1] for seed in range(20_000)]
        assert np.mean(weights) == pytest.approx(1, abs=0.05)
        assert evaluate(formula, c=c, j=2) == pytest.approx(np.mean(np.square(weights)), rel=0.1)


def share_of_a_lag(formula):
    square = r"(1-c)^{-j}"
    for c, r, j in product(CHANCES, (0.5, 0.9), (1, 3)):
        got = evaluate(formula, c=c, r=r, j=j)
        assert got == pytest.approx((r**j) ** 2 * evaluate(square, c=c, j=j))


def sum_stays_bounded(formula):
    shares = r"r^{2j} / (1-c)^j"
    for c, r in product((0.1, 0.3, 0.5), (0.5, 0.6, 0.65, 0.75, 0.8, 0.9, 0.97)):
        grows = evaluate(shares, c=c, r=r, j=300) >= 1
        assert evaluate(formula, c=c, r=r) != grows


def falls_at_least_so(formula):
    shares = [8, 9, 3, 2, 0.5]
    beta = decay_rate(shares, 1)
    left, right = formula.replace("a_j", "a").split(r" \le ")
    right = right.replace("a_m", "b").replace("{j-m}", "{(j-m)}")
    for j in range(1, 5):
        bound = evaluate(right, b=shares[1], beta=beta, j=j, m=1)
        assert evaluate(left, a=shares[j]) <= bound + 1e-12


def bound_of_the_bias(formula):
    tail = formula.split("+", 1)[1].replace("a_m", "a")
    shares, m = [8, 9, 3, 2, 0.5], 1
    for k2 in range(1, 6):
        assert r"\sum_{j = k_2}^{n - 1} a_j" in formula
        tail_value = evaluate(tail, a=shares[m], beta=decay_rate(shares, m), n=len(shares), m=m)
        assert sum(shares[k2:]) + tail_value == pytest.approx(bias_bound(shares, m)[k2 - 1])


def taught(formula):
    for layers, width, segment in product((1, 2, 3), (1, 3, 5), (1, 2, 4, 24)):
        got = evaluate(formula, ell=layers, w=width, s=segment)
        assert got == memory_distances(layers, width, segment)[1]


def rows_of_a_window(formula):
    for length, rate in ((3, 3), (120, 6), (1, 9)):
        rows = evaluate(formula, T=length, r=rate)
        # Just enough for one window.
        one = place_windows(segments(range(rows), every=1), length, 1, sampling_rate=rate)
        assert (len(one), one.span) == (1, rows)


def counted_passes(formula):
    # Forward and weight gradients once, the way back 20 times, of three equal parts.
    assert evaluate(formula) == (1 + 1 + 20) / 3


EVALUATED = {
    ("windowing", "2W - c"): (2, shares_of_windows),
    ("windowing", "W - c"): (2, shares_of_windows),
    ("windowing", "c/W"): (1, shares_of_windows),
    ("windowing", r"\text{ceiling} = \frac{c + W}{2W} = \frac12 + \frac12 \cdot \frac cW ."):
        (1, half_positive),
    ("windowing", r"\tfrac12 + \tfrac12 \cdot c/W"): (1, half_positive),
    ("windowing", "c/W = 1"): (1, check_of_three_runs),
    ("windowing", "1/2"): (1, check_of_three_runs),
    ("windowing", "1/11"): (1, check_of_three_runs),
    ("windowing", r"i \cdot s"): (1, where_windows_start),
    ("windowing", "L - 1"): (1, where_windows_start),
    ("windowing", r"\begin{aligned} W &= \lfloor (T - L) / s \rfloor + 1 \\ i_\text{first} &= "
     r"\max(0,\; \lceil (p - L + 1) / s \rceil) \\ i_\text{last} &= \min(W - 1,\; \lfloor p / s "
     r"\rfloor) \\ c &= \max(0,\; i_\text{last} - i_\text{first} + 1) \end{aligned}"):
        (1, windows_that_hold_a_step),
    **{("windowing", example): (1, worked_example) for example in (
        "T = 20", "L = 10", "s = 1", "p = 0", "W = 11", "c = 1", "p = 9", "c = 10")},
    ("windowing", "q = (W - c) / (2W - c)"): (1, entropy_of_what_is_left),
    ("windowing", r"H(q) = -q \ln q - (1 - q) \ln (1 - q)"): (1, entropy_of_what_is_left),
    ("windowing", r"\pi c/W"): (1, shares_of_windows),
    ("windowing", r"1 - \pi"): (1, shares_of_windows),
    ("windowing", r"\pi (1 - c/W)"): (1, shares_of_windows),
    ("windowing", r"\text{ceiling} = \pi \frac cW + \max\Bigl(1 - \pi,\; \pi \bigl(1 - \frac "
     r"cW\bigr)\Bigr)."): (1, any_share),
    ("series", "(1 - o)"): (1, overlap),
    ("units", "(T-1) r + 1"): (1, rows_of_a_window),
    ("series", "1 / (1 - o)"): (1, overlap),
    ("truncation", "(k + 1)/2"): (1, average_travel),
    ("truncation", "1 - d/k"): (1, share_in_chunks),
    ("cost", "(2 + 20)/3"): (1, counted_passes),
    ("choosing", r"\min\left(1,\ \max\left(0,\ \frac{k_2 - d}{k_1}\right)\right)."):
        (1, share_of_errors),
    ("choosing", "(k_2 - d) / k_1"): (1, share_of_errors),
    ("choosing", r"k_1 \le k_2 - d"): (2, every_error_spans),
    ("choosing", "k_2 - 1 - i"): (1, steps_to_go),
    ("choosing", "d = k_2 - k_1"): (1, twice_the_lag),
    ("choosing", "k_2 = 2d"): (1, twice_the_lag),
    ("choosing", "k_1 = d"): (1, twice_the_lag),
    ("beyond", "(1-c)^j"): (1, survives),
    ("beyond", "1/(1-c)"): (1, factor),
    ("beyond", r"\lambda = \begin{cases} 0 & \text{with chance } c \\ 1/(1-c) & "
     r"\text{otherwise.} \end{cases}"): (1, factor),
    ("beyond", "(1-c)^{-j}"): (3, mean_square),
    ("beyond", "r^{2j} / (1-c)^j"): (1, share_of_a_lag),
    ("beyond", "r^2 < 1 - c."): (1, sum_stays_bounded),
    ("beyond", r"a_j \le a_m \beta^{j-m}"): (1, falls_at_least_so),
    ("beyond", r"\text{bias}(k_2) \;\le\; \sum_{j = k_2}^{n - 1} a_j + \frac{a_m\, "
     r"\beta^{\,n-m}}{1 - \beta}."): (1, bound_of_the_bias),
    ("modern", r"w + \min\bigl((\ell - 1)\, w,\; s - 1\bigr)."): (1, taught),
    ("modern", r"w + \min((\ell - 1) w, s - 1)"): (1, taught),
}  # fmt: skip
# Recurrences, derivatives and counts of work: the test that shows what they say.
PRIMER = "chapters/test_bptt.py", "test_the_gradient_by_hand"
PAIRS = "tbptt/test_reference.py", "test_gradients_are_finite_differences"
CELL = "chapters/test_memory.py", "test_without_the_cells_error_the_gradient_is_far_off"
LAG = "chapters/test_truncation.py", "test_ben_learns_and_ada_does_not"
PRODUCTS = (
    "chapters/test_cost.py",
    "test_products_of_jacobians_need_less_work_than_moving_errors",
)
TEXT = "chapters/test_text.py", "test_on_text_the_rest_is_the_reach"
COIN = "chapters/test_beyond.py", "test_the_coin_is_noisy_and_the_ruler_biased"
RTRL = "chapters/test_forward.py", "test_rtrl_is_exact_and_its_price_is_as_said"
MOVES = "tbptt/pytorch/test_evolution.py", "test_the_mean_is_the_gradient_of_the_smoothed_loss"
SCAN = "chapters/test_chunks.py", "test_a_linear_state_needs_no_teaching_if_it_begins_well"
SHOWN = {
    ("memory", r"\mathrm{d}h \cdot o \, (1 - \tanh^2 c)"): CELL,
    ("bptt", r"\begin{aligned} h_t &= \tanh(W x_t + U h_{t-1} + b), \\ J_t &= \frac{\partial "
     r"h_t}{\partial h_{t-1}} = \operatorname{diag}(1 - h_t^2)\, U . \end{aligned}"): PRIMER,
    ("bptt", r"1 - \tanh^2"): PRIMER,
    ("bptt", r"\odot"): PRIMER,
    ("bptt", "a_5 = e_5"): PRIMER,
    ("bptt", r"\operatorname{diag}(1 - h_s^2)\, U"): PRIMER,
    ("bptt", r"a_{s-1} = a_s J_s , \qquad a_s = e_5 J_5 J_4 \cdots J_{s+1} ."): PRIMER,
    ("bptt", r"\ell_s = a_s^{\top} \odot (1 - h_s^2)"): PRIMER,
    ("bptt", r"\frac{\partial L}{\partial U} = \sum_{s=1}^{5} \ell_s\, h_{s-1}^{\top}, \qquad "
     r"\frac{\partial L}{\partial W} = \sum_{s=1}^{5} \ell_s\, x_s^{\top} ."): PRIMER,
    ("bptt", r"e_t J_t J_{t-1} \cdots J_{s+1}"): PRIMER,
    ("truncation", r"g = \sum_t \;\sum_{s \,\in\, \text{reach}(t)} \frac{\partial L_t}{\partial "
     r"h_t} \underbrace{\frac{\partial h_t}{\partial h_{t-1}} \cdots \frac{\partial h_{s+1}}"
     r"{\partial h_s}}_{t-s \text{ factors}} \frac{\partial h_s}{\partial \theta_s}."): PAIRS,
    ("truncation", "t-5"): LAG,
    ("cost", "2n^3 + 3n^2"): PRODUCTS,
    ("cost", "k_2 n^2"): PRODUCTS,
    ("text", "h = 20"): TEXT,
    ("beyond", r"d_t = e_t + \lambda_{t+1}\, d_{t+1} \frac{\partial h_{t+1}}{\partial h_t},"):
        COIN,
    ("forward", r"M_t = \frac{\partial h_t}{\partial h_{t-1}} M_{t-1} + I_t, \qquad g_t = e_t\, "
     "M_t."): RTRL,
    ("forward", "n^3"): RTRL,
    ("forward", "n^4"): RTRL,
    ("forward", r"g = m\, \frac{L(+) - L(-)}{2 \sigma^2}"): MOVES,
    ("chunks", r"h_t = a\, h_{t-1} + B x_t,"): SCAN,
}  # fmt: skip


# All of them, but the one that says what the letters mean.
PAGES = sorted({path.stem for path in CHAPTERS.glob("*.md")} - {"notation"})


@pytest.mark.parametrize("chapter", PAGES)
def test_every_formula_is_evaluated_or_shown(chapter):
    known = {text: number for (name, text), (number, _) in EVALUATED.items() if name == chapter}
    known |= {text: 1 for name, text in SHOWN if name == chapter}
    assert formulas(chapter) == known


@pytest.mark.parametrize(("chapter", "formula"), EVALUATED)
def test_a_formula_holds_as_it_stands_in_the_prose(chapter, formula):
    assert formulas(chapter)[formula] == EVALUATED[chapter, formula][0]
    EVALUATED[chapter, formula][1](formula)


@pytest.mark.parametrize("formula", SHOWN, ids=lambda formula: formula[1][:20])
def test_what_shows_a_formula_is_a_test(formula):
    file, name = SHOWN[formula]
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    (test,) = (node for node in tree.body if getattr(node, "name", None) == name)
    assert any(
        isinstance(node, ast.Assert) or "assert_" in ast.dump(node) for node in ast.walk(test)
    )


def test_a_formula_is_read_as_it_is_written():
    assert evaluate(r"2ab - \frac12 c^{2}", a=2, b=3, c=4) == 12 - 8
    assert evaluate(r"\max(a, \lfloor b / 2 \rfloor) \le a", a=1, b=5) is False
    with pytest.raises(ValueError, match="cannot be read"):
        evaluate("a ? b", a=1, b=2)
