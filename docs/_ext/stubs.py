"""Sphinx: types from the stubs, tables of parameters and errors, and lists of
what a page does not describe one by one.

The modules have no annotations, since those cost a board memory; their types
are in the stubs beside them. Docstrings name parameters and errors as fields.
This puts both into one table for each function.
"""

import ast
import functools
import importlib
import inspect
import pathlib
import re

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

PACKAGE = pathlib.Path(__file__).resolve().parents[2] / 'src' / 'microdot'
PARAMETERS = ('param', 'parameter', 'arg', 'argument')
ERRORS = ('raises', 'raise', 'exception', 'except')
RESULTS = ('return', 'returns')
#: The longest that a private alias may be to be written out.
MAX_ALIAS = 70


class Function:
    """What a stub says of a function: the types of parameters and result."""

    def __init__(self, node, module):
        args = node.args
        self.types = {}
        for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs,
                    args.vararg, args.kwarg]:
            if arg and arg.annotation:
                self.types[arg.arg] = module.write(arg.annotation)
        self.result = module.write(node.returns) if node.returns else None


class Module:
    """A stub: its public names, and functions by ``Class.method``."""

    def __init__(self, path):
        self.functions = {}
        self.names = {}
        self.aliases = {}
        self.variables = set()
        tree = ast.parse(path.read_text(encoding='utf-8'))
        for node in tree.body:
            self._add_alias(node)
        for node in tree.body:
            self._add(node)

    def _add_alias(self, node):
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            self.aliases[node.target.id] = node.value
        elif isinstance(node, ast.Assign) and any(
                keyword.arg == 'bound' and re.search(
                    'Callable|Handler', ast.unparse(keyword))
                for keyword in getattr(node.value, 'keywords', ())):
            # what a decorator takes and gives back
            self.variables.add(node.targets[0].id.lstrip('_'))

    def _add(self, node):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self.names.setdefault(node.name, 'function')
            self.functions.setdefault(node.name, Function(node, self))
        elif isinstance(node, ast.ClassDef):
            self.names[node.name] = 'class'
            for inner in node.body:
                if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    self.functions.setdefault(
                        '%s.%s' % (node.name, inner.name),
                        Function(inner, self))
        elif isinstance(node, ast.AnnAssign) and node.value is None:
            self.names[node.target.id] = 'variable'

    def public(self):
        """Return the names that a program may import, in their order."""
        return [name for name in self.names if not name.startswith('_')]

    def write(self, annotation):
        """Return a type as text, with short private aliases written out."""
        text = ast.unparse(annotation)

        def expand(match):
            alias = self.aliases.get(match[0])
            if alias is None:
                return match[0].lstrip('_')
            long = self.write(alias)
            return long if len(long) <= MAX_ALIAS else match[0].lstrip('_')

        text = re.sub(r'(?<![\w.])_\w+', expand, text)
        if text in self.variables or text.startswith('Callable[...'):
            return 'function'
        return text


@functools.lru_cache(None)
def stub(module):
    """Return the stub of a module, such as ``microdot.login``, or ``None``."""
    path = PACKAGE / (module.rpartition('.')[2] + '.pyi')
    return Module(path) if path.exists() else None


def function(module, name):
    """Return what the stub says of a function or class, or ``None``."""
    found = stub(module or '')
    if found is None:
        return None
    return found.functions.get(name) or found.functions.get(
        name + '.__init__')


# --------------------------------------------------------------------- tables

def make_table(head, rows, widths):
    """Return a table; the cells are lists of nodes."""
    table = nodes.table(classes=['fields'])
    group = nodes.tgroup(cols=len(widths))
    table += group
    for width in widths:
        group += nodes.colspec(colwidth=width)
    for part, lines in ((nodes.thead(), [head]), (nodes.tbody(), rows)):
        group += part
        for line in lines:
            row = nodes.row()
            part += row
            for cell in line:
                entry = nodes.entry()
                row += entry
                entry += cell
    return table


def words(text):
    return [nodes.paragraph(text, text)]


def code(text):
    return [nodes.paragraph('', '', nodes.literal(text, text))]


def sort_fields(field_list):
    """Take parameters, errors and result out of a list of fields."""
    found = {'parameters': [], 'errors': [], 'result': None}
    for field in list(field_list):
        kind, _, name = field[0].astext().partition(' ')
        body = list(field[1].children)
        if kind in PARAMETERS:
            found['parameters'].append((name.split()[-1], body))
        elif kind in ERRORS:
            found['errors'].append((name, body))
        elif kind in RESULTS:
            found['result'] = body
        else:
            continue
        field_list.remove(field)
    return found


#: Types of a result that say nothing.
SILENT = (None, 'None', 'Any', 'function')


def write_result(body, types):
    """Return nodes that say what a function returns, or ``None``."""
    result = types.result if types else None
    if body is None and result in SILENT:
        return None
    paragraph = nodes.paragraph('', '', nodes.strong('', 'Returns'))
    if result not in SILENT:
        paragraph += [nodes.Text(' '), nodes.literal(result, result)]
    paragraph += nodes.Text(': ' if body else '.')
    if body:
        first = body[0]
        if isinstance(first, nodes.paragraph):
            paragraph += first.children
            body = body[1:]
    return [paragraph, *(body or [])]


def transform(app, domain, objtype, content):
    """Put fields into tables, with the types of the stub."""
    if domain != 'py':
        return
    signature = content.parent[0]
    types = function(signature.get('module'), signature.get('fullname') or '')
    if objtype in ('attribute', 'property', 'module', 'data'):
        types = None
    for field_list in content.findall(nodes.field_list):
        if field_list.parent is not content:
            continue
        found = sort_fields(field_list)
        place = content.index(field_list)
        new = []
        if found['parameters']:
            known = types.types if types else {}
            new.append(make_table(
                [words('Parameter'), words('Type'), words('Meaning')],
                [[code(name), code(known[name.lstrip('*')])
                  if name.lstrip('*') in known else [], body]
                 for name, body in found['parameters']], [20, 25, 55]))
        new += write_result(found['result'], types) or []
        if found['errors']:
            new.append(make_table(
                [words('Error'), words('When')],
                [[code(name), body] for name, body in found['errors']],
                [30, 70]))
        if not field_list.children:
            content.remove(field_list)
        content[place:place] = new
        return
    if types and objtype != 'class':
        content += write_result(None, types) or []


# ---------------------------------------------------------------- other names

def first_sentence(text):
    """Return the first sentence of a docstring, on one line."""
    text = ' '.join(inspect.cleandoc(text or '').split('\n\n')[0].split())
    match = re.match(r'(.*?[.:])( [A-Z]|$)', text)
    text = match[1] if match else text
    return text.rstrip(':') or ''


class OtherNames(SphinxDirective):
    """``.. other-names:: microdot.auth``: a table of the public names of a
    module that the page does not describe. Each page of the reference ends
    with it."""

    required_arguments = 1

    def run(self):
        name, = self.arguments
        module = importlib.import_module(name)
        described = described_on(
            pathlib.Path(self.get_source_info()[0]), name)
        rows = []
        for other in stub(name).public():
            if other in described or other not in vars(module):
                continue
            target = nodes.target('', '', ids=['%s.%s' % (name, other)])
            cell = code(other)
            cell[0].insert(0, target)
            value = getattr(module, other)
            text = first_sentence(value.__doc__) if callable(value) else ''
            rows.append([cell, self.parse_inline_text(text)])
        if not rows:
            return []
        return [
            *words('Further names are there for extensions and for tests; '
                   'a program rarely needs them.'),
            make_table([words('Name'), words('What it is')], rows, [30, 70])]

    def parse_inline_text(self, text):
        # Roles of Sphinx would need a target each.
        text = re.sub(r':\w+:`~?([^`]*)`', r'``\1``', text)
        parsed, _ = self.parse_inline(text, lineno=self.lineno)
        return [nodes.paragraph('', '', *parsed)]


def described_on(page, module):
    """Return the names of a module that have a directive of their own."""
    return {name for prefix, name in re.findall(
        r'^\.\. (?:auto\w+|py:\w+):: ((?:\w+\.)*)(\w+)',
        page.read_text(encoding='utf-8'), re.MULTILINE)
        if prefix in ('', module + '.')}


def add_other_names(app, name, source):
    """End each page of the reference with the other names of its module."""
    folder, _, module = name.rpartition('/')
    directive = '.. other-names:: microdot.%s\n' % module
    if folder == 'reference' and stub(module) and directive not in source[0]:
        source[0] += '\n' + directive


def setup(app):
    """Set up the extension."""
    app.connect('source-read', add_other_names)
    app.connect('object-description-transform', transform)
    app.add_directive('other-names', OtherNames)
    return {'parallel_read_safe': True}
