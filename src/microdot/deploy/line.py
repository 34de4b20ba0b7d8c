"""The line to a board: everything that is done through ``mpremote``."""

import ast
import json
import os
import pathlib
import queue
import re
import subprocess
import tempfile
import threading
from typing import Any

from .collect import Failure, in_bytes
from .compiling import find_tool
from .plan import digest, folders_of

#: The oldest MicroPython that the framework runs on.
OLDEST = (1, 22)
#: Seconds without a sign of life after which a board counts as lost, and
#: bytes that it is sent in a second, at the least.
PATIENCE_S = 30
SLOWEST = 300
#: Files that one call of mpremote copies: a command line has an end.
BATCH = 8
#: Characters of paths in one program for the board, which has to hold them
#: all, and programs for one call of mpremote.
CHUNK = 3000
CHUNKS = 50
# Begins the lines that are meant for this program.
MARK = '@@deploy:'
ON_BOARD = pathlib.Path(__file__).parent / 'on_board'


# ------------------------------------------------------ programs for a board

class _Docstrings(ast.NodeTransformer):
    """Removes docstrings, which a board would have to hold."""

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        return self.visit_Module(node)

    def visit_Module(self, node):
        if ast.get_docstring(node) is not None:
            del node.body[0]
        for child in node.body:
            self.visit(child)
        return node


def on_board(*names):
    """Return the code of files of ``on_board``, without comments."""
    trees = [ast.parse((ON_BOARD / (name + '.py')).read_bytes())
             for name in names]
    return ''.join(ast.unparse(_Docstrings().visit(tree)) + '\n'
                   for tree in trees)


def in_chunks(values):
    """Yield lists of the values of which each fits into one program."""
    chunk: list[Any] = []
    size = 0
    for value in values:
        if size > CHUNK:
            yield chunk
            chunk = []
            size = 0
        chunk.append(value)
        size += len(repr(value)) + 2
    yield chunk


# ------------------------------------------------------------------ the line

class Line:
    """The line to a board, through mpremote.

    :param port: as ``mpremote connect`` takes it.
    :param patience_s: seconds that the board may be silent.
    """

    def __init__(self, port='auto', patience_s=PATIENCE_S):
        self.port = port
        self.patience_s = patience_s
        self.command = find_tool('mpremote', 'mpremote')

    def open(self, words, resume=False, connect=True):
        """Start mpremote and return the process, whose output is a pipe."""
        command = list(self.command)
        if connect:
            command += ['connect', self.port] + ['resume'] * resume
        return subprocess.Popen(
            command + list(words), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=dict(os.environ, PYTHONUNBUFFERED='1'))

    def run(self, *words, resume=False, on_line=None, patience_s=None,
            connect=True):
        """Run mpremote and return what it prints.

        :param words: its command line, after ``connect``.
        :param resume: whether the board keeps its state; else a soft reset
                       comes first.
        :param on_line: called with each line of the output.
        :raises Failure: it fails, or the board does not answer any more.
        """
        output = []
        with Reading(self.open(words, resume, connect)) as reading:
            try:
                while True:
                    line = reading.get(patience_s or self.patience_s)
                    if line is None:
                        break
                    output.append(line)
                    if on_line:
                        on_line(line)
            except queue.Empty:
                raise Failure(self._lost('does not answer')) from None
            status = reading.process.wait()
        if status:
            raise Failure(self.explain('\n'.join(output)))
        return '\n'.join(output)

    def execute(self, *programs, **kwargs):
        """Run programs on the board, one after the other, and return what
        they print. What one defines the next ones have.

        They go by files: a command line has an end, and may be unable to
        hold all characters.

        :param kwargs: as for :meth:`run`.
        """
        with tempfile.TemporaryDirectory() as folder:
            words = []
            for number, code in enumerate(programs):
                file = pathlib.Path(folder, '%d.py' % number)
                file.write_bytes(code.encode())
                words += ['run', str(file), '+']
            return self.run(*words[:-1], **kwargs)

    def ask(self, *programs, **kwargs):
        """Run programs on the board; return a list of the values that they
        print as JSON behind the mark."""
        found = [line.partition(MARK)[2] for line in self.execute(
            *programs, **kwargs).split('\n') if MARK in line]
        try:
            return [json.loads(text) for text in found]
        except ValueError:
            raise Failure(self._lost('answers strangely')) from None

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
                # In a full heap the name of the module has no room either.
                ('MemoryError|memory allocation failed|'
                 r'ImportError: no module named\s*$',
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


class Reading:
    """Reads the lines that a process prints, while another waits for them.

    A context manager; the process is over at its end.
    """

    def __init__(self, process):
        self.process = process
        self._lines: Any = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line.decode(errors='replace').rstrip('\r\n'))
        self._lines.put(None)

    def get(self, timeout=None):
        """Return the next line, or ``None`` at the end.

        :raises queue.Empty: there was none in that many seconds.
        """
        return self._lines.get(timeout=timeout)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._thread.join()
        self.process.stdout.close()


# ------------------------------------------------------- what is done with it

def probe(line, paths, modules, image=0):
    """Ask the board what it is and which of the files it has.

    :param image: the length of a ROMFS image whose hash is wanted.
    :return: a dict, see ``on_board/probe.py``.
    :raises Failure: the framework does not run on it.
    """
    programs = [
        '_probe(%r, %r, %r, %d)\n' % (
            MARK, chunk, () if number else tuple(modules),
            0 if number else image)
        for number, chunk in enumerate(in_chunks(paths))]
    code = on_board('sums', 'probe')
    board = None
    for start in range(0, len(programs), CHUNKS):
        for part in line.ask(code, *programs[start:start + CHUNKS]):
            if board is None:
                board = part
                _refuse_firmware(board)
            else:
                board['files'].update(part['files'])
    if board is None:
        raise Failure(line._lost('answers strangely'))
    return board


def _refuse_firmware(board):
    if board['name'] != 'micropython':
        raise Failure('the firmware of the board is %s: MicroPython is '
                      'needed, see https://micropython.org/download/'
                      % board['name'])
    if tuple(board['version']) < OLDEST:
        raise Failure(
            'MicroPython %s on the board is too old: %d.%d or later is '
            'needed, see https://micropython.org/download/' % (
                '.'.join(map(str, board['version'])), *OLDEST))


def copy(line, plan, folder, show, copies, removals=(), bar=None):
    """Carry a part of a plan out.

    :param folder: for temporary files.
    :param show: called with each line to show.
    :param copies: those of its steps that are to be done now.
    :param removals: paths to remove before.
    :param bar: called in place of *show* with the bytes that have been
                copied, those in all, and the path of a file.
    """
    if copies or removals:
        _prepare(line, copies, removals)
    for path in removals:
        show('removed %s' % path)
    # Old files go before the new ones come only where there is no room for
    # both.
    tight = plan.board['flash'] and plan.board['flash'][2] < sum(
        len(step.data) + 4096 for step in plan.copies)
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
            if bar:
                bar(sum(len(each.data) for each in copies[:done]),
                    sum(len(each.data) for each in copies), step.path)
            else:
                show('%d/%d %s, %s' % (done, len(copies), step.path,
                                       in_bytes(len(step.data))))

    for start in range(0, len(copies), BATCH):
        try:
            _copy_batch(line, copies[start:start + BATCH], folder, tight,
                        on_line)
        except Failure as failure:
            if 'is full' in str(failure) and done < len(copies):
                line.execute('import os\ntry:\n os.remove(%r)\nexcept '
                             'OSError:\n pass\n'
                             % (copies[done].path + '.part'))
            raise
    if done < len(copies):
        raise Failure('not everything was copied: run this once more')


def _prepare(line, copies, removals):
    """Remove files, make folders, and leave the functions that copying takes
    on the board."""
    calls = ['_remove(%r)' % path for path in removals]
    calls += ['_make(%r)' % path
              for path in folders_of(step.path for step in copies)]
    if not calls:
        calls.append('')
    code = on_board('sums', 'prepare')
    programs = ['\n'.join(chunk) + '\n' for chunk in in_chunks(calls)]
    for start in range(0, len(programs), CHUNKS):
        line.execute(code, *programs[start:start + CHUNKS])


def _copy_batch(line, steps, folder, tight, on_line):
    words = []
    for number, step in enumerate(steps):
        file = folder / ('copy%d' % number)
        # It may hold a password.
        file.touch(mode=0o600)
        file.write_bytes(step.data)
        if tight:
            words += ['exec', '_remove(%s)' % ascii(step.path), '+']
        words += ['fs', 'cp', '-f', str(file), ':' + step.path + '.part',
                  '+', 'exec', '_copied(%r, %s)' % (MARK, ascii(step.path)),
                  '+']
    largest = max(len(step.data) for step in steps)
    line.run(*words, resume=True, on_line=on_line,
             patience_s=line.patience_s + largest / SLOWEST)
