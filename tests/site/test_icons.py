from fontTools.ttLib import TTFont

from bookbuild import icons


def test_the_font_holds_every_icon_in_use_and_few_others(book):
    (css,) = (book.html / "_static").glob("vendor/fontawesome/*/css/all.min.css")
    (font,) = (book.html / "_static").glob("vendor/fontawesome/*/webfonts/fa-solid-900.woff2")
    used = icons.codes_in_use(book.html, css)
    with TTFont(font) as drawn:
        held = set(drawn.getBestCmap())
    # Codes that only brand or regular fonts draw are in use somewhere and not in this one.
    named = {0xF0C9, 0xF002, 0xF042, 0xF0EB}  # menu, search, theme switch, the tip's lamp
    assert named <= used & held
    assert held <= used
    assert font.stat().st_size < 20_000
