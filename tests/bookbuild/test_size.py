"""The builder owes little: what a kept library does is not written again."""

import ast
import io
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[2]

SILENT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENCODING, tokenize.ENDMARKER,
}  # fmt: skip


def lines_of_code(source):
    """Count the lines that hold code: no comments, docstrings or empty lines."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = {
        line
        for token in tokens
        if token.type not in SILENT
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(source)):
        kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, kinds) and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def test_the_builder_is_small():
    files = sorted((ROOT / "code/bookbuild").glob("*.py"))
    counts = {file.name: lines_of_code(file.read_text(encoding="utf-8")) for file in files}
    assert sum(counts.values()) <= 1600, counts


def test_only_code_counts():
    assert lines_of_code('"""Words\n\nand more."""\n# a comment\n\nx = (1,\n     2)\n') == 2
