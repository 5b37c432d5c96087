"""What Binder would do, without its image: JupyterLab in a browser, with a live kernel."""

import os
import re
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
BIN = ROOT / "_build" / "binder" / "bin"
# One without a framework and one of each; `make audit` opens the others.
SAMPLE = ["index", "dynamic-rnn", "truncation"]
MEMORY = 1.5 * 2**30  # Binder promises between 1 and 2 GB
# All cells in the page at once, so that all can be looked at.
SETTINGS = '{"windowingMode": "none"}'

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lab(branch, tmp_path_factory):
    """Start JupyterLab on the branch of notebooks; return its address and its process."""
    assert (BIN / "jupyter").is_file(), "there is no environment of Binder's; run `make test`"
    home = tmp_path_factory.mktemp("home")
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    environment |= {"HOME": str(home), "JUPYTERLAB_SETTINGS_DIR": str(home / "settings")}
    subprocess.run([str(branch / "binder/postBuild")], cwd=branch, env=environment, check=True)
    settings = home / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text(SETTINGS)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        str(BIN / "jupyter"), "lab", "--no-browser", "--allow-root", "--expose-app-in-browser",
        f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=",
        f"--ServerApp.root_dir={branch}", "--LabApp.news_url=None", "--ServerApp.log_level=ERROR",
    ]  # fmt: skip
    server = psutil.Popen(command, env=environment, cwd=branch)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=5)
                break
            except OSError:
                time.sleep(0.1)
        yield address, server
    finally:
        for child in server.children(recursive=True):
            child.kill()
        server.kill()
        server.wait()


def peak(server):
    """Return the most memory that the one kernel has had, in bytes."""
    (kernel,) = (
        child
        for child in server.children(recursive=True)
        if "ipykernel" in " ".join(child.cmdline())
    )
    status = Path(f"/proc/{kernel.pid}/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1]) * 1024
    return kernel.memory_info().rss


def title(explorer):
    """Return the title of the one frame that is to be seen."""
    (text,) = explorer.locator("svg:visible title").all_text_contents()
    return text


def test_a_notebook_runs_in_jupyterlab_and_its_sliders_move(browser, lab, chapter):
    address, server = lab
    context = browser.new_context()
    page = context.new_page()
    try:
        raised = []
        page.on("pageerror", lambda error: raised.append(str(error)))
        started = time.monotonic()
        page.goto(f"{address}/lab/tree/chapters/{chapter}.ipynb?reset")
        page.wait_for_function(
            "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status"
            " === 'idle'",
            timeout=60_000,
        )
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        cells = page.evaluate(
            "[...window.jupyterapp.shell.currentWidget.content.model.cells]"
            ".map((cell) => cell.toJSON())"
        )
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        for cell in code:
            assert cell["execution_count"], cell["source"]
            for output in cell["outputs"]:
                assert output["output_type"] != "error", output
        ended = time.monotonic()
        memory = peak(server)
        print(f"{chapter}: {ended - started:.0f} s, {memory / 2**20:.0f} MiB")
        assert memory < MEMORY

        # Every explorer: the first handle from end to end, by keyboard.
        explorers = page.locator(".widget-vbox:has(> .widget-inline-hbox .noUi-handle)")
        made = (ROOT / f"chapters/{chapter}.md").read_text(encoding="utf-8").count("\nexplore(")
        assert explorers.count() == made
        for explorer in explorers.all():
            handle = explorer.locator(".noUi-handle").first
            handle.focus()
            page.keyboard.press("Home")
            page.wait_for_timeout(100)
            before = title(explorer)
            page.keyboard.press("End")
            page.wait_for_timeout(100)
            assert title(explorer) != before
        # Maths and boxes are rendered, and nothing of MyST's own is to be read.
        text = page.locator(".jp-Notebook").inner_text()
        assert not re.search(r"```\{|:::\{|\{(?:cite|ref|glue:text)\}`", text)
        assert raised == []
    finally:
        page.evaluate("window.jupyterapp?.serviceManager.sessions.shutdownAll()")
        context.close()
