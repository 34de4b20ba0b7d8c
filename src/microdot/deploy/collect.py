"""What an application needs: its files, and the modules that they import."""

import ast
import collections
import fnmatch
import io
import os
import pathlib
import re
import tokenize

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
#: Modules that CPython has and boards lack, written for them: where the wheel
#: has them, and where the repository has.
LIBRARIES = next((each for each in (
    PACKAGE / '_boards', PACKAGE.parent.parent / 'libs' / 'micropython')
    if each.is_dir()), PACKAGE / '_boards')
#: Modules of the package that no board can use, beside those that begin with
#: an underscore.
DESKTOP_ONLY = ('asgi', 'cli', 'compress', 'debug', 'deploy', 'foreign',
                'jinja', 'openapi', 'wsgi')
#: Files of an application's folder that are not for the board.
IGNORED = ('.*', '__pycache__', 'node_modules', '*.pyc', '*.pyi', '*.md',
           '*.rst', '*.part')
#: A folder with this file in it is a virtual environment.
ENVIRONMENT = 'pyvenv.cfg'
# A host that an application is mounted for, by name or as the fifth argument.
_MOUNT_FOR_HOST = r'\bmount\((?:[^()]*\bhost=|(?:[^(),]*,){4})'
#: Modules of the framework that others load only for programs in which one of
#: these expressions is found.
LOADED_WHEN_USED = {
    'microdot.answers':
        r'\b(json_errors|nan|inf|NaN|problem|utemplate)\b|'
        r'\bhelpers import[^=]*\b(html|json_response|choose_coding|json_form|'
        r'fits_host|is_own_origin|without_port)\b',
    'microdot.attempts': r'\.attempt\(',
    'microdot.background': r'\b(after_response|is_disconnected)\b',
    'microdot.codings': r'\b(gzip|choose_coding)\b',
    'microdot.cookies': r'\b(set_cookie|delete_cookie|cookies)\b',
    'microdot.downloads': r'\b(download_name|disposition)\b',
    'microdot.fields': r'\bField\(|\bwith_(form|query)\b',
    'microdot.filestore': r'\b(Folder)?Store\b',
    'microdot.guards': r'\.required_everywhere\(',
    'microdot.health': r'\bHealth\b',
    'microdot.helpers': r'\b(json_errors|nan|inf|NaN|problem)\b',
    'microdot.hosts': _MOUNT_FOR_HOST,
    'microdot.middleware': r'\bmiddleware\b',
    'microdot.mounting': r'\bmount\b',
    'microdot.methods':
        r'\b(url_for|wrap_dispatch|middleware|error_response|after_response|'
        r'get_json|is_disconnected|absolute_url|base_url|strict|as_handler|'
        r'View|mount|map_pieces|set_cookie|delete_cookie|cookies|'
        r'readexactly|readuntil|readline)\b|\brequest\.save\(|'
        r'\bheaders\W+getlist\b',
    'microdot.nonces': r'\bcsp_nonce\b',
    # (in patterns of routes)
    'microdot.patterns': r'\bregister_type\b|<re:|'
                         r'<(uuid|date|any\([^\'"()]*\)):\w+>|'
                         r'[\'"]/[^\'"\s]*<[^\'"/\s]+>[^\'"/\s<>]+<',
    'microdot.problems': r'\b(json_errors|nan|inf|NaN|problem)\b',
    'microdot.redirects':
        r'\bRedirectHTTPS\b|\bredirect_www=|'
        r'\bTrustedHosts\([^()=]*,\s*True\b',
    'microdot.replay': r'\bhistory\b',
    'microdot.sendfile': r'\bsend_file\b',
    'microdot.socketviews': r'\bWebSocketView\b',
    'microdot.uploads': r'\brequest\.save\(',
    'microdot.urls': r'\b(url_for|redirect_slashes)\b',
    'microdot.vhosts': _MOUNT_FOR_HOST + r'|\.hosts import[^=]*\bHost\b',
    'microdot.wrapping': r'\b(middleware|wrap_dispatch)\b',
}


#: Modules that a file of the framework needs without importing them.
NEEDED_BY = {'lib/microdot/ota.py': ('ota_boot',)}


class Failure(Exception):
    """Something that the user has to know; the text is one line."""


#: Something for the board: a ``source`` file, and the ``path`` there, without
#: a slash in front. ``kind`` is ``'framework'``, ``'app'`` or ``'data'``.
Item = collections.namedtuple('Item', 'source path kind')


# ------------------------------------------------------------------- sources

def read_source(path):
    """Return a Python program as MicroPython reads it: UTF-8 without a mark.

    The file may be in another encoding, if it says so in its first two lines
    (PEP 263), and may begin with a byte order mark, as editors on Windows
    write it.

    :return: ``bytes``.
    :raises Failure: the file is not in the encoding that it names.
    """
    data = path.read_bytes()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, ValueError) as error:
        raise Failure('%s is not Python: %s' % (path, error)) from None
    # The name of the encoding stays in the text. MicroPython does not look
    # for one, and ast.parse() is given text.
    return data if encoding == 'utf-8' else text.encode()


def parse_source(path):
    """Return the syntax tree of a Python program.

    :raises Failure: it is not a Python program.
    """
    try:
        return ast.parse(read_source(path).decode())
    except (SyntaxError, ValueError) as error:
        raise Failure('%s is not Python: %s' % (path, error)) from None


class Imports(ast.NodeVisitor):
    """What a program imports: ``names``, a dict from dotted name to whether
    the program cannot do without.

    :param source: the program, or its syntax tree.
    :param package: the dotted name of the package that the program is in.
    """

    def __init__(self, source, package=''):
        self.names = {}
        self._package = package
        self._optional = 0
        self.visit(source if isinstance(source, ast.AST)
                   else ast.parse(source))

    def _add(self, name):
        self.names[name] = self.names.get(name, False) or not self._optional

    def visit_Import(self, node):
        for alias in node.names:
            self._add(alias.name)

    def visit_ImportFrom(self, node):
        base = node.module or ''
        if node.level:
            parts = self._package.split('.')
            parts = parts[:len(parts) - node.level + 1]
            base = '.'.join(parts + [base] if base else parts)
        if base:
            self._add(base)
        for alias in node.names:
            # The name may be that of a module, or of something in one.
            self._optional += 1
            self._add('%s.%s' % (base, alias.name) if base else alias.name)
            self._optional -= 1

    def _visit_optional(self, node):
        self._optional += 1
        self.generic_visit(node)
        self._optional -= 1

    def visit_If(self, node):
        boards = is_for_boards(node.test)
        self._optional += 1
        for statement in node.body if boards is not False else ():
            self.visit(statement)
        for statement in node.orelse if boards is not True else ():
            self.visit(statement)
        self._optional -= 1

    # The program may never get to the imports in these.
    visit_Try = _visit_optional
    visit_FunctionDef = visit_AsyncFunctionDef = _visit_optional


def is_for_boards(test):
    """Return whether a condition is true on boards alone (``True``), on
    computers alone (``False``), or perhaps on both (``None``)."""
    text = ast.unparse(test)
    if text in ('not _BOARD', 'TYPE_CHECKING', 'typing.TYPE_CHECKING'):
        return False
    if text == '_BOARD':
        return True
    match = re.match(r'sys\.implementation\.name (==|!=|in|not in) ', text)
    if match and "'micropython'" in text:
        return match[1] in ('==', 'in')


def read_imports(path, package=''):
    """Return the :class:`Imports` of a file, as their dict.

    :raises Failure: it is not a Python program.
    """
    return Imports(parse_source(path), package).names


# ------------------------------------------------------------------- folders

def find_main(path, patterns=IGNORED):
    """Return the main file of an application that may be a folder.

    :param patterns: of names that do not count.

    :raises Failure: there is none, or it is not clear which it is.
    """
    if path.is_file():
        if path.suffix != '.py':
            raise Failure('%s is not a .py file' % path)
        return path
    if not path.is_dir():
        raise Failure('there is no %s' % path)
    for name in ('main', 'app', path.resolve().name):
        if (path / (name + '.py')).is_file():
            return path / (name + '.py')
    found = sorted(each for each in path.glob('*.py')
                   if each.name != 'boot.py'
                   and not is_ignored(each, patterns))
    if len(found) != 1:
        raise Failure('which file of %s is the main one? Name it instead of '
                      'the folder, or call it main.py' % path)
    return found[0]


def for_boards(module):
    """Return whether a module of the package is for boards."""
    return module in ('__init__', '_streams') or (
        module[0] != '_' and module not in DESKTOP_ONLY)


def is_ignored(path, patterns):
    """Return whether a file or folder is to be left out."""
    return any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)


def is_environment(path):
    """Return whether a folder is a virtual environment."""
    return os.path.isfile(os.path.join(path, ENVIRONMENT))


def walk(folder, patterns, links=None):
    """Yield the files in a folder and below it, but those ignored.

    Links are not followed: they may lead around in a circle, or to what is
    no part of the application.

    :param links: a list that gets the path of each link.
    """
    for path in sorted(folder.iterdir()):
        if is_ignored(path, patterns):
            continue
        if path.is_symlink():
            if links is not None:
                links.append(path)
        elif path.is_dir():
            if not is_environment(path):
                yield from walk(path, patterns, links)
        elif path.is_file():
            yield path


# ---------------------------------------------------------------- everything

def is_used(name, programs):
    """Return whether some programs use a module of the framework, if it is
    one that is loaded only when it is used; of others, return ``True``."""
    wanted = LOADED_WHEN_USED.get('.'.join(name.split('.')[:2]))
    return wanted is None or any(
        re.search(wanted, program) for program in programs)


def names_in(program):
    """Return the names that a program, ``bytes``, has outside of comments and
    texts, as text."""
    return ' '.join(
        token.string
        for token in tokenize.tokenize(io.BytesIO(program).readline)
        if token.type == tokenize.NAME)


class Collection:
    """All that an application needs.

    :param application: its main file, or its folder.
    :param added: more files and folders, which go beside it.
    :param excluded: patterns of names to leave out.
    :raises Failure: something is not there, or ambiguous, or not Python.
    """

    def __init__(self, application, added=(), excluded=()):
        self._patterns = IGNORED + tuple(excluded)
        #: The main file.
        self.main = find_main(application, self._patterns)
        self._folder = self.main.parent
        self._found = {}
        self._links = []
        self._outside = set()
        for path in self._files(application, self.main):
            self._add_file(path, self._folder)
        for each in added:
            if not each.exists():
                raise Failure('there is no %s' % each)
            for path in self._files(each, each):
                self._add_file(path, each.parent)
        self._refuse_hidden_modules()
        self._follow_imports()

    @property
    def items(self):
        """A list of :class:`Item`."""
        return list(self._found.values())

    @property
    def outside(self):
        """The names of modules that the board has to have."""
        return sorted(self._outside)

    @property
    def links(self):
        """Paths of links that are left out."""
        sources = {item.source for item in self.items}
        return [path for path in self._links if path not in sources]

    def _files(self, path, file):
        if path.is_dir():
            return walk(path, self._patterns, self._links)
        return [file]

    def _add_file(self, path, folder):
        item = Item(path, path.relative_to(folder).as_posix(),
                    'app' if path.suffix == '.py' else 'data')
        self._found[item.path] = item

    def _refuse_hidden_modules(self):
        for path in self._found:
            top = path.partition('/')[0]
            if top != path and top + '.py' in self._found:
                raise Failure('the folder %s would be imported instead of '
                              '%s.py: rename one of them' % (top, top))

    def _follow_imports(self):
        # The list grows while the loop goes through it.
        queued = [item for item in self.items if item.kind == 'app']
        programs = [read_source(item.source).decode() for item in queued]
        optional = set()
        for item in queued:
            package = item.path.rpartition('/')[0].replace('/', '.')
            if item.kind == 'framework':
                package = package.partition('.')[2]  # without lib
            for name, needed in read_imports(item.source, package).items():
                if item.kind == 'framework' and not needed:
                    optional.add(name)
                else:
                    self._find(name, item.kind, queued, programs)
                top = name.partition('.')[0]
                if item.kind == 'app' and needed and not self._brings(top):
                    self._outside.add(top)
            if item is queued[-1]:
                self._find_used(optional, queued, programs)

    def _find_used(self, optional, queued, programs):
        # All programs are known that may use the rest.
        for name in sorted(optional):
            if is_used(name, programs):
                self._find(name, 'framework', queued, programs)

    def _find(self, name, kind, queued, programs):
        # Add the files that an import of a name loads.
        for found in locate(name, self._folder, kind, self._patterns):
            if found.path not in self._found:
                self._found[found.path] = found
                queued.append(found)
                for other in NEEDED_BY.get(found.path, ()):
                    self._find(other, 'framework', queued, programs)
                # (these have all the names that others are loaded for)
                if found.kind == 'framework' and found.source.stem not in (
                        'microdot', 'methods', 'sendfile', '__init__'):
                    programs.append(names_in(read_source(found.source)))

    def _brings(self, name):
        """Return whether a module comes with the application."""
        return name == 'microdot' or (self._folder / name).is_dir() or any(
            path in self._found for path in (
                name + '.py', name + '/__init__.py', 'lib/%s.py' % name,
                'lib/%s/__init__.py' % name))


def collect(application, added=(), excluded=()):
    """Find all that an application needs, as :class:`Collection` does.

    :return: ``(main, items, outside)``: the main file, a list of
             :class:`Item`, and the names of modules that the board has to
             have.
    """
    found = Collection(application, added, excluded)
    return found.main, found.items, found.outside


def locate(name, folder, kind, patterns=()):
    """Yield the :class:`Item` of each file that an import of *name* loads, if
    it is one of the framework's or the application's."""
    parts = name.split('.')
    if parts[0] == 'microdot':
        for module in ['__init__'] + parts[1:2]:
            path = PACKAGE / (module + '.py')
            if for_boards(module) and path.is_file():
                yield Item(path, 'lib/microdot/%s.py' % module, 'framework')
        return
    places = [(LIBRARIES, 'lib/', 'framework')]
    if kind == 'app':
        places.insert(0, (folder, '', 'app'))
    for base, target, kind in places:
        found = list(_modules(parts, base, target, kind, patterns))
        yield from found
        if found:
            break


def _modules(parts, base, target, kind, patterns):
    """Yield the items below a folder that an import loads."""
    for i in range(len(parts)):
        for end in ('.py', '/__init__.py'):
            path = base / ('/'.join(parts[:i + 1]) + end)
            if path.is_file() and not is_ignored(path, patterns):
                yield Item(path, target + path.relative_to(base).as_posix(),
                           kind)


def read_item(item):
    """Return the bytes of an item, as a board is to have them."""
    if item.source.suffix == '.py':
        return read_source(item.source)
    return item.source.read_bytes()


def in_bytes(number):
    """Return a number of bytes as text."""
    return '{:,} bytes'.format(number)
