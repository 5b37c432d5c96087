"""A server for the built pages, and a browser in which they may ask nobody else."""

from __future__ import annotations

import functools
import gzip
import threading
import zlib
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).parents[2]
NAMES = sorted(f"{name}.html" for name in parse_toc_yaml(ROOT / "_toc.yml"))
EXPLORERS = [
    name
    for name in NAMES
    if "explore(" in (ROOT / name).with_suffix(".md").read_text(encoding="utf-8")
]
# Every page of the site, those to come included.
PAGES = [*NAMES, "404.html", "genindex.html", "index.html", "search.html"]


# Milliseconds that a browser is waited for: what is slow on a busy machine is no failure.
_PATIENCE = 120_000


def pytest_generate_tests(metafunc):
    """Run a test that asks for `every_page`, or for each `explorer_page`, once for each.

    All that is asked of every page is asked in one process, which has loaded it.
    """
    if "explorer_page" in metafunc.fixturenames:
        metafunc.parametrize("explorer_page", EXPLORERS)
    if "every_page" in metafunc.fixturenames:
        pages = [name for name in PAGES if name != "index.html"]  # it only leads on
        metafunc.parametrize(
            "every_page",
            [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in pages],
        )


@pytest.hookimpl(tryfirst=True)  # before marked tests are left out
def pytest_collection_modifyitems(items):
    """Leave the second look at pages without explorers, which share their styles, to the audit."""
    for item in items:
        asked = getattr(getattr(item, "callspec", None), "params", {})
        plain = asked.get("every_page") in NAMES and asked["every_page"] not in EXPLORERS
        if plain and asked.get("scheme") == "dark":
            item.add_marker(pytest.mark.audit)


class Pages(SimpleHTTPRequestHandler):
    """Serve files as GitHub Pages does: compressed, kept for ten minutes, with an ETag."""

    protocol_version = "HTTP/1.1"
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".woff2": "font/woff2",
    }

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        found = path.is_file()
        path = path if found else Path(self.directory) / "404.html"
        body, kind = path.read_bytes(), self.guess_type(path)
        tag = f'"{zlib.crc32(body):x}"'
        known = self.headers.get("If-None-Match") == tag
        self.send_response(304 if known else 200 if found else 404)
        if kind.startswith(("text/", "application/j", "application/xml", "image/svg")):
            kind += "; charset=utf-8"
            body = gzip.compress(body, 6)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Vary", "Accept-Encoding")
        self.send_header("Cache-Control", "max-age=600")
        self.send_header("ETag", tag)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", "0" if known else str(len(body)))
        self.end_headers()
        if not known:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    """With room for all that several pages ask for at once: a connection turned away comes late."""

    request_queue_size = 128


@pytest.fixture(scope="session")
def address(book):
    """Serve the built pages; return the server's address."""
    handler = functools.partial(Pages, directory=str(book.html))
    with Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Visit:
    """A page in a browser that asks nobody but the site, and what happened meanwhile.

    Attributes
    ----------
    page : Page
        Playwright's page.
    refused : list of str
        Addresses outside the site that the page asked for.
    errors : list of str
        What the page's scripts raised or logged as an error.
    weights : dict of str to int
        Bytes of every file that the page loaded, gzipped, by address.
    """

    def __init__(self, browser, address, name, *, alter=None, **options):
        self.refused, self.errors, self.weights = [], [], {}
        size = {"viewport": {"width": 1000, "height": 900}}
        self.context = browser.new_context(**(size | options))
        self._address, self._start, self._alter = address, f"{address}/{name}", alter
        self.context.set_default_timeout(_PATIENCE)
        self.context.route("**/*", self._route)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda it: it.type == "error" and self.errors.append(it.text))
        self.page.on("response", self._weigh)
        self.page.goto(self._start)

    def _route(self, route):
        address = route.request.url
        if not address.startswith((self._address, "data:", "blob:", "file:")):
            self.refused.append(address)
            route.abort()
        elif self._alter and address == self._start:
            served = route.fetch()
            route.fulfill(response=served, body=self._alter(served.text()))
        else:
            route.continue_()

    def _weigh(self, response):
        if response.ok and response.url.startswith(self._address):
            self.weights[response.url] = len(gzip.compress(response.body(), 6))

    def settle(self):
        """Wait until everything that the page loads by itself is there, fonts included."""
        _settle(self.page)

    def blameless(self):
        """Assert that the page asked for nothing outside, and that no script failed."""
        assert self.refused == [], "the page asked for something outside the site"
        assert self.errors == []


@pytest.fixture
def visit(browser, address):
    """Return a function that opens a page by name; what happened there is not yet judged."""
    visits = []

    def go(name, base=address, **options):
        visits.append(Visit(browser, base, name, **options))
        return visits[-1]

    yield go
    for one in visits:
        one.context.close()


@pytest.fixture
def open_page(visit):
    """Open a page by name; every request to anywhere else is refused, and fails the test."""
    visits = []

    def open_it(name, **options):
        visits.append(visit(name, **options))
        return visits[-1].page

    yield open_it
    for one in visits:
        one.blameless()


def _settle(page):
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready.then(() => null)")


@pytest.fixture(scope="session")
def settle():
    """Return a function that waits until everything that a page loads by itself is there."""
    return _settle


def _wake(page):
    if not page.locator(".explorer").count():
        return
    page.mouse.move(10, 10)
    page.mouse.move(40, 60)
    for explorer in page.locator(".explorer").all():
        explorer.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelectorAll('.explorer:not([data-alive])').length === 0")


@pytest.fixture(scope="session")
def wake():
    """Return a function that does what a reader does before touching a slider: move, scroll."""
    return _wake


class Look(NamedTuple):
    """What one look at a page found; a page is loaded once for everything that is asked of it."""

    theme: str
    weights: dict[str, int]  # before a slider was touched
    stills: list[list[float]]  # left, top, width and height of the explorers' stills
    frames: list[list[float]]  # and of the frames that took their place
    scroll_width: int
    violations: list[str]  # what axe-core says
    visit: Visit


WHERE = """nodes => nodes.map(node => {
    const box = node.getBoundingClientRect();
    return [box.left, box.top + scrollY, box.width, box.height] })"""


@pytest.fixture(scope="session")
def axe(book):
    """Return a function that lists what axe-core finds wrong in a page."""
    source = (book.npm / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

    def violations(page):
        page.evaluate(source)
        told = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert len(told["passes"]) > 10  # it has looked
        return [
            f"{rule['id']}: {node['html'][:200]}"
            for rule in told["violations"]
            for node in rule["nodes"]
        ]

    return violations


@pytest.fixture(scope="session")
def look(browser, address, axe):
    """Return a function that looks at a page once, in one scheme and width, and remembers."""

    @functools.cache
    def at(name, scheme, width):
        visit = Visit(
            browser, address, name, color_scheme=scheme, viewport={"width": width, "height": 900}
        )
        visit.settle()
        page = visit.page
        weights = dict(visit.weights)
        stills = page.locator(".explorer svg:visible").evaluate_all(WHERE)
        _wake(page)
        seen = Look(
            page.evaluate("document.documentElement.dataset.theme"),
            weights,
            stills,
            page.locator(".explorer svg:visible").evaluate_all(WHERE),
            page.evaluate("document.documentElement.scrollWidth"),
            axe(page),
            visit,
        )
        visit.context.close()
        return seen

    return at


@pytest.fixture(scope="session")
def page_names():
    """Return the names of all pages."""
    return PAGES
