"""Names from elsewhere in tables, pages and figures."""

import csv
import io

import pytest

from dlgn_tf.output import files, folder, markdown


@pytest.mark.parametrize(
    "name, shown",
    [
        ("a|b", r"a\|b"),
        ("a\n| b", r"a \| b"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)>"),
        ("</td><!-- x", "&lt;/td>&lt;!-- x"),
        ("[a](javascript:x)", r"[a]\(javascript:x)"),
        ("[a](//host/p.png)", r"[a]\(//host/p.png)"),
        ("[a](&#106;avascript:x)", r"[a]\(&#106;avascript:x)"),
        (r"a\|b", r"a\\\|b"),
        ("[fails](#why)", "[fails](#why)"),
        ("[fails](why.md#dlgn1)", "[fails](why.md#dlgn1)"),
        ("1 < 2 and **fails** at `x`", "1 < 2 and **fails** at `x`"),
        (0.5, "0.5"),
    ],
)
def test_text_in_markdown(name, shown):
    assert markdown.text(name) == shown
    head, _, row = markdown.table(["name"], [[name]]).split("\n")
    assert row == f"| {shown} |"


@pytest.mark.parametrize(
    "field, shown",
    [
        ("=1+1", "'=1+1"),
        ("@x", "'@x"),
        ("+a", "'+a"),
        ("-2+3", "'-2+3"),
        *((x, x) for x in ("-", "-0.5", "+1e-3", "--flag", "a=1", "", "-inf")),
        (-5, "-5"),
    ],
)
def test_fields_that_a_spreadsheet_would_compute(field, shown):
    text = files.csv_text(["a", field], [[field, 1]])
    header, row = csv.reader(io.StringIO(text))
    assert (header[1], row[0]) == (shown, shown)


@pytest.mark.parametrize("name", [r"a$\frac{$b", "$", "a_b^c", "\udcff"])
def test_names_in_figures(name):
    """A logarithmic axis, whose numbers are formulas, is drawn too."""
    figure = folder.new_figure(2, 2)
    axes = figure.add_subplot()
    axes.semilogy([1, 2], [1, 100], label=name)
    if name.isprintable():
        axes.set_xticks([1, 2], [name, name])
    axes.set_title(name)
    axes.legend()
    assert folder.png(figure).startswith(b"\x89PNG")
