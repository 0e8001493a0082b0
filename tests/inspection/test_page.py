"""The page as HTML: read back by a parser, opened by a browser."""

import base64
import html.parser
import io

import numpy as np
import pytest
from PIL import Image

from dlgn_tf.inspection import page as page_lib
from dlgn_tf.inspection import pictures


class Reader(html.parser.HTMLParser):
    """Elements with their attributes, the text, and unclosed tags."""

    _VOID = ("meta", "link", "img")

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def png():
    file = io.BytesIO()
    Image.fromarray(np.full((2, 5, 3), 7, np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def text(png):
    page = page_lib.Page("A <b>title</b>", "lead & more")
    page.section("First `code`")
    page.facts([("98.3 %", "right")])
    page.text("1 < 2", 'say "q > 0"')
    page.note("</p><script>alert(1)</script>")
    page.section("Second")
    page.heading("part")
    page.table(["a", "b"], [("`x`", 3), ("<i>", 0.25)], "said")
    page.picture(png, 'a "quoted" <caption>')
    return page.html()


def test_what_is_put_in_comes_out_as_text(text):
    read = Reader(text)
    assert read.open == []
    assert not read.all("script") and not read.all("b")[1:]
    shown = "".join(read.texts)
    for said in (
        "A <b>title</b>",
        "lead & more",
        "1 < 2",
        'say "q > 0"',
        "</p><script>alert(1)</script>",
        "<i>",
    ):
        assert said in shown
    assert len(read.all("code")) == 3


def test_table_of_contents(text):
    read = Reader(text)
    links = [each["href"] for each in read.all("a")]
    anchors = [f"#{each['id']}" for each in read.all("h2")]
    assert links == anchors and len(set(links)) == 2


def test_pictures_are_inside(text, png):
    (picture,) = Reader(text).all("img")
    start, _, encoded = picture["src"].partition(",")
    assert start == "data:image/png;base64"
    assert base64.b64decode(encoded) == png
    assert picture["alt"] == 'a "quoted" <caption>'


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (1797, 3, "1,797"),
        (0, 3, "0"),
        (0.0, 3, "0"),
        (0.03125, 3, "0.0312"),
        (-2.5, 3, "-2.5"),
        (999.7, 3, "1,000"),
        (12345.6, 3, "12,346"),
        (4.1e-7, 3, "4.10e-07"),
        (2.5e8, 3, "2.50e+08"),
        (12.4, 2, "12"),
        (99.6, 2, "100"),
        (123.4, 2, "123"),
    ],
)
def test_number(value, digits, shown):
    assert page_lib.number(value, digits) == shown


def test_opens_without_a_request_or_an_error(text, tmp_path, browser):
    seen = browser.open_page(text, tmp_path)
    assert seen == browser.Seen([], [5], [], False, [])


def test_the_browser_tells_a_page_that_is_not_whole(text, tmp_path, browser):
    broken = text.replace(
        "</main>",
        '<img src="https://example.org/x.png">'
        '<img src="data:image/png;base64,AAAA">'
        "<script>nothing.there</script></main>",
    )
    seen = browser.open_page(broken, tmp_path)
    assert seen.pictures == [5, 0, 0]
    assert any("example.org" in name for name in seen.requests)
    assert len(seen.failed) == 3 and seen.console


def test_squares_add_up(rng):
    """Each pixel is in one of them, where the last ones are cut off too."""
    values = rng.normal(size=(7, 5))
    squares = pictures.by_squares(values, 3)
    assert squares.shape == (3, 2)
    assert squares.sum() == pytest.approx(values.sum())
    assert squares[1, 0] == pytest.approx(values[3:6, :3].sum())
    assert squares[2, 1] == pytest.approx(values[6:, 3:].sum())
    drawn = pictures.explained(
        rng.uniform(size=(16, 16, 3)), rng.normal(size=(16, 16, 3)), "a map"
    )
    titles = [axes.get_title() for axes in drawn.axes]
    assert titles[3:5] == ["where squares add", "the same by 2x2 squares"]
