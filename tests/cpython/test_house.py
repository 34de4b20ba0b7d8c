"""The code is kept in order: its functions short of branches, its modules out
of one another's private names, its classes unpatched.

Each exception is in a list here, with its reason. The lists may only shrink:
a test fails as well when an exception is not needed any more.
"""

import ast
import os
import pathlib
import subprocess
import sys

import pytest

import bodies

radon = pytest.importorskip('radon.complexity')

PACKAGE = pathlib.Path(__file__).resolve().parents[2] / 'src' / 'microdot'
FILES = {path.relative_to(PACKAGE).as_posix(): path.read_text()
         for path in sorted(PACKAGE.rglob('*.py'))}
TREES = {name: ast.parse(text) for name, text in FILES.items()}
#: The cyclomatic complexity that a function may have.
MOST = 20
#: What the mean may be.
MOST_MEAN = 3.9
#: Functions over it that are still to be taken apart.
COMPLEX = set()
_HALF = 'the half of the core for CPython replaces or calls it'
_SOCKET = 'the half of a WebSocket that speaks ASGI overrides it'
_SOCKET_HALF = 'of the class that it derives from, for CPython'
#: Private names of another module, with the reason.
PRIVATE = {
    ('_cpython/__init__.py', '_check_token'): _HALF,
    ('_cpython/requests.py', '_get_form'): _HALF,
    ('_cpython/requests.py', '_get_json'): _HALF,
    ('_cpython/requests.py', '_get_stream'): _HALF,
    ('_cpython/routing.py', '_parse_int'): _HALF,
    ('asgi.py', '_deliver'): _SOCKET,
    ('asgi.py', '_end_reader'): _SOCKET,
    ('asgi.py', '_limit'): _SOCKET,
    ('asgi.py', '_move'): _SOCKET,
    ('asgi.py', '_say_goodbye'): _SOCKET,
    ('asgi.py', '_running'): 'both adapters share it, in _gateway.py',
    ('asgi.py', '_start'): 'both adapters share it, in _gateway.py',
    ('asgi.py', '_started'): 'both adapters share it, in _gateway.py',
    ('asgi.py', '_stop'): 'both adapters share it, in _gateway.py',
    ('_websocket.py', '_message'): _SOCKET_HALF,
    ('_websocket.py', '_state'): _SOCKET_HALF,
    ('wsgi.py', '_start_late'): 'both adapters share it, in _gateway.py',
    ('wsgi.py', '_stop'): 'both adapters share it, in _gateway.py',
    ('multipart.py', '_form'): 'the body of the form, which it parses',
    ('multipart.py', '_pairs'): 'of MultiDict, to fill one without copies',
    ('session.py', '_session'): 'an attribute that session puts there',
}

#: Assignments to classes of the core that are no patches: the core has these
#: attributes for that.
DOORS = {'Microdot.on_run'}
#: Modules that set names of another, until that one imports them.
SETTING = {'_testing.py'}


def functions(text):
    """Yield the name and the complexity of each function and method."""
    for block in radon.cc_visit(text):
        for each in getattr(block, 'methods', None) or [block]:
            if type(each).__name__ == 'Function':
                yield each.fullname, each.complexity


def test_no_function_has_too_many_branches():
    found = {'%s %s' % (name, function)
             for name, text in FILES.items()
             for function, complexity in functions(text)
             if complexity > MOST}
    assert found - COMPLEX == set(), 'take these apart'
    assert COMPLEX - found == set(), 'take these from the list'


def test_the_mean_of_branches_stays():
    numbers = [complexity for text in FILES.values()
               for _, complexity in functions(text)]
    assert sum(numbers) / len(numbers) <= MOST_MEAN


def defined(tree):
    """Return the names that a module defines, and gives to ``self``."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef,
                             ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(
                node.ctx, ast.Store) and isinstance(
                node.value, ast.Name) and node.value.id in ('self', 'cls'):
            names.add(node.attr)
    return names


def is_private(name):
    return name[0] == '_' and name[:2] != '__'


def foreign(tree, everywhere):
    """Yield the private names of other modules that a module uses.

    :param everywhere: the names that any module defines: others belong to
                       the standard library.
    """
    own = defined(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (alias.name for alias in node.names
                        if is_private(alias.name))
        elif isinstance(node, ast.Attribute) and is_private(node.attr) and \
                node.attr not in own and node.attr in everywhere:
            yield node.attr


def test_private_names_stay_in_their_module():
    everywhere = set().union(*map(defined, TREES.values()))
    found = {(name, private) for name, tree in TREES.items()
             for private in foreign(tree, everywhere)}
    assert found - set(PRIVATE) == set(), 'use something public'
    assert set(PRIVATE) - found == set(), 'take these from the list'
    assert len(PRIVATE) <= 40


def methods_of_the_core():
    return {method.name for node in TREES['microdot.py'].body
            if isinstance(node, ast.ClassDef)
            and node.name in ('Microdot', 'Request', 'Response', 'Server')
            for method in node.body
            if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef))
            and not any(ast.unparse(each).endswith('setter')
                        for each in method.decorator_list)}


def patches(tree, methods):
    """Yield the assignments that replace a method of the core, on one of its
    classes or on somebody's instance."""
    for node in ast.walk(tree):
        targets = getattr(node, 'targets', None) or [
            getattr(node, 'target', None)]
        for target in targets:
            if not isinstance(target, ast.Attribute):
                continue
            owner = ast.unparse(target.value)
            if owner in ('Microdot', 'Request', 'Response', 'WebSocket') or (
                    target.attr in methods
                    and owner in ('app', 'self.app', 'request', 'req',
                                  'response', 'res')):
                yield '%s.%s' % (owner, target.attr)


@pytest.mark.parametrize('name', [
    name for name in TREES
    if name != 'microdot.py' and not name.startswith('_cpython/')])
def test_no_extension_patches_the_core(name):
    found = set(patches(TREES[name], methods_of_the_core()))
    assert found - DOORS == set()


def test_a_patch_would_be_seen():
    source = 'app.dispatch_request = f\nRequest.body = 1\napp.debug = True\n'
    assert list(patches(ast.parse(source), methods_of_the_core())) == [
        'app.dispatch_request', 'Request.body']


def imported_modules(tree):
    """Return the names that modules of the package have in a module."""
    return {alias.asname or alias.name for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.level
            and not node.module for alias in node.names}


def sets_of_modules(tree):
    """Yield what a module sets on another, or on a class of another."""
    modules = imported_modules(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(
                node.ctx, ast.Store) and ast.unparse(
                node.value).partition('.')[0] in modules:
            yield ast.unparse(node)
        elif isinstance(node, ast.Call) and ast.unparse(
                node.func) == 'setattr' and ast.unparse(
                node.args[0]).partition('.')[0] in modules:
            yield ast.unparse(node)


def test_no_module_sets_names_of_another():
    found = {name for name, tree in TREES.items()
             if not name.startswith('_cpython')
             and list(sets_of_modules(tree))}
    assert found - SETTING == set(), 'import at the end of the other'
    assert SETTING - found == set(), 'take these from the list'


def test_a_name_that_is_set_elsewhere_would_be_seen():
    source = ('from . import stores, _redis as redis\nstores.Store = 1\n'
              'setattr(redis, name, cls)\nredis.Hub.size = 2\nown.x = 3\n')
    assert list(sets_of_modules(ast.parse(source))) == [
        'stores.Store', 'setattr(redis, name, cls)', 'redis.Hub.size']


#: The halves of modules for CPython, with what a module takes of its half.
HALVES = {
    'config': ('CommaSeparated', 'Config', 'Secret'),
    'hosts': ('TrustedHosts', 'is_local'),
    'pubsub': ('Hub', 'Listener'),
    'ratelimit': ('RateLimit', 'client_address', 'limit', 'time_ns'),
    'security': ('SecurityHeaders',),
    'session': ('Session', 'check_key'),
    'stores': ('MemoryStore', 'Store'),
    'views': ('View',),
    'websocket': ('FrameParser', 'WebSocket'),
}


@pytest.mark.parametrize('first', ['', '_'])
@pytest.mark.parametrize('name', HALVES)
def test_a_half_is_in_its_place_or_not_imported(name, first):
    """Import one of the two modules first, in an interpreter of its own."""
    program = 'import microdot.%s\nfrom microdot import %s as whole, _%s as ' \
        'half\nfor name in %r:\n    assert getattr(whole, name) is getattr(' \
        'half, name), name\n' % (first + name, name, name, HALVES[name])
    result = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True,
        env=dict(os.environ, PYTHONPATH=str(PACKAGE.parent)))
    assert result.returncode == 0 or first and (
        'ImportError' in result.stderr or 'partially' in result.stderr)


def test_a_private_name_would_be_seen():
    source = 'from .microdot import _x\nrequest._y = app._z\nself._own = 1\n'
    assert sorted(foreign(ast.parse(source), {'_x', '_y', '_z', '_own'})) == [
        '_x', '_y', '_z']


def test_findings_in_bodies_may_only_shrink():
    found = bodies.collections.Counter({'a': 2, 'b': 1})
    listed = bodies.collections.Counter({'a': 1, 'c': 1})
    assert bodies.compare(found, listed) == [
        'new: a', 'new: b',
        'mended, take it from tools/bodies.txt (--write): c']
    assert bodies.compare(found, found) == []
