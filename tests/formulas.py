"""Read a formula out of a chapter's prose, and evaluate it as it stands there."""

import math
import re
from collections import Counter
from pathlib import Path

CHAPTERS = Path(__file__).parents[1] / "chapters"
_RELATION = re.compile(r"[-+/^<=]|\\(?:le|ge|frac|tfrac|sum|min|max|cdot|odot|begin)\b")
_NAME = r"[A-Za-z](?:_\{?\\text\{\w+\}\}?|_\{\w+\}|_\w)?|\\(?:pi|ell|beta|lambda)\b"
_TOKEN = re.compile(
    rf"\s*(?:(\d+(?:\.\d+)?)|(\\(?:min|max|ln|floor|ceil)\b)|({_NAME})|(\*\*|<=|[-+*/(),<=])|(.))"
)
_FUNCTIONS = {
    "min": min, "max": max, "ln": math.log, "floor": math.floor, "ceil": math.ceil,
}  # fmt: skip


def formulas(chapter: str) -> Counter[str]:
    """Count a chapter's formulas that relate something, up to its exercises, by their text."""
    text = (CHAPTERS / f"{chapter}.md").read_text(encoding="utf-8").split("---\n", 2)[-1]
    text = text.split("## Exercises")[0]
    text = re.sub(r"^(`{3,})\{?(code-cell|console|bibtex).*?^\1$", "", text, flags=re.S | re.M)
    text = re.sub(r"(?<!`)`[^`\n]+`(?!`)", "", text)
    both = re.findall(r"\$\$(.*?)\$\$|\$([^$]+)\$", text, flags=re.S)
    written = (" ".join((display or inline).split()) for display, inline in both)
    return Counter(formula for formula in written if _RELATION.search(formula))


def evaluate(formula: str, **values: float) -> float | bool:
    r"""Work out a formula as it is written, the names in it being `values`.

    Names lose what Python cannot spell: ``i_\text{first}`` is ``i_first``, ``\ell`` is ``ell``.

    Raises
    ------
    ValueError
        If something in it cannot be read.
    """
    plain = re.sub(r"\\(?:[,;!. ]|left|right|[bB]igg?[lr])|[.,]\s*$", " ", formula)
    for opening, closing, name in (("lfloor", "rfloor", "floor"), ("lceil", "rceil", "ceil")):
        plain = plain.replace(rf"\{opening}", rf"\{name}(").replace(rf"\{closing}", ")")
    plain = plain.replace(r"\cdot", "*").replace(r"\le ", "<= ")
    plain = re.sub(r"\\ln\s*([A-Za-z])", r"\\ln(\1)", plain)
    part = r"\{([^{}]*)\}"
    plain = re.sub(rf"\^{part}", r"**(\1)", plain).replace("^", "**")
    plain = re.sub(rf"\\t?frac\s*{part}\s*{part}", r"((\1)/(\2))", plain)
    plain = re.sub(r"\\t?frac\s*(\w)\s*(\w)", r"((\1)/(\2))", plain)
    words, before = [], ""
    for number, function, name, sign, other in _TOKEN.findall(plain):
        if other.strip():
            raise ValueError(f"{other!r} cannot be read in {formula!r}.")
        if number or name or function or sign == "(":
            if before in ("value", ")"):
                words.append("*")
            spelt = re.sub(r"\\text|[\\{}]", "", name)
            words.append(number or spelt or function[1:] or sign)
            before = "value" if number or name else "("
        elif sign:
            words.append("==" if sign == "=" else sign)
            before = sign
    return eval("".join(words), {"__builtins__": {}}, _FUNCTIONS | values)
