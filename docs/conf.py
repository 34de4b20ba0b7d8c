"""Configuration of Sphinx."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / 'src'))

import microdot  # noqa: E402: the path has to come first

project = 'microdot'
copyright = 'microdot maintainers'
release = microdot.__version__

extensions = ['sphinx.ext.autodoc', 'sphinx_copybutton', 'sphinx_design']
exclude_patterns = ['_build']
# A reference that leads nowhere is a warning, and a warning is an error.
nitpicky = True
nitpick_ignore = [('py:exc', 'asyncio.TimeoutError')]
autodoc_member_order = 'bysource'
autodoc_typehints = 'none'

html_theme = 'furo'
html_show_copyright = False
html_title = 'microdot'
html_static_path = ['_static']
html_css_files = ['site.css']
html_search_scorer = str(pathlib.Path(__file__).parent / 'scorer.js')
# Nothing is fetched from another site: the pages are readable offline.
html_theme_options = {'navigation_with_keys': True}
# Of a console, the button copies the commands without their prompt and
# without what they print.
copybutton_prompt_text = '$ '
copybutton_only_copy_prompt_lines = True
copybutton_line_continuation_character = '\\'


def find_in_core(app, env, node, content):
    """Find what a docstring outside of the core names of the core."""
    return env.domains['py'].resolve_xref(
        env, node['refdoc'], app.builder, node.get('reftype'),
        'microdot.microdot.' + node['reftarget'], node, content)


def setup(app):
    """Set up Sphinx."""
    app.connect('missing-reference', find_in_core)
