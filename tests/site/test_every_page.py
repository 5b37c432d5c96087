"""What is asked of every page, in a browser: a phone in the light and a screen in the dark."""

import random

import pytest

pytestmark = pytest.mark.browser

LOOKS = pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1000)])
MOST = 250_000  # bytes, gzipped


def assert_light(weights):
    assert sum(weights.values()) <= MOST, sorted(weights.items(), key=lambda item: -item[1])[:5]


@LOOKS
def test_it_asks_nobody_else_and_its_scripts_hold(look, every_page, scheme, width):
    seen = look(every_page, scheme, width)
    seen.visit.blameless()
    assert seen.theme == scheme


@LOOKS
def test_axe_finds_nothing_wrong(look, every_page, scheme, width):
    assert look(every_page, scheme, width).violations == []


@LOOKS
def test_nothing_jumps_when_the_sliders_arrive(look, every_page, scheme, width):
    seen = look(every_page, scheme, width)
    assert len(seen.stills) == len(seen.frames)
    for still, frame in zip(seen.stills, seen.frames, strict=True):
        assert frame == pytest.approx(still, abs=2)


def test_it_is_no_wider_than_a_phone(look, every_page):
    assert look(every_page, "light", 360).scroll_width <= 360


def test_it_is_light_until_a_slider_is_touched(look, every_page):
    weights = look(every_page, "light", 360).weights
    print(f"{every_page}: {sum(weights.values()) / 1000:.0f} kB gzipped before a slider is touched")
    assert_light(weights)


FAULTS = {
    "asks elsewhere": ("<script>fetch('https://example.org/x')</script>", "outside the site"),
    "fails": ("<script>throw new Error('broken')</script>", "broken"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_script_that_asks_elsewhere_or_fails_is_seen(visit, fault):
    script, words = FAULTS[fault]
    visited = visit(
        "chapters/index.html", alter=lambda html: html.replace("</body>", f"{script}</body>")
    )
    visited.settle()
    with pytest.raises(AssertionError, match=words):
        visited.blameless()


def test_a_page_that_is_too_heavy_is_seen(visit):
    words = "".join(random.Random(0).choices("0123456789abcdef", k=600_000))
    visited = visit(
        "chapters/index.html",
        alter=lambda html: html.replace("</article>", f"<p hidden>{words}</p></article>"),
    )
    visited.settle()
    with pytest.raises(AssertionError, match=r"index\.html"):
        assert_light(visited.weights)
