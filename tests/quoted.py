"""Every number that a page states, with the words around it: a digest of what was found right.

A number is a stored result's name, figures, or a word for one. Nothing can tell by itself whether a
sentence quotes the right result, or counts right; a reader can. ``python tests/quoted.py`` notes
what the pages say now: run it when you have read again what changed on them.
"""

import hashlib
import json
import re
from pathlib import Path

from prose import CHAPTERS

HERE = Path(__file__).with_name("quoted.json")
WORDS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred"
    " thousand million once twice thrice half third quarter fifth tenth hundredth none neither"
    " every never always all"
)
NUMBER = re.compile(rf"<[^>]*>|\d[\d,.]*\d|\d|\b(?:{WORDS.replace(' ', '|')})s?\b", re.IGNORECASE)
AROUND = 3  # words on either side


def page(path: Path) -> str:
    """Return a page's text up to its exercises on one line: no cells; quoted names in ``<>``."""
    text = path.read_text(encoding="utf-8").split("---\n", 2)[-1].split("## Exercises")[0]
    text = re.sub(r"^(`{3,})\{?(code-cell|console|bibtex).*?^\1$", "", text, flags=re.S | re.M)
    text = re.sub(r"\{glue:text\}`([^`]*)`", r"<\1>", text)
    text = re.sub(r"\]\([^)]*\)|https?://\S+|^\|[-| ]+\|$", "]", text, flags=re.M)
    return " ".join(text.split())


def numbers(path: Path) -> list[tuple[str, str, str]]:
    """List a page's numbers, each with some words before and after."""
    text = page(path)
    found = []
    for match in NUMBER.finditer(text):
        before = " ".join(text[: match.start()].split(" ")[-AROUND - 1 :])
        after = " ".join(text[match.end() :].split(" ")[: AROUND + 1])
        found.append((before, match[0], after))
    return found


def digest(path: Path) -> str:
    """Fingerprint of a page's numbers and the words around them, in their order."""
    return hashlib.sha256(repr(numbers(path)).encode()).hexdigest()[:16]


if __name__ == "__main__":
    pages = {path.stem: digest(path) for path in sorted(CHAPTERS.glob("*.md"))}
    HERE.write_text(json.dumps(pages, indent=1) + "\n", encoding="utf-8")
