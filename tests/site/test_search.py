"""The search of the published pages, in a browser."""

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture
def results(open_page):
    """Return a function that types a question, and reads the results and what they quote."""
    page = open_page("search.html")

    def ask(words):
        field = page.locator("input[name=q]:visible").first
        field.fill(words)
        field.press("Enter")
        page.locator("#search-results p.context").first.wait_for()
        return page.locator("#search-results li").all_inner_texts()

    return page, ask


def test_a_question_finds_pages_and_quotes_them(results):
    page, ask = results
    assert ask("name tag")[0].startswith("Glossary")
    chapter = page.locator("#search-results li", has_text="A loss of zero")
    quoted = chapter.locator("p.context").first.inner_text()
    assert "tag" in quoted


def test_every_term_of_the_glossary_is_found_there(results):
    page, ask = results
    ask("reach")  # loads the index
    terms = page.evaluate(
        """async () => {
            const text = await (await fetch('chapters/glossary.html')).text();
            const glossary = new DOMParser().parseFromString(text, 'text/html');
            return [...glossary.querySelectorAll('dl.glossary dt')].map(
                term => [term.id, term.firstChild.textContent.trim()]);
        }"""
    )
    assert len(terms) > 40
    found = page.evaluate(
        """terms => terms.map(([_, term]) => Search._performSearch(
            ...Search._parseQuery(term)).reverse().map(([name, , anchor]) => name + anchor))""",
        terms,
    )
    for (anchor, term), places in zip(terms, found, strict=True):
        assert f"chapters/glossary#{anchor}" in places[:10] or (
            "chapters/glossary" in places[:3]
        ), (term, places[:5])


def test_names_and_messages_that_people_arrive_with_are_found(results):
    page, ask = results
    ask("reach")  # loads the index
    rows = page.evaluate(
        """async () => {
            const text = await (await fetch('chapters/lookup.html')).text();
            const lookup = new DOMParser().parseFromString(text, 'text/html');
            return [...lookup.querySelectorAll('article table tbody tr')].map(row => [
                row.cells[0].querySelector('code')
                    ? [...row.cells[0].querySelectorAll('code')].map(name => name.textContent
                        .replace(/^(\\w+)[(=].*$/, '$1'))
                    : row.cells[0].textContent.split(/, (?![^(]*\\))/),
                [...row.cells[2].querySelectorAll('a')].map(
                    link => link.getAttribute('href').replace(/[.]html.*/, ''))]);
        }"""
    )
    asked = [(name, links) for names, links in rows for name in names]
    assert len(asked) > 180
    found = page.evaluate(
        """names => names.map(name => Search._performSearch(...Search._parseQuery(name))
            .reverse().map(([page]) => page.replace('chapters/', '')))""",
        [name for name, _ in asked],
    )
    lost = [
        (name, links, pages[:10])
        for (name, links), pages in zip(asked, found, strict=True)
        if not {"lookup", *links} & set(pages[:5])
    ]
    assert lost == []
