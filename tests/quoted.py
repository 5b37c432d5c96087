"""Every sentence and every table of results, as somebody last read it next to what bears it out.

Nothing can tell by itself whether a sentence quotes the right result, or says "more" where it is
less, "divide" where one multiplies; a reader can. ``python tests/quoted.py`` prints the sentences
that have changed since, and notes what the pages say now: read each of them again.
"""

import hashlib
import json
import re
from difflib import SequenceMatcher
from pathlib import Path

from prose import CHAPTERS

# What an author entered by hand, and no run can make again.
ENTERED = CHAPTERS.parent / "data/elsewhere.csv"
# What a page prints comes out of these; what the builder measures of the chapters moves each time.
RESULTS = [
    path
    for path in sorted(CHAPTERS.parent.glob("data/results/*/results.csv"))
    if path.parent.name != "chapters"
]
READ = [*sorted(CHAPTERS.rglob("*.md")), ENTERED, *RESULTS]
HERE = Path(__file__).with_name("quoted.json")
# A string may hold what is printed beside a result, a comment what is claimed of a line.
IN_CODE = re.compile(r"""f?"[^"\n]*"|#.*""")
END = re.compile(r"(?<=[.!?:;])\s+(?=\S)")


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


def sentences(path: Path) -> list[str]:
    """List what a page says, part by part; or the lines of a table; results are one part."""
    if path in RESULTS:
        made = hashlib.sha256(path.read_bytes()).hexdigest()
        return [f"results {made[:16]}: read what the pages say of {path.parent.name}"]
    if path.suffix == ".csv":
        return path.read_text(encoding="utf-8").splitlines()
    return END.split(page(path))


def key(path: Path) -> str:
    """Name a page, or a table, by its place in the book."""
    return path.relative_to(CHAPTERS.parent).as_posix()


def marks(path: Path) -> list[str]:
    """Return a short fingerprint of each sentence, in their order."""
    return [hashlib.sha256(said.encode()).hexdigest()[:6] for said in sentences(path)]


def unread(path: Path, read: str) -> list[str]:
    """List the sentences that are not those that were found right, where they stand.

    One that went, or that stands elsewhere now, is seen by the sentences that follow it.
    """
    known, new = read.split(), marks(path)
    said = [*sentences(path), "(the end)"]
    matches = SequenceMatcher(None, known, new, autojunk=False).get_opcodes()
    return [
        sentence
        for kind, _, _, first, last in matches
        if kind != "equal"
        for sentence in said[first : max(last, first + 1)]
    ]


if __name__ == "__main__":
    pages = json.loads(HERE.read_text(encoding="utf-8")) if HERE.is_file() else {}
    for each in READ:
        for sentence in unread(each, pages.get(key(each), "")):
            print(f"{key(each)}: {sentence}")
    pages = {key(path): " ".join(marks(path)) for path in READ}
    HERE.write_text(json.dumps(pages, indent=1) + "\n", encoding="utf-8")
