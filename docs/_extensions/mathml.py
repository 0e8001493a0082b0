"""Formulas as MathML, which browsers show by themselves.

Sphinx would have the reader's browser load MathJax from elsewhere.
"""

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging


def markup(node, display):
    """A formula as MathML; what the converter does not know is a warning."""
    text = node.astext()
    try:
        found = convert(text, display=display)
    except Exception as error:  # Its exceptions have no common base.
        found, text = "", f"{text} ({type(error).__name__}: {error})"
    if not found or "\\" in found:
        logger = logging.getLogger(__name__)
        logger.warning("a formula is not understood: %s", text, location=node)
    return found


def inline(writer, node):
    writer.body.append(markup(node, "inline"))
    raise nodes.SkipNode


def block(writer, node):
    opened = writer.starttag(node, "div", CLASS="formula notranslate")
    writer.body.append(f"{opened}{markup(node, 'block')}</div>\n")
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
