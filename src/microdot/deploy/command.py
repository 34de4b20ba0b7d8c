"""The command line: ``microdot deploy``."""

import argparse
import getpass
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile

from . import line as lines
from . import sending, watching
from .collect import (
    Collection,
    Failure,
    for_boards,
    in_bytes,
    read_imports,
    read_item,
)
from .compiling import (
    HEAP_OF_COMPILING,
    build,
    build_image,
    largest_source,
)
from .plan import (
    MARKER,
    ROM,
    digest,
    hidden_by_rom,
    make_plan,
    paths_to_ask_for,
)
from .starting import (
    WIFI_FILE,
    check,
    connects_itself,
    join,
    place_of,
    start,
    start_code,
)

#: What takes updates in their places when the board starts, and where.
BOOT = 'boot.py'
BOOT_LINE = 'import ota_boot\n'
#: The name of the secret on the board.
KEY_FILE = 'ota.key'
#: Holds the password, so that it need not be typed.
WIFI_PASSWORD = 'MICRODOT_WIFI_PASSWORD'


def show_line(text):
    """Print a line, on any terminal: what its encoding lacks is escaped."""
    encoding = getattr(sys.stdout, 'encoding', None) or 'utf-8'
    print(text.encode(encoding, 'backslashreplace').decode(encoding),
          flush=True)


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


def wifi_settings(name, hostname=None):
    """Return the file with the name and password of a network.

    :raises Failure: *hostname* is none (RFC 952, RFC 1123).
    """
    settings = {'ssid': name}
    if hostname is not None:
        if not re.fullmatch('[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?',
                            hostname):
            raise Failure('--hostname has up to 32 letters, digits and '
                          'hyphens, not %r; .local is added by itself'
                          % hostname)
        settings['hostname'] = hostname
    password = os.environ.get(WIFI_PASSWORD)
    if password is None:
        try:
            password = getpass.getpass('Password of the network %s: ' % name)
        except EOFError:
            raise Failure('no password of the network %s: there is no '
                          'terminal to ask at; put it into $%s' % (
                              name, WIFI_PASSWORD)) from None
    settings['password'] = password
    return json.dumps(settings).encode()


class Bar:
    """A bar for bytes, on a terminal: it stays on its line.

    :param stream: where it goes; ``None``: standard output.
    """
    WIDTH = 24

    def __init__(self, stream=None):
        self.stream = stream or sys.stdout

    def __call__(self, done, total, path=''):
        part = done / total if total else 1
        columns = shutil.get_terminal_size().columns
        full = round(part * self.WIDTH)
        text = '%s%s %3d %%  %s of %s  %s' % (
            '#' * full, '.' * (self.WIDTH - full), int(part * 100),
            in_bytes(done), in_bytes(total), path)
        # (what the line held before is overwritten)
        self.stream.write('\r%-*s' % (columns - 1, text[:columns - 1]))
        if done >= total:
            self.stream.write('\n')
        self.stream.flush()


def terminal_bar():
    """Return a bar if there is a terminal, or ``None``."""
    return Bar() if sys.stdout.isatty() else None


class Deployment:
    """One run of the command.

    :param options: those of the command line.
    :param show: called with each line to show.
    :param folder: for temporary files.
    """

    def __init__(self, options, show, folder):
        self.options = options
        self.show = show
        self.folder = folder
        self.found = Collection(
            pathlib.Path(options.application),
            [pathlib.Path(each) for each in options.add], options.exclude)
        self.line = None if options.to else lines.Line(
            options.port, options.timeout)
        #: The settings of the network, once they have been asked for.
        self.wifi = None

    def run(self, ended=None):
        """Do what the options say.

        :param ended: asked while the application runs whether to stop looking
                      on.
        :raises Failure: that is not possible.
        """
        self._warn()
        options = self.options
        if options.to:
            self._send()
            return
        board = self._probe()
        try:
            plan, code = self._prepare(board)
        except (Failure, KeyboardInterrupt):
            self._go_on(board)
            raise
        if options.dry_run:
            self._go_on(board)
        else:
            self._carry_out(plan, code, 'main.py' in {
                step.path for step in plan.steps}, ended)

    def _prepare(self, board):
        """Return what is to be done, and the code that starts the
        application. The board is asked, and nothing on it changed.

        :raises Failure: that is not possible.
        """
        options = self.options
        written = {**self._for_wifi(), **self._for_updates(board)}
        code = self._code(options.wifi or
                          board and WIFI_FILE in board['files'])
        if options.main and self.found.main.name != 'main.py':
            written['main.py'] = (
                b'# Written by microdot deploy.\n' + code.encode())
        plan = self._plan(board, written)
        if options.dry_run:
            print_plan(plan, self.show)
        self._refuse_full_flash(plan)
        if board and options.py:
            self._refuse_small_heap(board)
        return plan, code

    def _go_on(self, board):
        """Have the board start again, where nothing on it was changed: to
        ask it has stopped its program."""
        if board and 'main.py' in board['files']:
            self.line.run('reset')
            self.show('the board starts again, as asking it ended its program')

    def _send(self):
        """Update the board over the network."""
        options = self.options
        receiver = sending.Receiver(options.to,
                                    sending.read_key(options.key_file))
        files, _ = build(options, self.found.items, None, self.folder)
        sending.update(receiver, files, self.show, options.version,
                       options.lower, terminal_bar())

    def _for_wifi(self):
        """Return the file that ``microdot.wifi`` needs beside the modules."""
        options = self.options
        if not options.wifi:
            return {}
        self.wifi = self.wifi or wifi_settings(options.wifi, options.hostname)
        return {WIFI_FILE: self.wifi}

    def _for_updates(self, board):
        """Return the files that ``microdot.ota`` needs beside the modules."""
        files = {}
        if self.options.key_file:
            files[KEY_FILE] = sending.read_key(self.options.key_file)
        items = {item.path: item for item in self.found.items}
        if 'lib/microdot/ota.py' not in items:
            return files
        own = items.get(BOOT)
        if own:
            if BOOT_LINE.strip() not in read_item(own).decode():
                self.show('warning: updates need the line "%s" in %s'
                          % (BOOT_LINE.strip(), BOOT))
            return files
        text = None
        if board:
            text, = self.line.ask(lines.on_board('boot')
                                  + '_boot(%r)\n' % lines.MARK)
        if BOOT_LINE.strip() not in (text or ''):
            # what the firmware or the user has put there goes on
            files[BOOT] = (BOOT_LINE + (text or '')).encode()
        return files

    def _code(self, wifi):
        """Return the code that starts the application, and tell if the
        network is left to it.

        :param wifi: whether there is a ``wifi.json``.
        """
        main = self.found.main
        by = wifi and connects_itself(main)
        if by:
            self.show('it imports %s, and so connects to the network itself'
                      % by)
        elif wifi and main.name == 'main.py':
            self.show('warning: %s is not read, as main.py is run as it is: '
                      'call it app.py, or connect in it by microdot.wifi'
                      % WIFI_FILE)
        return start_code(main, wifi)

    def _warn(self):
        """Tell what the application has that no board can use."""
        for item in self.found.items:
            if item.kind != 'app':
                continue
            for name in read_imports(item.source):
                part = name.split('.')[1:2]
                if name.startswith('microdot.') and not for_boards(part[0]):
                    self.show('warning: %s imports %s, which is not for '
                              'boards' % (item.path, name))
        for path in self.found.links:
            self.show('warning: %s is a link, and left out; --add copies '
                      'what it leads to' % path)

    def _probe(self):
        """Ask the board what it has, and tell that; without a board, and if
        none is needed, return ``None``."""
        try:
            board = lines.probe(
                self.line, paths_to_ask_for(
                    self.found.items,
                    ('main.py', WIFI_FILE, BOOT, KEY_FILE)),
                self.found.outside)
        except Failure as failure:
            if not self.options.dry_run:
                raise
            self.show('warning: %s' % failure)
            self.show('this is the plan for an empty board')
            return None
        self.show('MicroPython %s on %s; free: %s of heap, %s of flash' % (
            '.'.join(map(str, board['version'])), board['machine'],
            in_bytes(board['heap']),
            in_bytes(board['flash'][2]) if board['flash'] else 'unknown'))
        for name in board['missing']:
            self.show('warning: the board has no module %s: mpremote mip '
                      'install %s, or put %s.py beside %s' % (
                          name, name, name, self.found.main.name))
        return board

    def _plan(self, board, written):
        """Compile, and compare with what the board has.

        :param written: a dict from path to ``bytes``, of files that are no
                        part of the application.
        """
        files, rom = build(self.options, self.found.items, board,
                           self.folder)
        files.update(written)
        plan = make_plan(files, rom, board)
        if self.options.romfs:
            self._plan_image(plan, rom, board)
        elif board:
            self._plan_no_image(plan, files, board)
        return plan

    def _plan_no_image(self, plan, files, board):
        hidden = hidden_by_rom(files, board)
        if not hidden:
            return
        if ROM + MARKER not in board['files']:
            raise Failure(
                'the ROMFS of the board has what would be used instead of %s: '
                'use --romfs, or empty it, by mpremote romfs deploy with an '
                'empty folder' % hidden[0])
        self.show('the ROMFS image of an earlier time would be used instead '
                  'of %s: it will be emptied' % hidden[0])
        self._plan_image(plan, {}, board)

    def _plan_image(self, plan, rom, board):
        if board and not board['rom']:
            raise Failure('the firmware of the board has no ROMFS '
                          'partition: leave out --romfs')
        plan.image = build_image(rom, self.folder, self.line)
        if not board:
            return
        if len(plan.image) > board['rom']:
            raise Failure(
                'the ROMFS partition of the board is too small: %s are '
                'needed, it has %s' % (in_bytes(len(plan.image)),
                                       in_bytes(board['rom'])))
        there = lines.probe(self.line, (), (), len(plan.image))['image']
        plan.image_is_there = there == digest(plan.image)

    def _refuse_full_flash(self, plan):
        missing = plan.missing_space()
        if missing:
            raise Failure(
                'the flash of the board is full: %s more are needed; remove '
                'files with mpremote rm%s' % (
                    in_bytes(missing),
                    ', or leave out --py' * self.options.py))

    def _refuse_small_heap(self, board):
        size, path = largest_source(self.found.items, self.folder)
        needed = size * HEAP_OF_COMPILING
        if needed > board['heap']:
            raise Failure(
                'the board has %s of heap, and to compile %s takes some %s: '
                'leave out --py' % (in_bytes(board['heap']), path,
                                    in_bytes(needed)))

    def _carry_out(self, plan, code, has_main, ended=None):
        self._write(plan)
        if self.options.start:
            start(self.line, code, self.options.follow, self.show,
                  self.folder, ended)
        elif self.options.monitor:
            self.line.run('reset')
        elif has_main:
            self.show('the application starts when the board does: press its '
                      'reset button, or type mpremote reset')
        else:
            self.show('to start the application, add --start; to start it '
                      'whenever the board gets power, add --main')

    def _write(self, plan):
        if plan.image is not None and not plan.image_is_there:
            self.show('writing a ROMFS image, %s' % in_bytes(
                len(plan.image)))
            self.line.run(
                'romfs', 'deploy', str(self.folder / 'image.romfs'),
                patience_s=self.line.patience_s
                + len(plan.image) / lines.SLOWEST)
        # main.py comes last, when the rest is known to work: it is run
        # whenever the board is powered
        first = [step for step in plan.copies if step.path != 'main.py']
        last = [step for step in plan.copies if step.path == 'main.py']
        lines.copy(self.line, plan, self.folder, self.show, first,
                   plan.removals, terminal_bar())
        kept = len(plan.steps) - len(plan.copies)
        if kept:
            self.show('%d of %d files were there already' % (
                kept, len(plan.steps)))
        check(self.line, self.found.items, self.show, self.options.romfs)
        if self.options.wifi:
            place = place_of(self.found.main)
            address = place % join(self.line, self.options.wifi)
            if self.options.hostname:
                address += ' or ' + place % (self.options.hostname + '.local')
            self.show('connected to the network %s: the address is %s' % (
                self.options.wifi, address))
        if last:
            lines.copy(self.line, plan, self.folder, self.show, last)


def deploy(options, show=show_line):
    """Do what the command line says.

    :raises Failure: that is not possible.
    """
    if options.watch:
        watch(options, show)
        return
    if options.application:
        with tempfile.TemporaryDirectory() as folder:
            Deployment(options, show, pathlib.Path(folder)).run()
    if options.monitor:
        watching.monitor(lines.Line(options.port, options.timeout), show)


def watch(options, show):
    """Copy and start the application again at each save, until Ctrl-C.

    What fails is shown, and the next save tries again.
    """
    changes = watching.Changes(options)
    options.start = True
    deployment = None
    try:
        while True:
            saved = []

            def ended():
                saved.append(changes.seen())
                return saved[-1]

            try:
                with tempfile.TemporaryDirectory() as folder:
                    wifi = deployment and deployment.wifi
                    deployment = Deployment(options, show,
                                            pathlib.Path(folder))
                    deployment.wifi = wifi  # asked for once
                    deployment.run(ended)
            except Failure as failure:
                show('error: %s' % failure)
            if not any(saved):
                show('waiting for the next save')
                changes.wait()
            show('saved: deploying again')
    except KeyboardInterrupt:
        show('')


def refuse(parser, options):
    """End the command with an error if options do not go together."""
    for wrong, text in (
            (not options.application and not (
                options.monitor and not options.watch),
             'an application is needed, its main file or folder'),
            (options.hostname and not options.wifi,
             '--hostname goes with --wifi'),
            (options.to and not options.key_file,
             '--to needs --key-file'),
            (options.to and (options.wifi or options.romfs or options.start
                             or options.main or options.watch
                             or options.monitor or options.dry_run),
             '--to goes with --key-file, --version, --lower, --py, -O, --add '
             'and --exclude alone'),
            ((options.version is not None or options.lower)
             and not options.to, '--version and --lower go with --to'),
            (options.watch and options.dry_run,
             '--watch and --dry-run do not go together')):
        if wrong:
            parser.error(text)


def make_parser() -> argparse.ArgumentParser:
    """Return what knows the options."""
    parser = argparse.ArgumentParser(
        prog='microdot deploy',
        description='Put an application on a board with MicroPython.')
    parser.add_argument(
        'application', nargs='?',
        help='its main file, or a folder with all of it; none is needed with '
             '--monitor')
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
        '--watch', action='store_true',
        help='copy and start it again whenever a file is saved')
    parser.add_argument(
        '--monitor', action='store_true',
        help='show what the board prints, also after it starts again')
    parser.add_argument(
        '--hostname', metavar='NAME',
        help='with --wifi: the name of the board, for NAME.local')
    parser.add_argument(
        '--to', metavar='URL',
        help='update a board over the network that has microdot.ota, such '
             'as http://NAME.local')
    parser.add_argument(
        '--key-file', metavar='FILE',
        help='the secret of updates: for --to, or to copy it as %s'
             % KEY_FILE)
    parser.add_argument(
        '--version', type=int, metavar='N',
        help='with --to: the number of the version (default: one more than '
             'that of the board)')
    parser.add_argument(
        '--lower', action='store_true',
        help='with --to: also a version that is not higher')
    parser.add_argument(
        '--dry-run', action='store_true',
        help='show what would be done, with the sizes')
    parser.add_argument(
        '--timeout', type=float, default=lines.PATIENCE_S, metavar='SECONDS',
        help='time for the board to answer (default: %(default)s)')
    return parser


def main(argv=None):
    """Run the command line.

    :param argv: its words, those of the process by default.
    :return: the exit status: 0 if all went well.
    """
    parser = make_parser()
    options = parser.parse_args(argv)
    refuse(parser, options)
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


