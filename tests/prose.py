"""What a chapter's prose says in numbers that no cell fills in."""

import re
from pathlib import Path

CHAPTERS = Path(__file__).parents[1] / "chapters"
_NUMBER = (
    r"(?:\d[\d,]*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|sixteen|twenty"
    r"|thirty|forty|fifty|(?:a )?(?:dozen|hundred|thousand|million)s?)"
)
# Shares, multiples, rates and precision in words; figures with a per cent sign; epochs. Halves of a
# thing that was cut in two, and "half way", are no measurements.
RATIOS = re.compile(
    rf"\b(?:twice|thrice|tenfold|(?<!first )(?<!second )(?<!lower )half(?! way)(?! learned)"
    rf"|(?:a|one|two|three) (?:quarter|fifth)s?|(?:a|one|two) third(?! post| part)s?"
    rf"|(?:tenth|hundredth|thousandth)s?|{_NUMBER}-fold"
    rf"|{_NUMBER} times|{_NUMBER} (?:\w+ )?in (?:ten|a hundred|a thousand|six|seven|32|{_NUMBER}00)"
    rf"|{_NUMBER} out of {_NUMBER}|\d+ of \d+|(?:two|three|nine) of (?:four|ten)"
    r"|same (?:six|eight|nine|ten) places"
    rf"|(?:six|seven|eight|nine|ten) digits|all {_NUMBER} networks"
    rf"|epochs? \d+(?: to \d+)?)\b|\b\d[\d,]* ?%",
    re.I,
)


def prose(chapter: str) -> str:
    """Return a chapter's text up to its exercises on one line, without cells, code and maths."""
    text = (CHAPTERS / f"{chapter}.md").read_text(encoding="utf-8").split("---\n", 2)[-1]
    text = text.split("## Exercises")[0]
    text = re.sub(r"^(`{3,})\{?(code-cell|console|bibtex).*?^\1$", "", text, flags=re.S | re.M)
    text = re.sub(r"\$\$.*?\$\$|\$[^$]*\$", "$", text, flags=re.S)
    text = re.sub(r"\{[\w:-]+\}`([^`<]*?)(?: ?<[^`]*>)?`",
                  lambda m: m[1] if m[0].startswith("{term}") else "#", text)  # fmt: skip
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return " ".join(text.replace("*", "").split())


def ratios(chapter: str) -> list[re.Match[str]]:
    """Find the shares, multiples and rates that a chapter's prose has in words."""
    return list(RATIOS.finditer(prose(chapter)))
