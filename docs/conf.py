"""How the documentation is built: `sphinx-build -W --keep-going -n docs OUT`.

The build asks for nothing on the network. Links to NumPy, Keras and TensorFlow
are made where DLGN_TF_INVENTORIES names a folder with numpy.inv, keras.inv or
tensorflow.inv, the `objects.inv` of their documentation; without it their names
stand there without a link.
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

import dlgn_tf  # noqa: E402

project = "dlgn_tf"
copyright = "the authors of dlgn_tf"
version = release = dlgn_tf.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
    *sorted(x.stem for x in (HERE / "_extensions").glob("*.py")),
]
exclude_patterns = ["_extensions", "**/*.py", "**/.*"]

# Notebooks are shown with the outputs that are committed; tests run them.
nb_execution_mode = "off"
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4

# Dashes alone: quotes and primes stay as they are written.
smartquotes_action = "D"

# Of docstrings: `code`, which may be a public name.
default_role = "docstring"
# Without inventories these are names without links.
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(collections|keras|matplotlib|np|numpy|os|pathlib|scipy|sklearn"
        r"|tensorflow|tf|types)\..*",
    ),
]

autodoc_member_order = "bysource"
# What Keras documents of each layer is not said again.
autodoc_inherit_docstrings = False
autodoc_typehints = "signature"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Call arguments", "params_style")]
toc_object_entries_show_parents = "hide"
python_maximum_signature_line_length = 72
copybutton_prompt_text = "$ "

_SITES = {
    "keras": "https://keras.io/",
    "numpy": "https://numpy.org/doc/stable/",
    "tensorflow": "https://www.tensorflow.org/api_docs/python/",
}
_inventories = os.environ.get("DLGN_TF_INVENTORIES")
intersphinx_mapping = {
    name: (site, str(path))
    for name, site in _SITES.items()
    if _inventories
    and (path := pathlib.Path(_inventories, f"{name}.inv")).is_file()
}

# See _extensions/mathml.py.
html_math_renderer = "mathml"

# Of listings that name none.
highlight_language = "bash"

html_theme = "pydata_sphinx_theme"
html_title = "dlgn_tf"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "navigation_with_keys": False,
}
