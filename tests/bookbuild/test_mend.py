from bookbuild.mend import corrected, needed


def test_tables_of_pandas_become_tables():
    page = (
        "<div><style scoped>td {}</style><table border='1' class='dataframe'>"
        "<thead><tr><th></th><th halign='left' colspan='2'>a</th></tr></thead>"
        "<tbody><tr><th rowspan='2' valign='top'>x</th><td>1</td></tr>"
        "<tr><th>y</th><td>2</td></tr></tbody></table></div>"
    )
    assert corrected(page) == (
        '<div><table class="dataframe">'
        '<thead><tr><td></td><th colspan="2" scope="colgroup">a</th></tr></thead>'
        '<tbody><tr><th rowspan="2" scope="rowgroup">x</th><td>1</td></tr>'
        '<tr><th scope="row">y</th><td>2</td></tr></tbody></table></div>'
    )


def test_what_is_right_stays_as_it_is_and_mending_twice_is_mending_once():
    page = (
        '<html lang="en"><head><script src="a.js"></script></head><body>'
        '<svg viewBox="0 0 1 1" role="img"><title>a &lt; b — “c”</title><path d="M0 0h1"></path>'
        "</svg><details><summary aria-label='Toggle'><p>Show</p></summary></details>"
        "<button>x</button><pre>a\n  b</pre></body></html>"
    )
    once = corrected(page)
    assert corrected(once) == once
    assert 'viewBox="0 0 1 1"' in once
    assert "a &lt; b — “c”" in once
    assert "<summary><span>Show</span></summary>" in once
    assert '<button type="button">' in once
    assert '<script src="a.js" defer></script>' in once
    assert "a\n  b" in once


def test_a_page_loads_what_it_has_a_use_for():
    assert needed("copybutton.js", '<div class="highlight">')
    assert not needed("copybutton.js", "<p>highlight</p>")
    assert needed("basic.css", "")


def test_references_of_two_docstrings_are_told_apart():
    one = (
        '<p><a class="reference internal" href="#r{0}-1" id="id1">[R{0}-1]</a></p>'
        '<div id="r{0}-1"><a role="doc-backlink" href="#id1">R{0}-1</a></div>'
    )
    page = corrected(one.format("5817d380ee2b") + one.format("f5eef3ba96fa"))
    assert page.count(">[1]</a>") == page.count(">1</a>") == 2
    assert page.count('id="id1"') == page.count('id="id1-2"') == 1
    assert page.index('href="#id1"') < page.index('href="#id1-2"')
    assert corrected(page) == page


def test_a_fold_without_words_is_named_after_what_it_folds():
    fold = "<details><summary><i></i></summary></details>"
    page = f"<ul><li class='has-children'><a href='#'>Package</a>{fold}</li></ul>"
    assert '<summary aria-label="Pages below: Package">' in corrected(page)
