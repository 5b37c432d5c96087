"""Every page as axe-core sees it, and as a keyboard does."""

import pytest

pytestmark = pytest.mark.browser


def wake(page):
    """Bring the sliders, so that what they are made of is looked at too."""
    if not page.locator(".explorer").count():
        return
    page.mouse.move(10, 10)
    page.mouse.move(40, 60)
    for explorer in page.locator(".explorer").all():
        explorer.scroll_into_view_if_needed()
    page.wait_for_function(
        "document.querySelectorAll('.explorer:not([data-alive])').length === 0", timeout=30_000
    )


@pytest.fixture(scope="session")
def axe(book):
    """Return a function that lists what axe-core finds wrong in a page."""
    source = (book.npm / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

    def look(page):
        page.evaluate(source)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert len(found["passes"]) > 10  # it has looked
        return [
            f"{rule['id']}: {node['html'][:200]}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    return look


# A phone in the light and a screen in the dark: both sizes and both schemes of every page.
@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1000)])
def test_axe_finds_nothing_wrong(open_page, axe, every_page, scheme, width):
    page = open_page(every_page, color_scheme=scheme, viewport={"width": width, "height": 900})
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    wake(page)
    assert axe(page) == []


@pytest.mark.parametrize(("scheme", "width"), [("dark", 360), ("light", 1000)])
def test_the_front_page_in_the_other_two(open_page, axe, scheme, width):
    page = open_page(
        "chapters/index.html", color_scheme=scheme, viewport={"width": width, "height": 900}
    )
    wake(page)
    assert axe(page) == []


def test_axe_would_say_so(open_page, axe):
    page = open_page("chapters/index.html")
    page.evaluate("document.querySelector('h1').innerHTML = '<img src=\"\">'")
    assert any(found.startswith("image-alt") for found in axe(page))


def test_the_first_tab_offers_the_way_past_the_menus(open_page):
    page = open_page("chapters/windowing.html")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to main content")
    assert skip.evaluate("link => link === document.activeElement")
    skip.press("Enter")
    assert page.evaluate("location.hash") == "#main-content"


def test_focus_is_seen_wherever_it_goes(open_page):
    page = open_page("chapters/windowing.html")
    page.wait_for_load_state("networkidle")
    stops = 0
    for _ in range(40):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => { const it = document.activeElement, style = getComputedStyle(it);
              return [it.outerHTML.slice(0, 120), style.outlineStyle, style.boxShadow,
                      it.getClientRects().length > 0]; }"""
        )
        if seen[0].startswith("<body"):
            break
        stops += 1
        assert seen[3], f"focus went where nothing is: {seen[0]}"
        assert seen[1] != "none" or seen[2] != "none", f"no ring around {seen[0]}"
    assert stops >= 30


def test_solutions_and_menus_open_from_the_keyboard(open_page):
    page = open_page("chapters/windowing.html")
    hidden = page.get_by_text("Only the first window contains the first step")
    assert not hidden.is_visible()
    button = page.locator(".solution.dropdown .toggle-button").nth(1)
    button.focus()
    page.keyboard.press("Enter")
    hidden.wait_for(state="visible")
    menu = page.get_by_role("button", name="Download")
    menu.focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Notebook (.ipynb)").wait_for(state="visible")


def test_nothing_moves_for_those_who_asked_for_that(open_page):
    page = open_page("chapters/windowing.html", reduced_motion="reduce")
    moving = page.evaluate(
        """() => [...document.querySelectorAll('*')].filter((it) => {
          const { animationName, transitionDuration, scrollBehavior } = getComputedStyle(it);
          return animationName !== 'none' || parseFloat(transitionDuration) > 0
            || scrollBehavior === 'smooth'; }).map((it) => it.outerHTML.slice(0, 80))"""
    )
    assert moving == []


def test_a_box_that_scrolls_is_reached_and_one_that_does_not_is_not(open_page):
    name = "chapters/dynamic-rnn.html"
    for width in (360, 1400):
        page = open_page(name, viewport={"width": width, "height": 800})
        page.wait_for_load_state("networkidle")
        wrong = page.locator(".pst-scrollable-table-container").evaluate_all(
            "boxes => boxes.filter(box => (box.scrollWidth > box.clientWidth)"
            " !== (box.tabIndex === 0)).length"
        )
        assert wrong == 0
    page = open_page(name, viewport={"width": 360, "height": 800})
    page.wait_for_load_state("networkidle")
    assert page.locator(".pst-scrollable-table-container[tabindex='0']").count() >= 1
