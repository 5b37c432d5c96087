"""Formulas become MathML when the book is built, or the build says where one is that cannot."""

import pytest
from math_core import LatexError

from bookbuild.maths import mathml


def test_a_formula_in_a_line_and_one_by_itself():
    assert mathml("h_t", block=False) == "<math><msub><mi>h</mi><mi>t</mi></msub></math>"
    assert mathml("h_t", block=True).startswith('<math display="block">')


@pytest.mark.parametrize(
    "tex", [r"a &= b \\ c &= d", r"\begin{align} a &= b \\ c &= d \end{align}"]
)
def test_lines_are_aligned_and_not_counted(tex):
    made = mathml(tex, block=True)
    assert made.count("<mtr>") == 2
    assert "(1)" not in made  # Sphinx counts


@pytest.mark.parametrize("tex", [r"\frac{a}", r"\no{a}", "a_{b", "a & b"])
def test_what_is_no_formula_is_refused(tex):
    with pytest.raises(LatexError):
        mathml(tex, block=False)
