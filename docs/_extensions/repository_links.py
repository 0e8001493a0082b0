"""Links to files of the repository lead to their pages in the site.

Pages link to files as they lie in the repository, such as
`../../results/why.md`, so that the links hold there too. results/ and examples/
are part of the site by symbolic links, which Sphinx resolves, and some files of
the root have a page; any other file is a download, as MyST makes it.
"""

import pathlib

from sphinx import addnodes

ROOT = pathlib.Path(__file__).resolve().parents[2]
OF_THE_ROOT = {
    "README": "index",
    "SECURITY": "security",
    "CONTRIBUTING": "contributing",
    "CHANGELOG": "changelog",
}


def lead_to_pages(app, doctree):
    """Gives references to files outside docs/ the names of their pages."""
    for node in doctree.findall(addnodes.pending_xref):
        path = pathlib.Path(node["reftarget"])
        if node["refdomain"] == "doc" and path.is_relative_to(ROOT):
            name = path.relative_to(ROOT).as_posix()
            node["reftarget"] = OF_THE_ROOT.get(name, name)


def setup(app):
    app.connect("doctree-read", lead_to_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
