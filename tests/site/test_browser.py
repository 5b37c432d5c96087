"""The built pages in a real browser, with every request to the outside refused."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

# What explorers.js and explorers.css take for granted of the sliders that the html-manager draws.
SELECTED = (
    ".widget-slider .noUi-handle[role=slider][aria-valuemin][aria-valuemax]",
    ".widget-slider .widget-readout",
    ".widget-slider .widget-label",
    ".widget-slider .slider-container",
    ".widget-slider .noUi-target",
    ".widget-html-content svg title",
)
WIDGETS = "embed.js"
# What became of the font of the formulas.
DRAWN = "[...document.fonts].find((font) => font.family.includes('STIX')).status"


# What an explorer shows, as soon as the moved handle says what its slider's readout says.
STATE = """([explorer, handle, index]) => {
    const readouts = [...explorer.querySelectorAll('.widget-readout')];
    const values = readouts.map((it) => it.textContent.trim());
    if (handle.getAttribute('aria-valuetext') !== values[index]) return null;
    const frames = [...explorer.querySelectorAll('svg')].filter((svg) => svg.checkVisibility());
    const titles = frames.flatMap((svg) => [...svg.querySelectorAll('title')]);
    const label = handle.getAttribute('aria-label');
    return {values, label, titles: titles.map((it) => it.textContent)};
}"""


def shown(explorer):
    """Return the title of the one frame that is to be seen."""
    titles = explorer.locator("svg:visible title").all_text_contents()
    assert len(titles) == 1
    return titles[0]


def names_all(title, values):
    """Tell whether a frame's title names the value of every slider, in order."""
    words = ".*?".join(rf"(?<![\w.]){re.escape(value)}(?![\w]|\.\d)" for value in values)
    return re.search(words, title, flags=re.IGNORECASE)


def test_every_slider_through_its_whole_range_by_keyboard(open_page, wake, explorer_page):
    page = open_page(explorer_page)
    wake(page)
    moved = 0
    for explorer in page.locator(".explorer").all():
        box = explorer.element_handle()
        handles = explorer.locator(".noUi-handle").all()
        for index, handle in enumerate(handles):
            what = [box, handle.element_handle(), index]
            low, high = (
                int(float(handle.get_attribute(f"aria-value{end}"))) for end in ("min", "max")
            )
            handle.focus()
            page.keyboard.press("Home")
            seen = []
            for position in range(high - low + 1):
                if position:
                    page.keyboard.press("ArrowRight")
                state = page.wait_for_function(STATE, arg=what).json_value()
                (title,) = state["titles"]
                assert names_all(title, state["values"]), state
                assert state["label"]
                seen.append(state["values"][index])
                moved += 1
            assert len(set(seen)) == high - low + 1
            page.keyboard.press("ArrowRight")  # the end is the end
            state = page.wait_for_function(STATE, arg=what).json_value()
            assert state["values"][index] == seen[-1]
            # Somewhere in the middle, for the sliders still to come.
            page.keyboard.press("Home")
            for _ in range((high - low) // 2):
                page.keyboard.press("ArrowRight")
    assert moved > 1


def test_handles_have_names_and_spoken_values(open_page, wake, explorer_page):
    page = open_page(explorer_page)
    wake(page)
    for explorer in page.locator(".explorer").all():
        for handle, label in zip(
            explorer.locator(".noUi-handle").all(),
            explorer.locator(".widget-slider .widget-label").all_text_contents(),
            strict=True,
        ):
            assert handle.get_attribute("role") == "slider"
            assert handle.get_attribute("aria-label") == label.strip()
            assert handle.get_attribute("tabindex") == "0"
        handle.focus()
        before = shown(explorer)
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        spoken = explorer.locator("[aria-live=polite]")
        expect(spoken).to_have_text(shown(explorer))
        assert before


@pytest.mark.parametrize("selector", SELECTED)
def test_canary_the_sliders_are_made_of_what_our_script_looks_for(open_page, wake, selector):
    page = open_page("chapters/index.html")
    wake(page)
    assert page.locator(f".explorer {selector}").count(), (
        f"explorers.js looks for {selector!r}, as @jupyter-widgets/html-manager 1.0.14 draws it: "
        "what is it called now?"
    )


def test_the_widget_script_waits_for_the_reader(visit):
    visited = visit("chapters/index.html")
    visited.settle()
    page = visited.page
    assert not [url for url in visited.weights if WIDGETS in url]
    assert page.locator(".explorer-still svg:visible").count() == 1
    page.mouse.move(10, 10)
    page.mouse.move(40, 60)
    page.wait_for_selector(".explorer[data-alive]")
    assert [url for url in visited.weights if WIDGETS in url]
    visited.blameless()


def test_the_still_is_a_button_for_those_who_never_move_a_pointer(open_page):
    page = open_page("chapters/index.html")
    button = page.get_by_role("button", name="Start the sliders: window = k2")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".explorer[data-alive]")
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label == "window = k2"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_and_sliders_stand_out_in_light_and_dark(open_page, wake, scheme):
    page = open_page("chapters/index.html", color_scheme=scheme)
    wake(page)
    contrast = page.evaluate(
        """() => {
          const rgb = (css) => css.match(/[\\d.]+/g).slice(0, 3).map(Number);
          const light = (c) => rgb(c).map((v) => (v /= 255) <= 0.03928 ? v / 12.92
              : ((v + 0.055) / 1.055) ** 2.4)
              .reduce((a, v, i) => a + v * [0.2126, 0.7152, 0.0722][i], 0);
          const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
            return (x + 0.05) / (y + 0.05); };
          const behind = (node) => { for (; node; node = node.parentElement) {
              const c = getComputedStyle(node).backgroundColor;
              if (!/, 0\\)|transparent/.test(c)) return c; } return 'rgb(255,255,255)'; };
          const of = (sel, prop) => { const node = document.querySelector(sel);
            return ratio(getComputedStyle(node)[prop], behind(node.parentElement)); };
          return { label: of('.explorer .widget-label', 'color'),
            frame: of('.explorer .widget-html-content svg', 'fill'),
            handle: of('.explorer .noUi-handle', 'backgroundColor') };
        }"""
    )
    assert contrast["label"] >= 4.5
    assert contrast["frame"] >= 4.5
    assert contrast["handle"] >= 3


def test_the_address_of_the_book_leads_to_its_first_page(visit, address):
    visited = visit("index.html")
    visited.page.wait_for_url(f"{address}/chapters/index.html")
    visited.settle()
    visited.blameless()


def test_words_need_no_script(open_page):
    page = open_page("chapters/windowing.html", java_script_enabled=False)
    assert page.get_by_text("A network reads sequences of 20 numbers").is_visible()
    assert page.locator(".explorer-still svg").first.is_visible()


def test_pages_work_from_disk(open_page, settle, wake, book):
    page = open_page("chapters/index.html", base=book.html.as_uri())
    wake(page)
    explorer = page.locator(".explorer")
    explorer.locator(".noUi-handle").first.focus()
    page.keyboard.press("End")
    assert shown(explorer).startswith("Windows of 16, stride 4")
    page = open_page("chapters/windowing.html", base=book.html.as_uri())
    settle(page)
    assert page.evaluate(DRAWN) == "loaded"
    wake(page)


def test_formulas_need_no_script_and_are_drawn_with_the_books_own_font(open_page, settle):
    page = open_page("chapters/windowing.html")
    settle(page)
    assert page.evaluate(DRAWN) == "loaded"
    page = open_page("chapters/windowing.html", java_script_enabled=False)
    fraction = page.locator("div.math mfrac").first
    above, below = (fraction.locator("> *").nth(place).bounding_box() for place in (0, 1))
    assert above["y"] + above["height"] <= below["y"]


def test_solutions_are_folded_and_open(open_page):
    page = open_page("chapters/windowing.html")
    hidden = page.get_by_text("Only the first window contains the first step")
    assert not hidden.is_visible()
    page.locator(".solution.dropdown > .admonition-title").nth(1).click()
    hidden.wait_for(state="visible")


@pytest.mark.parametrize("name", ["bptt", "choosing"])  # with numbers and without
def test_formulas_stand_in_the_middle_and_numbers_at_the_right(open_page, settle, name):
    page = open_page(f"chapters/{name}.html")
    settle(page)
    boxes = page.evaluate(
        """() => [...document.querySelectorAll('div.math')].map((box) => {
            const drawn = new Range();
            drawn.selectNodeContents(box.querySelector('math'));
            return [box, drawn, box.querySelector('.eqno')].map((it) => {
                if (!it) return null;
                const { left, right } = it.getBoundingClientRect();
                return [left, right]; });
        })"""
    )
    assert boxes
    for (left, right), (begin, end), number in boxes:
        last = number[0] if number else right
        assert abs((begin - left) - (last - end)) < 16
        if number:
            assert right - number[1] < 16


def test_a_formula_wider_than_a_phone_is_scrolled_to_its_end(open_page, settle):
    page = open_page("chapters/windowing.html", viewport={"width": 240, "height": 740})
    settle(page)
    box = page.locator("div.math").last
    hidden, begin = box.evaluate(
        "box => [box.scrollWidth - box.clientWidth,"
        " box.querySelector('mrow, mtext, mi').getBoundingClientRect().left]"
    )
    assert hidden > 0
    assert begin >= 0
