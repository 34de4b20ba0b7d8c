"""What is to be done on the board: compares what it has with what it shall
have."""

import collections
import hashlib
from typing import Any

#: Where a board sees its ROMFS.
ROM = '/rom/'
#: A file of each image that deploy makes.
MARKER = 'microdot.deploy'

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
        #: The ROMFS image, if there is to be one, as ``bytes``.
        self.image = None
        self.image_is_there = False

    @property
    def copies(self):
        """The steps that copy something."""
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
    """Yield the paths that MicroPython would import instead of *path*."""
    if path.endswith('.mpy'):
        yield twin(path)
    parts = path.split('/')
    if parts[:2] == ['lib', 'microdot']:
        yield from ('microdot.py', 'microdot.mpy', 'microdot')


def hidden_by_rom(files, board):
    """Return those paths of files in whose place the board would import what
    is in its ROMFS.

    :param board: what the probe told.
    """
    path = board['path']
    if ROM + 'lib' not in path or \
            '/lib' in path[:path.index(ROM + 'lib')]:
        return []
    return [each for each in files if any(
        ROM + other in board['files'] for other in in_rom(each))]


def in_rom(path):
    """Return the paths that a ROMFS may have in place of one in ``lib``."""
    if not path.startswith('lib/'):
        return []
    return [path, twin(path), '/'.join(path.split('/')[:2])]


def digest(data):
    """Return the hash of a file as ``on_board/sums.py`` has it."""
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
        # The folder alone would be used, even if it is empty.
        for other in (top, path, twin(path)):
            if other in there and other not in files and not any(
                    each.startswith(other + '/') for each in files):
                removals[other] = 'would be used instead of the ROMFS'
    return Plan(steps, removals, board)


def paths_to_ask_for(items, more=()):
    """Return the paths of all that a plan has to know of a board, sorted.

    :param items: what is to be copied.
    :param more: paths beside those.
    """
    paths = {*more, ROM + MARKER}
    for item in items:
        forms = [item.path]
        if item.source.suffix == '.py':
            forms.append(twin(item.path))
        for path in forms:
            paths.update((path, path.rpartition('/')[0], *shadows(path)),
                         [ROM + each for each in in_rom(path)])
    paths.discard('')
    return sorted(paths)


def folders_of(paths):
    """Return the folders that have to be there before files are copied to
    these paths, each after the one that it is in."""
    made: dict[str, Any] = {}
    for path in paths:
        parts = path.split('/')[:-1]
        for i in range(len(parts)):
            made['/'.join(parts[:i + 1])] = None
    return list(made)
