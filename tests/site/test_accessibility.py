"""Every page as axe-core sees it, and as a keyboard does."""

import pytest

pytestmark = pytest.mark.browser


def test_the_front_page_in_the_other_two(look):
    for scheme, width in (("dark", 360), ("light", 1000)):
        assert look("chapters/index.html", scheme, width).violations == []


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
    page.evaluate("document.fonts.ready.then(() => null)")
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
    name = "chapters/modern.html"
    for width in (360, 1400):
        page = open_page(name, viewport={"width": width, "height": 800})
        page.evaluate("document.fonts.ready.then(() => null)")
        wrong = page.locator(".pst-scrollable-table-container").evaluate_all(
            "boxes => boxes.filter(box => (box.scrollWidth > box.clientWidth)"
            " !== (box.tabIndex === 0)).length"
        )
        assert wrong == 0
    page = open_page(name, viewport={"width": 360, "height": 800})
    page.evaluate("document.fonts.ready.then(() => null)")
    assert page.locator(".pst-scrollable-table-container[tabindex='0']").count() >= 1
