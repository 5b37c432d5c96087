"""Every claim that a page states, with the words around it: a digest of what was found right.

A claim is a stored result's name, code, a formula, figures, a word for a number, or one that a
planted error turned round: a direction, a kind, a library. Nothing can tell by itself whether a
sentence quotes the right result, or says "more" where it is less; a reader can.
``python tests/quoted.py`` notes what the pages say now: run it when you have read again what
changed on them.
"""

import hashlib
import json
import re
from pathlib import Path

from prose import CHAPTERS

# What an author entered by hand, and no run can make again.
ENTERED = CHAPTERS.parent / "data/elsewhere.csv"
READ = [*sorted(CHAPTERS.glob("*.md")), ENTERED]
HERE = Path(__file__).with_name("quoted.json")
WORDS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred"
    " thousand million once twice thrice half third quarter fifth tenth hundredth none neither"
    " every never always all only not no nor nothing nobody nowhere without cannot any each both"
    " more less fewer most least larger smaller largest smallest longer shorter higher lower better"
    " worse best worst faster slower above below before after first last earlier later upper rise"
    " fall grow shrink newer older same other left right forward backward"
    " true epochwise truncated stateful stateless carried reset zero"
    " keras pytorch tensorflow jax onnx rnn lstm gru uoro pes nres rtrl h c"
)
# A string may hold what is printed beside a result, a comment what is claimed of a line.
IN_CODE = re.compile(r"""f?"[^"\n]*"|#.*""")
CLAIM = re.compile(
    rf"<[^>]*>|`[^`]*`|\$[^$]+\$|\d[\d,.]*\d|\d|\b(?:{WORDS.replace(' ', '|')})s?\b", re.IGNORECASE
)
AROUND = 3  # words on either side


def seen(cell: re.Match[str]) -> str:
    """Return what is said in a cell that is shown."""
    return "" if "remove-cell" in cell[0] else " ".join(IN_CODE.findall(cell[0]))


def page(path: Path) -> str:
    """Return a page's text on one line, its exercises with it; quoted names in ``<>``.

    Of cells there are the strings and comments that a reader sees.
    """
    text = path.read_text(encoding="utf-8").split("---\n", 2)[-1]
    text = re.sub(r"^(`{3,})\{?(code-cell|console|bibtex).*?^\1$", seen, text, flags=re.S | re.M)
    text = re.sub(r"\{glue:text\}`([^`]*)`", r"<\1>", text)
    text = re.sub(r"\]\([^)]*\)|https?://\S+|^\|[-| ]+\|$", "]", text, flags=re.M)
    return " ".join(text.split())


def claims(path: Path) -> list[tuple[str, str, str]]:
    """List a page's claims, each with some words before and after."""
    text = page(path)
    found = []
    for match in CLAIM.finditer(text):
        before = " ".join(text[: match.start()].split(" ")[-AROUND - 1 :])
        after = " ".join(text[match.end() :].split(" ")[: AROUND + 1])
        found.append((before, match[0], after))
    return found


def digest(path: Path) -> str:
    """Fingerprint of a page's claims and the words around them, in their order; or of a table."""
    if path.suffix == ".csv":
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return hashlib.sha256(repr(claims(path)).encode()).hexdigest()[:16]


if __name__ == "__main__":
    pages = {path.stem: digest(path) for path in READ}
    HERE.write_text(json.dumps(pages, indent=1) + "\n", encoding="utf-8")
