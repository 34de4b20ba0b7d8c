"""Configuration of Sphinx."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / 'src'))

import microdot  # noqa: E402: the path has to come first

project = 'microdot'
copyright = 'microdot maintainers'
release = microdot.__version__

extensions = ['sphinx.ext.autodoc']
exclude_patterns = ['_build']
# A reference that leads nowhere is a warning, and a warning is an error.
nitpicky = True
autodoc_member_order = 'bysource'
autodoc_typehints = 'none'

html_theme = 'furo'
html_show_copyright = False
html_title = 'microdot'
