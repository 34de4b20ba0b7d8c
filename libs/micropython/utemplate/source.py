"""Compiles templates to Python, and loads them.

The result of ``index.html`` is kept beside it, as ``index_html.py``, or in
memory where nothing can be written.
"""
import hashlib
import os
import sys

from utemplate import TemplateError, TemplateNotFound, check_name, compiled

_BOARD = sys.implementation.name in ('micropython', 'circuitpython')
#: Characters that are read at once, and the longest text in one piece.
PIECE = 256
#: How deep templates may include each other by name.
MAX_DEPTH = 10
#: The first line of a compiled template; the number is that of the format.
MARK = '# Made from a template by utemplate 1; changes will be lost.\n'
_HEAD = """\
from utemplate import escape, safe
_s = %s
AUTOESCAPE = %s
"""


class Source:
    """A file with a template, read in pieces that are hashed."""
    def __init__(self, path, name):
        self.name = name
        self.hash = hashlib.sha256()
        try:
            if os.stat(path)[0] & 0x4000:
                raise OSError(21, 'a folder')
            self.file = open(path, encoding='utf-8')
        except OSError:
            raise TemplateNotFound('no template ' + name)

    def read(self):
        data = self.file.read(PIECE)
        more = True
        while more and data[-1:] == '\r':
            more = self.file.read(1)
            data += more
        # boards: CPython does so by itself, and the hash is to be the same
        data = data.replace('\r\n', '\n').replace('\r', '\n')
        self.hash.update(data.encode())
        return data

    def digest(self):
        return self.hash.digest()[:8]

    def tokens(self):
        """Yield ``(kind, text, line)``: kind ``''`` for text, or the second
        character of a tag, whose *text* is what it encloses."""
        data = self.read()
        line = 1
        start = 0
        while data:
            start = data.find('{', start)
            if start < 0:
                yield '', data, line
                line += data.count('\n')
                data = self.read()
                start = 0
                continue
            if start + 1 == len(data):
                more = self.read()
                if not more:
                    break
                data += more
            kind = data[start + 1]
            if kind not in '{%#':
                start += 1
                continue
            if start:
                yield '', data[:start], line
                line += data[:start].count('\n')
                data = data[start:]
            close = ('}' if kind == '{' else kind) + '}'
            end = data.find(close, 2)
            while end < 0:
                more = self.read()
                if not more:
                    raise TemplateError('%s, line %d: no %s for this %s' % (
                        self.name, line, close, data[:2]))
                more = data + more
                # (the two characters of its end may come in two pieces)
                end = more.find(close, max(2, len(data) - 1))
                data = more
            text = data[2:end]
            yield kind, text.replace('\n', ' ').strip(), line
            line += text.count('\n')
            data = data[end + 2:]
            start = 0
            if kind != '{':
                # a tag that ends a line takes the line end with it
                data = data or self.read()
                if data[:1] == '\n':
                    data = data[1:]
                    line += 1
            if not data:
                data = self.read()
        if data:
            yield '', data, line


class Compiler:
    """Compiles one template, with those that it includes by name.

    :param open_source: called with a name, returns a :class:`Source`.
    :param autoescape: whether expressions are escaped.
    """
    def __init__(self, open_source, autoescape=False):
        self.open_source = open_source
        self.autoescape = autoescape
        self.sources = []   # (name, digest) of all that was read
        self.depth = 0      # of templates
        self.count = 0      # of functions
        self.indent = 0
        self.arguments = ['**']  # names of arguments; '**': any

    def compile(self, name):
        """Yield the Python code in pieces.

        :raises TemplateError: the template is not correct.
        """
        yield MARK
        yield _HEAD % ('escape' if self.autoescape else 'str',
                       bool(self.autoescape))
        for piece in self.template(name, None):
            yield piece
        yield 'SOURCES = %r\nARGUMENTS = %r\n' % (
            self.sources, self.arguments)

    def line(self, code):
        return ' ' * self.indent + code + '\n'

    def fail(self, source, line, text):
        raise TemplateError('%s, line %d: %s' % (source.name, line, text))

    def check(self, source, line, code, mode='exec'):
        # One statement at a time, so that the message can name its place, and
        # a tag cannot end what it did not begin.
        try:
            compile(code, source.name, mode)
        except (SyntaxError, ValueError) as exc:
            self.fail(source, line, '%s: %s' % (exc.args[0], code))
        except NameError:
            pass  # a board without compile()

    def template(self, name, arguments):
        """Yield the code of a template.

        :param arguments: what it is included with, or ``None`` for the
                          template that is compiled.
        """
        if self.depth == MAX_DEPTH:
            raise TemplateError('%s: included more than %d deep' % (
                name, MAX_DEPTH))
        self.depth += 1
        source = self.open_source(name)
        function = None  # the name of the function that this becomes
        begun = False
        blank = ''       # what came before that
        blocks = []
        try:
            for kind, text, line in source.tokens():
                if kind == '#':
                    continue
                if not begun and not kind and not text.strip():
                    blank += text
                    continue
                word, rest = (text.split(None, 1) + ['', ''])[:2] \
                    if kind == '%' else ('', '')
                if word == 'args' and not begun:
                    self.check(source, line, 'def f(%s): pass' % rest)
                    self.check(source, line, 'lambda %s: 0' % rest)
                    function = 'render'
                    if arguments is not None:
                        self.count += 1
                        function = '_f%d' % self.count
                    else:
                        # (parts of defaults with commas are no names)
                        self.arguments = [
                            '**' if part.strip()[:2] == '**'
                            else part.split('=')[0].strip()
                            for part in rest.split(',')]
                    yield self.line('def %s(%s):' % (function, rest))
                    self.indent += 1
                    begun = True
                    continue
                if not begun:
                    begun = True
                    if arguments is None:
                        function = 'render'
                        yield self.line('def render(*a, **d):')
                        self.indent += 1
                    elif arguments:
                        self.fail(source, line, 'takes no arguments, as it '
                                                'does not begin with args')
                    if blank:
                        yield self.line('yield %r' % blank)
                if kind == '%':
                    for piece in self.statement(source, line, blocks, word,
                                                rest):
                        yield piece
                else:
                    if kind:
                        for code in (text, '(%s)' % text):
                            self.check(source, line, code, 'eval')
                        yield self.line('yield _s((%s))' % text)
                    else:
                        yield self.line('yield %r' % text)
            if blocks:
                self.fail(source, line, 'no end' + blocks[-1][0])
            if not begun and arguments is None:
                function = 'render'
                yield self.line('def render(*a, **d):')
                self.indent += 1
            if not begun and blank:
                yield self.line('yield %r' % blank)
            if function:
                # boards: "if 0: yield" does not make a generator
                yield self.line("yield ''")
                self.indent -= 1
                if arguments is not None:
                    yield self.line('yield from %s(%s)' % (
                        function, arguments))
            entry = name, source.digest()
            if entry not in self.sources:
                self.sources.append(entry)
        finally:
            source.file.close()
            self.depth -= 1

    def statement(self, source, line, blocks, word, rest):
        # Yields the code of a {% %}.
        inner = blocks[-1] if blocks else ('', True)  # and whether "else" was
        if word in ('if', 'for', 'while'):
            blocks.append((word, False))
        elif word in ('elif', 'else'):
            # (not for loops: Python's "else" there is not Jinja's)
            if inner[1] or inner[0] != 'if':
                self.fail(source, line, word + ' is out of place')
            self.indent -= 1
            blocks[-1] = inner[0], word == 'else'
        elif blocks and word == 'end' + inner[0] and not rest:
            self.indent -= 1
            blocks.pop()
            return
        elif word == 'set':
            if '=' not in rest:
                self.fail(source, line, 'set without =')
            self.check(source, line, rest)
            yield self.line(rest)
            return
        elif word == 'include':
            for piece in self.include(source, line, rest):
                yield piece
            return
        else:
            self.fail(source, line, 'unknown or out of place: ' + word)
        code = (word + ' ' + rest).strip() + ':'
        if word == 'elif':
            self.check(source, line, 'if %s: pass' % rest)
        elif word == 'else':
            self.check(source, line, 'if 1: pass\n' + code + ' pass')
        else:
            self.check(source, line, code + ' pass')
        yield self.line(code)
        self.indent += 1
        yield self.line('pass')

    def include(self, source, line, rest):
        quote = rest[:1]
        if quote and quote in '\'"' and rest.find(quote, 1) > 0:
            name, _, arguments = rest[1:].partition(quote)
        elif rest[:2] == '{{' and '}}' in rest:
            name, _, arguments = rest[2:].partition('}}')
            self.check(source, line, '(%s)' % name.strip(), 'eval')
            quote = ''
        else:
            self.fail(source, line, 'include what?')
        arguments = arguments.strip().lstrip(',').strip()
        self.check(source, line, 'f(%s)' % arguments, 'eval')
        if quote:
            for piece in self.template(name, arguments):
                yield piece
        else:
            yield self.line('yield from _load(%s)(%s)' % (
                name.strip(), arguments))


def _run(path, names):
    # boards: execfile() does not hold the whole text
    try:
        run = execfile  # noqa: F821
    except NameError:
        with open(path, encoding='utf-8') as file:
            exec(compile(file.read(), path, 'exec'), names)
    else:
        run(path, names)


class Loader(compiled.Loader):
    """Loads templates, and compiles those that were not yet.

    The parameters are those of :class:`utemplate.compiled.Loader`; the folder
    is a path.
    """
    def path(self, name):
        return self.folder + '/' + name

    def open_source(self, name):
        check_name(name)
        return Source(self.path(name), name)

    def find(self, name):
        path = self.path(compiled.module_path(name)) + '.py'
        return self.find_compiled(name, path) or self.compile(name, path)

    def names(self):
        # What the code of a template finds in place.
        return {'__name__': 'template', '_load': self.load}

    def find_compiled(self, name, path):
        """Return what a compiled template defines, if there is one and it is
        of use."""
        if not self.is_ours(path):
            return None
        names = self.names()
        try:
            _run(path, names)
        except (SyntaxError, ImportError, NameError, ValueError):
            return None  # it is damaged
        if names.get('AUTOESCAPE') != self.autoescape or \
                'ARGUMENTS' not in names or names['SOURCES'][-1][0] != name:
            return None
        return names

    def is_ours(self, path):
        """Tell whether a file is a compiled template."""
        try:
            with open(path, encoding='utf-8') as file:
                return file.read(len(MARK)) == MARK
        except (OSError, ValueError):
            return False

    def compile(self, name, path):
        """Compile a template; keep the result beside it if possible."""
        names = self.names()
        try:
            if self.write(name, path):
                _run(path, names)
            else:
                code = ''.join(Compiler(
                    self.open_source, self.autoescape).compile(name))
                exec(code, names)
        except SyntaxError as exc:
            # what only shows in the whole, such as too many blocks in blocks
            raise TemplateError('%s: %s' % (name, exc.args[0]))
        return names

    def write(self, name, path):
        # Tells whether the compiled template has been written.
        self.open_source(name).file.close()
        try:
            os.stat(path)
            if not self.is_ours(path):
                return False  # never over a file of the application's own
        except OSError:
            pass
        temporary = path + '.tmp'
        if not _BOARD:
            # threads and processes may do the same
            import threading
            temporary += '%d-%d' % (os.getpid(), threading.get_ident())
        try:
            file = open(temporary, 'w', encoding='utf-8')
        except OSError:
            return False  # it can only be read
        done = False
        try:
            for piece in Compiler(self.open_source,
                                  self.autoescape).compile(name):
                file.write(piece)
            file.close()
            if _BOARD:
                os.rename(temporary, path)
            else:
                os.replace(temporary, path)
            done = True
        except OSError:
            pass  # it is full, or the source cannot be read
        finally:
            file.close()
            if not done:
                os.remove(temporary)
        return done
