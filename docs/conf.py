"""How Sphinx makes the site of these pages: ``nox -s docs``."""

from __future__ import annotations

import builtins
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import download_reference, pending_xref
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

import adhelpers
from adhelpers.operations.declaration import declarations

ROOT = Path(__file__).resolve().parent.parent

project = "adhelpers"
author = "The adhelpers developers"
project_copyright = author
release = adhelpers.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
nitpicky = True
nitpick_ignore_regex = [
    # Names of other libraries: their inventories are not fetched, so the site is built without a network.
    ("py:.*", rf"({'|'.join(vars(builtins))})"),
    ("py:.*", r"(collections|contextlib|numpy|os|pytest|scipy|typing)\..*|PathLike"),
    # Names that occur in signatures, and that no user needs.
    (
        "py:.*",
        r"adhelpers\.testing\.subject\.Subject|adhelpers\.caches\.[KV]|adhelpers\.rules\.\w+\.[RF]|P|DerivativeOperator",
    ),
]

# -- the pages ----------------------------------------------------------------------------------------

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3  # as forges have them: design.md#the-promises

# -- the docstrings -----------------------------------------------------------------------------------

default_role = "py:obj"
autodoc_default_options = {"member-order": "bysource"}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_type_aliases = {name: f"adhelpers.{name}" for name in ("Array", "LeafFunction", "Leaves", "Pullback")}
napoleon_google_docstring = False
napoleon_use_param = False  # so that several parameters can share a sentence
napoleon_use_rtype = False
napoleon_attr_annotations = False
python_use_unqualified_type_names = True
maximum_signature_line_length = 80

# -- the look -----------------------------------------------------------------------------------------

html_theme = "furo"
html_title = f"adhelpers {release}"
html_static_path = ["_static"]
html_css_files = ["adhelpers.css"]
pygments_style = "friendly"
pygments_dark_style = "github-dark"
html_copy_source = False
html_show_sphinx = False

OUTSIDE = {
    "README.md": "index",
    "CHANGELOG.md": "changelog",
    "examples/adhelpers-dual": "examples/adhelpers-dual",
    "examples/adhelpers-dual/README.md": "examples/adhelpers-dual",
    "examples/adhelpers-mlx": "examples/adhelpers-mlx",
    "examples/adhelpers-mlx/README.md": "examples/adhelpers-mlx",
    "examples/errorbars": "examples/errorbars",
    "examples/errorbars/README.md": "examples/errorbars",
}
"""For links of pages to files outside docs/, which serve readers of the repository: the page of the site instead."""


def stay_inside(app: Sphinx, doctree: nodes.document) -> None:
    """Let links out of docs/ lead to pages of the site. A link to any other file offers it for download."""
    folder = Path(app.srcdir, app.env.docname).parent
    for link in doctree.findall(pending_xref):
        target = Path(os.path.normpath(folder / link["reftarget"]))
        page = OUTSIDE.get(os.path.relpath(target, ROOT)) or OUTSIDE.get(os.path.relpath(f"{target}.md", ROOT))
        if link["reftype"] == "myst" and page:
            link["refdomain"], link["reftarget"], link["reftargetid"] = "doc", page, None


def plain_where_unknown(app: Sphinx, env: Any, link: pending_xref, text: nodes.Element) -> nodes.Element | None:
    """Make a name in `backticks` a link if it is documented, and code if it is a parameter or a word."""
    return text if link["reftype"] == "obj" else None


def show_defaults(app: Sphinx) -> None:
    """Show the signature of an operation as `help` does, with each option and its default, instead of its overloads."""
    for function in declarations():
        analyzer = ModuleAnalyzer.for_module(function.__module__)
        analyzer.analyze()
        analyzer.overloads.clear()
        function.__annotations__ = getattr(function, "__wrapped__", function).__annotations__


def document_data(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Document a constant, or a type without its own name, by the string below its definition."""
    if what == "data":
        written = [ModuleAnalyzer.for_file(path, path.stem).find_attr_docs() for path in WITH_DATA]
        lines[:] = next((docs[key] for docs in written if (key := ("", name.rpartition(".")[2])) in docs), [])


WITH_DATA = [
    path for folder in ("engine", "plugins", "testing") for path in sorted((ROOT / "adhelpers" / folder).glob("*.py"))
]
"""The modules whose constants and types the reference documents."""


def name_aliases(
    app: Sphinx, what: str, name: str, value: Any, options: Any, arguments: str | None, result: str | None
) -> tuple[str | None, str | None]:
    """Write ``Leaves`` for ``TypeAliasForwardRef('adhelpers.Leaves')``, which Sphinx leaves inside other types."""
    alias = re.compile(r"TypeAliasForwardRef\('(.*?)'\)")
    return arguments and alias.sub(r"~\1", arguments), result and alias.sub(r"~\1", result)


class LinkNames(SphinxPostTransform):
    """Let a public name in a page, such as ``adhelpers.prepare`` or ``ADBackend.jvp(...)``, lead to the reference."""

    default_priority = 5

    def run(self, **kwargs: Any) -> None:
        """Look at everything set as code, except headings and existing links."""
        domain = self.env.domains.python_domain
        for code in list(self.document.findall(nodes.literal)):
            # A call, except of what a call returns: ``hessian(f)(x)`` is some other library's.
            name = re.match(r"(?:adhelpers\.)?([A-Za-z_.]+)(\((?!.*\)\().*\))?$", code.astext(), flags=re.DOTALL)
            if not name or isinstance(code.parent, nodes.reference | nodes.title | pending_xref | download_reference):
                continue
            full = f"adhelpers.{name[1]}"
            # A word alone, such as `backend`, may be a parameter of that name.
            is_plain = not code.astext().startswith("adhelpers.") and not re.search(r"[A-Z_]", name[1]) and not name[2]
            if full in domain.objects and not is_plain:
                entry = domain.objects[full]
                link = make_refnode(
                    self.app.builder, self.env.docname, entry.docname, entry.node_id, code.deepcopy(), full
                )
                code.replace_self(link)


class Help(SphinxDirective):
    """The output of ``adhelpers COMMAND --help``."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Run it."""
        command = [*self.arguments, "--help"]
        environment = {**os.environ, "COLUMNS": "88", "NO_COLOR": "1", "PYTHON_COLORS": "0"}
        printed = subprocess.run(
            [sys.executable, "-m", "adhelpers", *command], env=environment, capture_output=True, text=True, check=True
        )
        text = f"$ adhelpers {' '.join(command)}\n{printed.stdout}"
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> None:
    """Register all of this with Sphinx."""
    app.add_directive("help", Help)
    app.add_post_transform(LinkNames)
    app.connect("builder-inited", show_defaults)
    app.connect("doctree-read", stay_inside)
    app.connect("missing-reference", plain_where_unknown)
    app.connect("autodoc-process-docstring", document_data)
    app.connect("autodoc-process-signature", name_aliases)
