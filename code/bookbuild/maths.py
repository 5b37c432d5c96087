"""Set the formulas when the book is built: from TeX to MathML, which browsers draw themselves.

A page brings no script for it, and a screen reader meets the formula itself, not a drawing of it.
"""

from __future__ import annotations

import re
from html import escape

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator

_LOG = logging.getLogger(__name__)
_CONVERTER = LatexToMathML(fancy_error=False)
# The environments in which LaTeX counts equations; here Sphinx does.
_COUNTING = re.compile(r"\\(begin|end)\{(equation|align|gather|multline)\}")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the renderer; ``html_math_renderer`` chooses it."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def mathml(tex: str, *, block: bool) -> str:
    r"""Translate a formula.

    Parameters
    ----------
    tex : str
        TeX as it stands in a chapter, without dollars. Lines that end with ``\\`` need no
        environment around them, as elsewhere in Sphinx.
    block : bool
        Whether the formula stands on a line of its own.

    Returns
    -------
    str
        A ``math`` element.

    Raises
    ------
    math_core.LatexError
        If it is no TeX, or has a command that MathML cannot say.
    """
    tex = _COUNTING.sub(r"\\\1{\2*}", tex)
    if block and r"\\" in tex and r"\begin" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    return _CONVERTER.convert_with_local_state(tex, displaystyle=block)


def _inline(writer: HTML5Translator, node: nodes.math) -> None:
    writer.body.append(_set(node, block=False))
    raise nodes.SkipNode


def _block(writer: HTML5Translator, node: nodes.math_block) -> None:
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    writer.body.append(_set(node, block=True))
    if node["number"]:
        writer.body.append(f'<span class="eqno">({get_node_equation_number(writer, node)})')
        writer.add_permalink_ref(node, "Link to this equation")
        writer.body.append("</span>")
    writer.body.append("</div>\n")
    raise nodes.SkipNode


def _set(node: nodes.math | nodes.math_block, *, block: bool) -> str:
    try:
        return mathml(node.astext(), block=block)
    except LatexError as error:
        # A warning fails the build, and names the chapter and the line.
        _LOG.warning("%s In the formula: %s", error, node.astext(), location=node)
        return f"<code>{escape(node.astext())}</code>"
