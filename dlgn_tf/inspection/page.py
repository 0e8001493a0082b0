"""One HTML page with everything inside: no file beside it, no network."""

import base64
import html
import pathlib
import re

_STYLE = (pathlib.Path(__file__).parent / "page.css").read_text()
_ICON = "data:,"
# What a browser may load: pictures that are inside, and no script at all.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Page:
    """An HTML page that is put together from top to bottom.

    Text is plain: it is escaped, and words between backquotes become code.

    Args:
        title: String.
        lead: String, what stands under the title.
    """

    def __init__(self, title, lead):
        self._title, self._lead = title, lead
        self._body, self._contents = [], []

    def section(self, title):
        """Begins a section, which the table of contents names."""
        anchor = f"section-{len(self._contents) + 1}"
        self._contents.append((anchor, title))
        self._body.append(f'<h2 id="{anchor}">{_inline(title)}</h2>')

    def heading(self, title):
        """Begins a part of a section."""
        self._body.append(f"<h3>{_inline(title)}</h3>")

    def text(self, *paragraphs):
        self._body.extend(f"<p>{_inline(each)}</p>" for each in paragraphs)

    def details(self, summary, *paragraphs):
        """Paragraphs that are unfolded by whoever wants to know."""
        said = "".join(f"<p>{_inline(each)}</p>" for each in paragraphs)
        self._body.append(
            f"<details><summary>{_inline(summary)}</summary>{said}</details>"
        )

    def note(self, text):
        """A paragraph that must not be passed over."""
        self._body.append(f'<p class="note">{_inline(text)}</p>')

    def facts(self, facts):
        """Large numbers with their names below: pairs of strings."""
        tiles = (
            f"<div><b>{_inline(number)}</b><span>{_inline(name)}</span></div>"
            for number, name in facts
        )
        self._body.append(f'<div class="facts">{"".join(tiles)}</div>')

    def table(self, columns, rows, caption=None):
        """A table of strings and numbers, which are aligned to the right."""
        head = "".join(f"<th>{_inline(column)}</th>" for column in columns)
        lines = ("".join(map(_cell, row)) for row in rows)
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        # Outside, where it is as wide as the page and not as the table, which
        # the keyboard can scroll.
        said = f"<figcaption>{_inline(caption)}</figcaption>" if caption else ""
        self._body.append(
            f'<figure>{said}<div class="table" tabindex="0"><table>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
            "</figure>"
        )

    def picture(self, png, caption, alt=None):
        """A PNG with its explanation below, and `alt` for who cannot see it."""
        encoded = base64.b64encode(png).decode("ascii")
        said = html.escape(alt or caption, quote=True)
        self._body.append(
            f'<figure><img alt="{said}" src="data:image/png;base64,{encoded}">'
            f"<figcaption>{_inline(caption)}</figcaption></figure>"
        )

    def html(self):
        """The page as text."""
        entries = "".join(
            f'<li><a href="#{anchor}">{_inline(title)}</a></li>'
            for anchor, title in self._contents
        )
        body = "\n".join(self._body)
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
            '\n<meta name="viewport" content="width=device-width, '
            'initial-scale=1">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
            # Else a browser asks for favicon.ico.
            f'<link rel="icon" href="{_ICON}">\n'
            f"<title>{html.escape(self._title)}</title>\n"
            f"<style>\n{_STYLE}</style>\n</head>\n<body>\n"
            f"<header><h1>{_inline(self._title)}</h1>"
            f"<p>{_inline(self._lead)}</p></header>\n"
            f"<nav><ol>{entries}</ol></nav>\n<main>\n{body}\n</main>\n"
            "</body>\n</html>\n"
        )


def number(value, digits=3):
    """A number as people read it: `1,797`, `0.0312`, `-4.1e-07`."""
    if isinstance(value, int):
        return f"{value:,}"
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        # With more places before the point than digits there is no exponent.
        short = f"{value:.{digits}g}"
        return f"{value:,.0f}" if "e" in short else short
    return f"{value:.{digits - 1}e}"


def percent(share, digits=1):
    """A share in [0, 1] as it is written: `12.5 %`."""
    return f"{100 * share:.{digits}f} %"


def _cell(value):
    if isinstance(value, str):
        right = re.fullmatch(r"[-+−]?[\d,.]+(e[-+]\d+)?( %)?", value)
        kind = ' class="number"' if right else ""
        return f"<td{kind}>{_inline(value)}</td>"
    return f'<td class="number">{number(value)}</td>'


def _inline(text):
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(str(text)))
