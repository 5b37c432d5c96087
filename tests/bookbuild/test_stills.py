import json

import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.utils import new_document

from bookbuild import stills
from tbptt.picture import one_picture
from truncated_time.explorers import explore


def page_with(box):
    document = new_document("page.md")
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    text = f'<script type="{stills._VIEW}">{json.dumps(view)}</script>'
    document += nodes.raw("", text, format="html")
    return document


@pytest.fixture
def box():
    return explore(
        one_picture,
        window=range(1, 4),
        stride=range(1, 4),
        labels={"window": "a < b"},
        start={"window": 3, "stride": 2},
    )


def test_the_still_is_the_frame_at_which_the_explorer_starts(box):
    document = page_with(box)
    assert stills.present(document)
    stills.add(document, type(box).get_manager_state()["state"])
    html = document.astext()
    assert one_picture(3, 2) in html
    assert html.count("<svg") == 1
    button = BeautifulSoup(html, "html.parser").button
    assert list(button.stripped_strings) == ["Start the sliders:", "a < b", "3", "stride", "2"]
    assert html.index("explorer-still") < html.index(stills._VIEW)


def test_paper_has_the_frame_and_a_line_that_says_where_it_moves(box):
    document = page_with(box)
    (view,) = stills.views(document)
    stills.on_paper(view, type(box).get_manager_state()["state"], "on the page")
    html = document.astext()
    assert one_picture(3, 2) in html
    assert "script" not in html
    caption = BeautifulSoup(html, "html.parser").figcaption.get_text()
    assert caption == "a < b = 3, stride = 2. The sliders move on the page."


def test_a_view_without_state_would_never_come_alive(box):
    with pytest.raises(ValueError, match=r"has no state in page\.md"):
        stills.add(page_with(box), {})
