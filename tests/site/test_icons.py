from fontTools.ttLib import TTFont

from bookbuild import icons


def test_the_fonts_hold_every_icon_in_use_and_few_others(book):
    (css,) = (book.html / "_static").glob("vendor/fontawesome/*/css/all.min.css")
    fonts = sorted((book.html / "_static").glob("vendor/fontawesome/*/webfonts/*.woff2"))
    used, held = icons.codes_in_use(book.html, css), set()
    for font in fonts:
        with TTFont(font) as drawn:
            held |= set(drawn.getBestCmap() or {})
    named = {0xF0C9, 0xF002, 0xF042, 0xF0EB}  # menu, search, theme switch, the tip's lamp
    assert named <= used & held
    assert held <= used
    assert sum(font.stat().st_size for font in fonts) < 20_000
