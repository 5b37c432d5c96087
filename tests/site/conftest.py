"""A server for the built pages, and a browser that lets nothing out."""

from __future__ import annotations

import functools
import gzip
import threading
import zlib
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).parents[2]
NAMES = sorted(f"{name}.html" for name in parse_toc_yaml(ROOT / "_toc.yml"))
# Every page of the site, those to come included.
PAGES = [*NAMES, "404.html", "genindex.html", "index.html", "search.html"]
# One of each kind, for what takes ten seconds a page; `make audit` takes all.
SAMPLE = ["chapters/index.html", "chapters/windowing.html", "chapters/api/pytorch.html"]


def pytest_generate_tests(metafunc):
    """Run a test that asks for `every_page`, or for a `sample_page`, once for each."""
    if "every_page" in metafunc.fixturenames:
        metafunc.parametrize("every_page", PAGES)
    if "sample_page" in metafunc.fixturenames:
        metafunc.parametrize("sample_page", SAMPLE)


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


@pytest.fixture(scope="session")
def address(book):
    """Serve the built pages; return the server's address."""
    handler = functools.partial(Pages, directory=str(book.html))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def open_page(browser, address):
    """Open a page by name; every request to anywhere else is refused, and fails the test."""
    contexts, refused, errors, weights = [], [], [], {}

    def route(request):
        if request.request.url.startswith((address, "data:", "blob:", "file:")):
            request.continue_()
        else:
            refused.append(request.request.url)
            request.abort()

    def weigh(response):
        if response.ok and response.url.startswith(address):
            weights[response.url] = len(gzip.compress(response.body(), 6))

    def open_it(name, base=address, **options):
        context = browser.new_context(**({"viewport": {"width": 1000, "height": 900}} | options))
        contexts.append(context)
        context.route("**/*", route)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda it: it.type == "error" and errors.append(it.text))
        page.on("response", weigh)
        page.goto(f"{base}/{name}")
        page.weights = weights
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert refused == [], "the page asked for something outside the site"
    assert errors == []


@pytest.fixture(scope="session")
def page_names():
    """Return the names of all pages."""
    return PAGES
