"""The line under a chapter's title: how long it takes, and what the reader needs.

A chapter writes ``{needs}`` with what is needed; the minutes are counted when the page is read.
Ours: no extension counts code, or leaves exercises and solutions out.
"""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata
from sphinx_exercise.nodes import exercise_enumerable_node, exercise_node, solution_node

# For a reader new to the subject: prose by the word, code that is shown by the line, a pause to
# predict, a slider to move. Exercises are extra.
WORDS_PER_MINUTE, LINES_PER_MINUTE = 120, 10
MINUTES_TO_PREDICT, MINUTES_TO_EXPLORE = 1, 2
_EXTRA = (exercise_enumerable_node, exercise_node, solution_node)
_EXPLORER = "explore("
_NO_PROSE = (nodes.literal_block, nodes.math, nodes.math_block, nodes.raw)


class Minutes(nodes.inline):  # type: ignore[misc]
    """A place for the time that the page takes."""


class Needs(SphinxDirective):
    """One paragraph, which goes on after "You need"."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Put the time in front."""
        parsed = self.parse_content_to_nodes()
        if len(parsed) != 1 or not isinstance(parsed[0], nodes.paragraph):
            raise self.error("{needs} takes one paragraph: what the reader needs.")
        (line,) = parsed
        line["classes"].append("needs")
        line.insert(0, [Minutes(), nodes.Text(" You need ")])
        return [line]


def count(doctree: nodes.document) -> int:
    """Count the minutes that a page takes, by fives."""
    minutes = 0.0
    for node in _read(doctree):
        if isinstance(node, nodes.Text):
            minutes += len(node.astext().split()) / WORDS_PER_MINUTE
        elif isinstance(node, nodes.admonition):
            minutes += MINUTES_TO_PREDICT * node[0].astext().startswith("Predict")
        else:
            source = "".join(
                part.astext()
                for part in node.children
                if part.get("nb_element") == "cell_code_source"
            )
            minutes += MINUTES_TO_EXPLORE * (_EXPLORER in source)
            if "hide-input" not in node["cell_metadata"].get("tags", ()):
                minutes += len(source.splitlines()) / LINES_PER_MINUTE
    return max(5, 5 * round(minutes / 5))


def _read(node: nodes.Node) -> Iterator[nodes.Text | nodes.Element]:
    """Yield words, boxes and code cells, not what stands in exercises."""
    cell = isinstance(node, nodes.Element) and node.get("nb_element") == "cell_code"
    if cell or isinstance(node, nodes.Text | nodes.admonition):
        yield node
    if not cell and not isinstance(node, _EXTRA + _NO_PROSE):
        for child in node.children:
            yield from _read(child)


def _fill(app: Sphinx, doctree: nodes.document) -> None:
    for place in list(doctree.findall(Minutes)):
        place.replace_self(nodes.Text(f"About {count(doctree)} minutes."))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("needs", Needs)
    app.connect("doctree-read", _fill)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
