"""On paper: what a page prints. The whole book is in `test_paper`."""

import pytest

pytestmark = pytest.mark.browser


def test_a_page_prints_its_text_alone_and_whole(open_page, settle):
    page = open_page("chapters/windowing.html", color_scheme="dark")
    settle(page)
    page.emulate_media(media="print")
    for hidden in (".bd-sidebar-primary", ".bd-sidebar-secondary", ".bd-header-article"):
        assert not page.locator(hidden).is_visible(), hidden
    assert page.locator(".explorer-still svg").first.is_visible()
    assert page.get_by_text("Only the first window contains the first step").is_visible()
    cut = page.locator("article pre:visible").evaluate_all(
        "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth + 1).length"
    )
    assert cut == 0
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
