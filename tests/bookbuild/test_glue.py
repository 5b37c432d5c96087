from unittest.mock import patch

import myst_nb

from truncated_time import notebook


def test_the_record_is_myst_nbs():
    with patch("truncated_time.notebook.display") as ours:
        notebook.glue(a=0.25, b="6/11")
    with patch("myst_nb.ext.glue.ipy_display") as theirs:
        myst_nb.glue("a", 0.25, display=False)
    (bundle,), options = theirs.call_args
    assert ours.call_args_list[0].args == (bundle,)
    assert ours.call_args_list[0].kwargs == options
    assert ours.call_args_list[1].args == ({"application/papermill.record/text/plain": "6/11"},)
