"""Configuration of Sphinx."""

import ast
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / 'src'))
sys.path.insert(0, str(pathlib.Path(__file__).parent / '_ext'))

from docutils import nodes  # noqa: E402

import microdot  # noqa: E402

project = 'microdot'
copyright = 'microdot maintainers'
release = microdot.__version__

extensions = [
    'sphinx.ext.autodoc', 'sphinx_copybutton', 'sphinx_design', 'stubs']
exclude_patterns = ['_build']
# A reference that leads nowhere is a warning, and a warning is an error.
nitpicky = True
nitpick_ignore = [('py:exc', 'asyncio.TimeoutError')]
autodoc_member_order = 'bysource'
autodoc_typehints = 'none'

html_theme = 'furo'
pygments_dark_style = 'github-dark'
html_show_copyright = False
html_title = 'microdot'
html_static_path = ['_static']
html_css_files = ['site.css']
html_search_scorer = str(pathlib.Path(__file__).parent / 'scorer.js')
# Nothing is fetched from another site: the pages are readable offline.
html_theme_options = {'navigation_with_keys': True,
                      'top_of_page_buttons': []}
html_js_files = ['labels.js']
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


def stub_docstrings():
    """Return the docstrings of the core's stub, by the name of what has them.

    In the core itself they are a sentence or two, as a board that compiles it
    has to hold them.
    """
    path = pathlib.Path(microdot.__file__).with_name('microdot.pyi')
    found = {}

    def visit(node, name):
        text = ast.get_docstring(node)
        if text:
            found[name] = text
        for child in getattr(node, 'body', ()):
            if isinstance(child, (ast.ClassDef, ast.FunctionDef,
                                  ast.AsyncFunctionDef)):
                visit(child, '%s.%s' % (name, child.name))

    visit(ast.parse(path.read_text()), 'microdot.microdot')
    return found


STUB_DOCSTRINGS = stub_docstrings()


def take_stub_docstring(app, what, name, obj, options, lines):
    """Show the docstring of the stub, where there is one."""
    if name in STUB_DOCSTRINGS:
        lines[:] = STUB_DOCSTRINGS[name].splitlines() + ['']


def trim_code(app, doctree):
    """Leave out the empty lines at the end of a part of a file."""
    for node in doctree.findall(nodes.literal_block):
        text = node.astext()
        if text != text.rstrip('\n'):
            node.rawsource = text.rstrip('\n')
            node.children = []
            node.append(nodes.Text(node.rawsource))


def setup(app):
    """Set up Sphinx."""
    app.connect('doctree-read', trim_code)
    app.connect('autodoc-process-docstring', take_stub_docstring)
    app.connect('missing-reference', find_in_core)
