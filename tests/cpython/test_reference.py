"""The reference has every name that can be imported, and an example where a
name has a use."""

import ast
import importlib
import inspect
import pathlib
import re

import pytest

import stubs

TOP = pathlib.Path(__file__).resolve().parents[2]
REFERENCE = TOP / 'docs' / 'reference'
MODULES = sorted(path.stem for path in stubs.PACKAGE.glob('*.pyi')
                 if not path.stem.startswith('_'))
#: What a program meets but neither makes nor calls.
WITHOUT_USE = {
    'background': {'finish_background'},  # the server does
    'compress': {'CompressedPieces'},  # made by Compress
    'microdot': {'Route'},  # made by route()
    'multipart': {'MultipartError'},  # answered by dispatch
    'test_client': {'WebSocketClosed'},  # its text says all
}
DIRECTIVE = re.compile(
    r'^\.\. (?:auto(?:class|function|exception|method|data|decorator)'
    r'|py:(?:function|class|data|method)):: (?:[\w.]+\.)?(\w+)', re.MULTILINE)


def test_each_module_has_a_page():
    names = {path.stem for path in REFERENCE.glob('*.rst')}
    assert set(MODULES) <= names
    index = (REFERENCE / 'index.rst').read_text()
    for name in names - {'index'}:
        assert re.search(r'^   %s$' % name, index, re.MULTILINE), name


def describe(page):
    """Yield each name that a page describes, and the text that goes with it.
    """
    text = page.read_text()
    found = list(DIRECTIVE.finditer(text))
    for match, after in zip(found, [*found[1:], None]):
        yield match[1], text[match.end():after.start() if after else None]


def docstrings(value):
    """Return the docstrings of a function, or of a class and its methods."""
    texts = [inspect.getdoc(value)]
    if inspect.isclass(value):
        texts += [inspect.getdoc(each) for each in vars(value).values()
                  if callable(each) or isinstance(
                      each, (classmethod, staticmethod))]
    return '\n'.join(filter(None, texts))


@pytest.mark.parametrize('name', MODULES)
def test_what_is_described_has_an_example(name):
    module = importlib.import_module('microdot.' + name)
    without = []
    for described, text in describe(REFERENCE / (name + '.rst')):
        value = getattr(module, described, None)
        if value is not None and not callable(value):
            continue  # a limit, or a table
        if '.. code-block:: python' not in text and (
                '::\n' not in docstrings(value) + '\n'):
            without.append(described)
    without = set(without) - WITHOUT_USE.get(name, set())
    assert not without, (
        'docs/reference/%s.rst: add a code-block below the directive of %s, '
        'or leave the directive out if programs do not use it'
        % (name, ', '.join(without)))


@pytest.mark.parametrize('name', MODULES)
def test_names_of_the_stub_are_all_found(name):
    tree = ast.parse((stubs.PACKAGE / (name + '.pyi')).read_text())
    stated = {node.name for node in tree.body
              if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef,
                                   ast.ClassDef))
              and not node.name.startswith('_')}
    assert stated <= set(stubs.stub('microdot.' + name).public())


# ----------------------------------------------------------- tables of fields

def test_types_are_those_of_the_stub():
    attempt = stubs.function('microdot.login', 'Login.attempt')
    assert attempt.types == {
        'request': 'Request', 'name': 'str', 'check': 'Callable[[], Any]'}
    session = stubs.function('microdot.session', 'Session')
    assert session.types['secret_key'] == (
        'str | bytes | SupportsBytes | '
        'Sequence[str | bytes | SupportsBytes] | None')
    loader = stubs.function('microdot.login', 'Login.user_loader')
    assert loader.types['f'] == loader.result == 'function'


@pytest.mark.parametrize('text, expected', [
    ('One. Two.', 'One.'),
    ('Has e.g. no end', 'Has e.g. no end'),
    ('Two\nlines. More\n\nand more', 'Two lines.'),
    ('Decorator, for example::\n\n    x', 'Decorator, for example'),
    (None, '')])
def test_first_sentence(text, expected):
    assert stubs.first_sentence(text) == expected
