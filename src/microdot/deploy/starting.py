"""Starting an application on a board, and seeing what the framework takes."""

import ast
import collections
import queue
import re
import time
from typing import Any

from .address import find_port
from .collect import Failure, Imports, in_bytes, parse_source
from .line import MARK, Reading, on_board
from .plan import ROM

#: Where the application finds the name and password of a network, as
#: ``on_board/connect.py`` has it.
WIFI_FILE = 'wifi.json'
#: Seconds that an application has to run before it counts as started.
STARTING_S = 5
#: Seconds between two questions whether to stop looking on.
LOOK_S = 0.3
#: Seconds that a network gets to let the board in.
JOINING_S = 20
#: By what ``WLAN.status()`` returns.
REASONS = {-3: 'the password is wrong', 202: 'the password is wrong',
           -2: 'there is no such network in reach',
           201: 'there is no such network in reach'}


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
    guarded = ''
    for node in parse_source(main).body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Compare) \
                and getattr(node.test.left, 'id', '') == '__name__':
            guarded += '\n'.join(
                ast.unparse(statement) for statement in node.body) + '\n'
    code = 'import %s\n' % name
    if wifi and not connects_itself(main):
        code = on_board('connect').replace(
            "'%s'", repr(place_of(main)), 1) + code
    if guarded:
        code += 'exec(%r, %s.__dict__)\n' % (guarded, name)
    return code


def place_of(main):
    """Return what to open, with ``%s`` for the address of the board: a URL
    where the port is known, or else that address."""
    port = find_port(main)
    return 'http://%%s:%d/' % port if port else '%s'


def connects_itself(main):
    """Return the name of the module by which an application sees to networks
    itself, or ``None``. To import it in a function is not enough: it may be
    there for something else.
    """
    statements = list(parse_source(main).body)
    for node in statements:
        if isinstance(node, (ast.If, ast.Try)):
            statements += [each for each in ast.iter_child_nodes(node)
                           if isinstance(each, ast.stmt)]
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = Imports(node).names
            for name in ('network', 'microdot.wifi', 'microdot.portal'):
                if name in names:
                    return name
    return None


def join(line, name):
    """Have the board connect to the network of ``wifi.json``.

    :param name: that of the network.
    :return: the address of the board there.
    :raises Failure: it is not let in.
    """
    (address, status), = line.ask(
        on_board('join') + '_join(%r)\n' % MARK,
        patience_s=line.patience_s + JOINING_S)
    if address:
        return address
    raise Failure('the board does not get into the network %s: %s; run this '
                  'again when that is put right' % (
                      name, REASONS.get(status, 'status %s' % status)))


def check(line, items, show, romfs=False):
    """Load the framework on the board and tell what that takes.

    :param items: what was copied.
    :param show: called with each line to show.
    :param romfs: whether it was copied into the ROMFS.
    """
    modules = sorted(
        'microdot' if item.source.stem == '__init__'
        else 'microdot.' + item.source.stem
        for item in items if item.path.startswith('lib/microdot/'))
    if not modules:
        return
    (before, after, origin), = line.ask(
        on_board('check') + '_check(%r, %r)\n' % (MARK, modules))
    show('the framework takes %s of heap, which leaves %s' % (
        in_bytes(before - after), in_bytes(after)))
    if not origin:
        return
    if not re.match(r'(.*/)?lib/microdot/', origin):
        show('warning: the board uses %s instead, which is part of its '
             'firmware' % origin)
    elif origin.startswith(ROM) != romfs:
        show('warning: the board uses %s instead of what was copied' % origin)


def start(line, code, follow, show, folder, ended=None):
    """Start the application, after a soft reset.

    :param follow: whether to show what it prints, until it ends or Ctrl-C;
                   otherwise this returns as soon as it runs.
    :param show: called with each line to show.
    :param folder: for a temporary file.
    :param ended: asked now and then whether to stop looking on.
    :raises Failure: it has ended with an error, or the board does not run it.
    """
    file = folder / 'start.py'
    # (mpremote takes its time to get there)
    file.write_bytes(b'print(%a)\n' % MARK + code.encode())
    if follow:
        show('started; Ctrl-C ends this view, the application goes on')
    output: Any = collections.deque(maxlen=50)
    deadline = None
    with Reading(line.open(['run', str(file)])) as reading:
        try:
            while True:
                try:
                    text = reading.get(_timeout(line, follow, ended, deadline))
                except queue.Empty:
                    if ended:
                        if ended():
                            return
                        continue
                    if deadline is None:
                        raise Failure(
                            line.explain('timeout waiting')) from None
                    # Nobody listens any more, which the application does not
                    # notice.
                    show('started')
                    return
                if text is None:
                    break
                if MARK in text:
                    deadline = time.monotonic() + STARTING_S
                    continue
                output.append(text)
                if follow:
                    show(text)
        except KeyboardInterrupt:
            if ended:
                raise  # who asked decides what comes next
            show('')
            return
        status = reading.process.wait()
    if status:
        raise Failure(_why_it_ended(line, output, follow, show))
    show('the application has ended')


def _timeout(line, follow, ended, deadline):
    """Return the seconds to wait for what comes next, or ``None``.

    :param deadline: when the application counts as started, once it runs.
    """
    if ended:
        return LOOK_S
    if follow:
        return None
    if deadline is None:
        return line.patience_s
    return max(0, deadline - time.monotonic())


def _why_it_ended(line, output, shown, show):
    text = '\n'.join(output)
    if 'Traceback' not in text or 'MemoryError' in text:
        return line.explain(text)
    if not shown:
        for each in output:
            show(each)
    return 'the application ended with an error'
