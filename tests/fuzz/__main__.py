"""Fuzz the library and count, as JSON: ``python -m fuzz --minutes 10``, in the folder tests."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter

from fuzz.search import search
from fuzz.targets import FLOORS, load, odd_values, targets


def main(arguments: list[str] | None = None) -> int:
    """Try every public function for its share of the time; 1 if something went wrong."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--floors", nargs="+", choices=sorted(FLOORS), default=["ground"])
    parser.add_argument("--only", default="", help="names that hold these letters")
    parser.add_argument("--minutes", type=float, default=1.0, help="in all")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    called = {}
    for floor in chosen.floors:
        load(floor)
        called |= {
            name: (function, odd_values(floor))
            for name, function in targets(floor).items()
            if chosen.only in name
        }
    each = 60 * chosen.minutes / max(len(called), 1)
    counts = []
    for name, (function, odd) in called.items():
        count = search(name, function, seconds=each, start=chosen.seed * 1_000_000, odd_values=odd)
        counts.append(count)
        print(f"{name}: {count.tried} {dict(count.kinds)}", file=sys.stderr, flush=True)
    total = sum((count.kinds for count in counts), Counter())
    wrong = [
        {"function": count.name, "what": key, "call": found.call, "why": found.why}
        for count in counts
        for key, found in sorted(count.found.items())
    ]
    report = {
        "tried": sum(count.tried for count in counts),
        "became": dict(total),
        "by function": {count.name: {"tried": count.tried, **count.kinds} for count in counts},
        "wrong": wrong,
    }
    print(json.dumps(report, indent=1))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
