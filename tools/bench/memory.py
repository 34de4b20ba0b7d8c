"""Compare what is needed of a board's heap with what Microdot 2.7 needs.

``python3 tools/bench/memory.py`` measures on the 32-bit MicroPython that
``tools/interpreters.py`` has fetched, whose figures are within 5% of a
board's. See docs/project/benchmarks.rst; ``tools/boards/size.py`` has the
sizes of the files and what else it takes to follow them from change to change.
"""
import argparse
import json
import os
import subprocess
import sys

import common
from common import Failure

#: Put before what is measured: modules come from an image, as on a board
#: whose flash holds one. The image is in memory here, and does not count.
MOUNT = """\
import os, sys, vfs
image = bytearray(os.stat({image!r})[6])
with open({image!r}, 'rb') as file:
    file.readinto(image)
vfs.mount(vfs.VfsRom(image), '/rom')
sys.path.insert(0, '/rom')
"""
#: The largest heap in which an import is tried, in KiB.
LARGEST_KIB = 1024
IDLE = (0, 10, 20)
REQUEST = b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
#: (label, form, figure, most, aim): over Microdot 2.7.
TARGETS = (
    ('core imported, .mpy -O0', 'mpy0', 'import', 1.25, 1.0),
    ('core imported, ROMFS, after asyncio', 'rom', 'import_asyncio', 1.25,
     1.0),
    ('smallest heap that serves, .mpy -O0', 'mpy0', 'serving', 1.25, 1.0),
    ('smallest heap that serves, .py', 'py', 'serving', 1.25, 1.0),
)
#: Bytes per idle keep-alive connection.
MOST_IDLE = 1200


def build_image(source, target):
    """Build a ROMFS image of a folder.

    :raises Failure: mpremote does not do it.
    """
    result = subprocess.run(
        [sys.executable, '-m', 'mpremote', 'romfs', '--no-mpy', '-o',
         str(target), 'build', str(source)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode or not target.exists():
        raise Failure('mpremote: ' + (result.stdout + result.stderr).strip())
    return target


def smallest(works, low, high, step=1):
    """Return the smallest number, a multiple of *step*, for which *works* is
    true, or ``None``. It is to be true for all larger ones."""
    low, high = low // step, high // step
    if not works(high * step):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if works(middle * step):
            high = middle
        else:
            low = middle
    return high * step


class Form:
    """One way to have the modules on a board.

    :param name: ``py``, ``mpy0``, ``mpy3`` or ``rom``.
    """
    def __init__(self, name, interpreter, folder):
        import size
        self.size = size
        self.name = name
        self.interpreter = interpreter
        self.before = ''
        self.image = 0
        kind = 'mpy3' if name == 'rom' else name
        self.core = folder / kind
        self.package = folder / (
            'package-py' if name == 'py' else 'package' + kind[-1])
        self.package_before = ''
        if name == 'rom':
            image = build_image(self.core, folder / 'core.romfs')
            self.image = os.stat(image).st_size
            self.before = MOUNT.format(image=str(image))
            image = build_image(self.package, folder / 'package.romfs')
            self.package_before = MOUNT.format(image=str(image))
            self.core = self.package = folder / 'empty'
            self.core.mkdir(exist_ok=True)

    def imported(self, module, before=''):
        """Return the bytes that an import keeps in use."""
        if module == 'microdot':
            return self.size.imported(self.interpreter, self.core, module,
                                      self.before + before)
        return self.size.imported(
            self.interpreter, self.package, module,
            self.package_before + 'import microdot.microdot')

    def peak(self):
        """Return the smallest heap, in bytes, in which the core can be
        imported."""
        def works(kib):
            result = subprocess.run(
                [*self.interpreter.command, '-X', 'heapsize=%dk' % kib, '-c',
                 self.before + 'import microdot'],
                env=self.size.environment(self.core),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, timeout=60)
            return not result.returncode
        found = smallest(works, 4, LARGEST_KIB)
        return found and found * 1024 - self.image

    def serving(self):
        """Return the smallest heap, in bytes, that serves 200 requests."""
        return self.size.smallest_serving_heap(
            self.interpreter, self.core, self.before) - self.image


def number(port, path):
    """Return the number that the server answers with."""
    connection = common.http.client.HTTPConnection(
        '127.0.0.1', port, timeout=common.PATIENCE_S)
    try:
        connection.request('GET', path)
        return int(connection.getresponse().read())
    finally:
        connection.close()


def allocated(interpreter, path, headers, count=50):
    """Return the bytes that a request allocates.

    :param headers: of the request; ``Connection: close`` for a connection
                    for each.
    """
    import board
    case = common.Case('allocated', '', headers=headers)
    server = board.server('allocated', interpreter, path, '32m', False)
    with common.running({'server': server}) as servers:
        if not servers:
            raise Failure('the server does not start')
        load = common.PlainLoad(count)
        load.run(server.port, case, 0)
        first = number(server.port, '/heap')
        second = number(server.port, '/heap')
        load.run(server.port, case, 0)
        third = number(server.port, '/heap')
        return round((third - second - (second - first)) / count)


def idle(interpreter, path, request):
    """Return the bytes of heap that an idle connection keeps.

    :param request: sent on each connection, and answered; if empty, nothing
                    has been sent yet.
    """
    import board
    server = board.server('idle', interpreter, path)
    used = []
    with common.running({'server': server}) as servers:
        if not servers:
            raise Failure('the server does not start')
        number(server.port, '/live')
        for count in IDLE:
            connections = common.Idle(server.port, count, request)
            try:
                number(server.port, '/live')
                used.append(number(server.port, '/live'))
                for sock in connections.sockets:
                    sock.setblocking(False)
                    try:
                        if not sock.recv(1):
                            return None  # it does not keep connections
                    except BlockingIOError:
                        pass
            finally:
                connections.close()
            number(server.port, '/live')
    return round((used[-1] - used[0]) / (IDLE[-1] - IDLE[0]))


def measure(names, note=print):
    """Return ``{project: {'forms': ..., 'running': ..., 'modules': ...}}``.

    :param names: of figures: ``import``, ``peak``, ``serving``, ``running``,
                  ``modules``.
    """
    import board
    import size
    machine = size.board_like()
    results = {}

    def attempt(where, key, function, *args):
        try:
            where[key] = function(*args)
        except (Failure, size.Failure, OSError, ValueError,
                subprocess.TimeoutExpired) as failure:
            where[key] = None
            note('%s: %s' % (key, failure))

    for project in board.PROJECTS:
        note('%s ...' % project)
        folder = board.lay_out(project, board.folder(project))
        result = results[project] = {'forms': {}, 'running': {},
                                     'modules': {}}
        forms = {name: Form(name, machine, folder)
                 for name in ('mpy0', 'mpy3', 'rom', 'py')}
        for name, form in forms.items():
            figures = result['forms'][name] = {}
            if 'import' in names:
                attempt(figures, 'import', form.imported, 'microdot')
                attempt(figures, 'import_asyncio', form.imported, 'microdot',
                        'import asyncio')
            if 'peak' in names:
                attempt(figures, 'peak', form.peak)
            if 'serving' in names:
                attempt(figures, 'serving', form.serving)
        if 'running' in names:
            path = folder / 'mpy3'
            figures = result['running']
            attempt(figures, 'allocated', allocated, machine, path, ())
            attempt(figures, 'allocated_close', allocated, machine, path,
                    (('Connection', 'close'),))
            attempt(figures, 'idle_silent', idle, machine, path, b'')
            attempt(figures, 'idle', idle, machine, path, REQUEST)
        if 'modules' in names:
            for module in board.modules(project):
                figures = result['modules'][module] = {}
                for name, form in forms.items():
                    attempt(figures, name, form.imported,
                            'microdot.' + module)
    return results


def judge(results):
    """Return the targets with what was measured."""
    judged = []
    for label, form, figure, most, aim in TARGETS:
        mine = results['ours']['forms'].get(form, {}).get(figure)
        theirs = results['microdot27']['forms'].get(form, {}).get(figure)
        if mine and theirs:
            value = round(mine / theirs, 3)
            judged.append({
                'label': label, 'ours': mine, 'microdot27': theirs,
                'ratio': value, 'target': most, 'aim': aim,
                'verdict': common.verdict(value, most, aim)})
    mine = results['ours']['running'].get('idle')
    if mine is not None:
        judged.append({
            'label': 'idle keep-alive connection, bytes', 'ours': mine,
            'microdot27': results['microdot27']['running'].get('idle'),
            'ratio': None, 'target': MOST_IDLE, 'aim': None,
            'verdict': common.verdict(mine, MOST_IDLE)})
    return judged


FORMS = {'mpy0': '.mpy, -O0', 'mpy3': '.mpy, -O3', 'rom': 'ROMFS, -O3',
         'py': '.py'}
FIGURES = {'import': 'importing keeps', 'import_asyncio': '  after asyncio',
           'peak': 'smallest heap that imports',
           'serving': 'smallest heap that serves'}
RUNNING = {'allocated': 'allocated per request, keep-alive',
           'allocated_close': 'allocated per request, new connection',
           'idle_silent': 'open connection, nothing sent yet',
           'idle': 'open connection, after a request'}


def report(results):
    """Return the results as text."""
    ours, theirs = results['ours'], results['microdot27']

    def row(label, mine, peer):
        return label, mine, peer, mine / peer if mine and peer else None

    rows = [('core, bytes', 'here', '2.7', 'ratio')]
    for figure, label in FIGURES.items():
        for form, kind in FORMS.items():
            if figure in ours['forms'][form]:
                rows.append(row('%s, %s' % (label, kind),
                                ours['forms'][form][figure],
                                theirs['forms'][form].get(figure)))
    for figure, label in RUNNING.items():
        if figure in ours['running']:
            rows.append(row(label, ours['running'][figure],
                            theirs['running'].get(figure)))
    parts = [common.table(rows)]
    names = sorted(ours['modules'].keys() | theirs['modules'].keys())
    if names:
        rows = [('extension, bytes', *['%s%s' % (kind, of)
                                       for kind in FORMS.values()
                                       for of in ('', ' 2.7')])]
        for name in names:
            rows.append((name, *[
                project['modules'].get(name, {}).get(form)
                for form in FORMS for project in (ours, theirs)]))
        parts.append(common.table(rows))
    judged = judge(results)
    if judged:
        parts.append(common.table(
            [('target', 'here', '2.7', 'ratio', 'most', 'aim', '')] +
            [(each['label'], each['ours'], each['microdot27'], each['ratio'],
              each['target'], each['aim'], each['verdict'])
             for each in judged]))
    return '\n'.join(parts)


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description="Compare what is needed of a board's heap.")
    known = ('import', 'peak', 'serving', 'running', 'modules')
    parser.add_argument('--figures', help='names with commas between; '
                        'default: all of ' + ', '.join(known))
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args(argv)
    import speed
    names = speed.parse_names(options.figures, known)
    common.enter()
    try:
        results = measure(names, lambda text: print(text, file=sys.stderr))
    except Exception as failure:
        if type(failure).__name__ != 'Failure':
            raise
        print('error: %s' % failure, file=sys.stderr)
        return 1
    print(json.dumps(dict(results, targets=judge(results)), indent=1)
          if options.json else report(results))
    return 0


if __name__ == '__main__':
    sys.exit(main())
