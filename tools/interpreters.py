"""Obtain MicroPython interpreters for the tests, without compiling any.

``python3 tools/interpreters.py`` fetches what this machine can run and prints
a table of it; ``--list`` prints without fetching; ``--json`` prints the same
for programs. Other scripts import :func:`find` and :func:`cpythons`.

Where interpreters come from:

- On Debian, from the packages of Debian itself: MicroPython 1.25 of Debian 13
  for the machine's own word size and for 32 bits (the stand-in for a board's
  heap), and the version of the next Debian. The mirror is the one that the
  machine's own apt sources name, apt checks the signatures, and nothing is
  installed: packages and the libraries they need are unpacked into a folder
  and started through their own dynamic loader.
- On Ubuntu, from its own release in the same way, unless there is one already:
- Where no CPython is as new, Python 3.14 of the next Debian, unpacked and
  started in the same way. It comes without ``ensurepip``, so that it cannot
  make virtual environments with ``pip``.
- ``$MICROPYTHON``, when set, names one more. Where none is unpacked, a
  ``micropython`` on ``PATH`` is used.
- The official WebAssembly build, from npm, where Node and npm are installed.

The fetched files are kept in ``$XDG_CACHE_HOME/microdot-interpreters``
(``~/.cache`` by default), outside the checkout, so that a fresh clone starts
with what the last one fetched; deleting that folder is always safe. Suites
are pinned rather than package versions, as Debian's archive drops a package
version at the point release that replaces it. The folder ``.interpreters/bin``
of the checkout gets a small script per interpreter, to be called by hand.
"""

import argparse
import contextlib
import functools
import glob
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time
import typing

try:
    import fcntl
except ImportError:  # Windows, where there is nothing to unpack either
    fcntl = None

TOP = pathlib.Path(__file__).resolve().parent.parent
WASM_LAUNCHER = TOP / 'tools' / 'wasm_launcher.mjs'
WASM_PACKAGE = '@micropython/micropython-webassembly-pyscript'
WASM_VERSION = '1.29.0-6'
DEBIAN_STABLE = 'trixie'
#: Tried in this order: ``sid`` is for the time when the first has become
#: stable, or has lost the package for a while.
DEBIAN_NEXT = ('forky', 'sid')
#: Counts changes of the layout, so that an old cache is not misread.
LAYOUT = 'v1'
#: Seconds from a download that fails to the next attempt.
PAUSES_S = (3, 10)
#: The oldest that this project supports; others are as good as none.
OLDEST_MICROPYTHON = (1, 22)
OLDEST_CPYTHON = 10
NEWEST_CPYTHON = 20
#: The minor version of the CPython that is unpacked if none is as new.
PACKAGED_CPYTHON = 14

PROBE = """\
import sys
try:
    import socket
    import select
    loop = True
except ImportError:
    loop = False
version = tuple(sys.implementation.version)[:3]
print(sys.implementation.name, '%d.%d.%d' % version,
      64 if sys.maxsize > 2 ** 32 else 32, loop)
"""


#: Starts an unpacked CPython under the name by which it was called.
STARTER = """\
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/%(loader)s" --inhibit-cache --library-path "%(libraries)s" \\
    --argv0 "$0" "$here/%(program)s" "$@"
"""


class FetchError(Exception):
    """An interpreter could not be obtained; the text is one line."""


class Interpreter(typing.NamedTuple):
    """One interpreter that starts on this machine."""

    #: Such as ``micropython-1.25-32``; unique in what :func:`find` returns.
    name: str
    #: The arguments to put before ``[-X heapsize=N] script [argument ...]``.
    command: list
    #: As the interpreter reports it, such as ``(1, 25, 0)``.
    version: tuple
    #: The word size, 32 or 64.
    bits: int
    #: Whether it has sockets and an ``asyncio.run()`` that blocks.
    has_event_loop: bool

    @property
    def is_micropython(self):
        """Whether this is MicroPython rather than CPython."""
        return self.name.startswith('micropython')


class Slot(typing.NamedTuple):
    """Something to fetch: a folder of the cache and how it is filled."""

    key: str
    label: str
    fill: typing.Callable
    has_event_loop: bool = True
    #: Not to be fetched where another interpreter does.
    is_optional: bool = False


def find():
    """Return the MicroPython interpreters at hand, without fetching any.

    :return: a list of :class:`Interpreter`, empty when there is none.
    """
    found = []
    for slot in expected():
        interpreter = _read_slot(slot)
        if interpreter is not None:
            found.append(interpreter)
    unpacked = any(each.has_event_loop for each in found)
    for command in _own_commands(unpacked):
        interpreter = _probe(command)
        if interpreter is not None and _is_supported(interpreter):
            found.append(interpreter)
    return _with_unique_names(found)


def missing():
    """Return what :func:`find` should have found here but did not.

    :return: a list of labels such as ``Debian trixie, i386``, empty when all
        that this machine can run is there.
    """
    labels = [slot.label for slot in _missing_slots()]
    if not any(each.has_event_loop for each in find()):
        if not any(slot.has_event_loop for slot in expected()):
            labels.append('micropython on PATH')
    return labels


def _missing_slots():
    slots = [slot for slot in expected() if _read_slot(slot) is None]
    if any(slot.is_optional for slot in slots):
        if any(each.has_event_loop for each in find()):
            slots = [slot for slot in slots if not slot.is_optional]
    return slots


def fetch():
    """Fetch what :func:`missing` names.

    Several processes may do so at once: all but one wait, and then find the
    work done. What an interrupted run has downloaded is used by the next.

    :return: a list of one-line error messages, empty when all went well.
    """
    errors = []
    if _missing_slots() or _missing_cpythons():
        with _lock():
            for slot in _missing_slots():
                print('fetching MicroPython: %s' % slot.label,
                      file=sys.stderr)
                try:
                    _fill(slot)
                except FetchError as error:
                    errors.append('%s: %s' % (slot.label, error))
            for slot in _missing_cpythons():
                print('fetching Python: %s' % slot.label, file=sys.stderr)
                try:
                    _fill(slot)
                except FetchError as error:
                    # the tests do with those that are installed
                    print('without %s: %s' % (slot.label, error),
                          file=sys.stderr)
    _write_launchers(find())
    return errors


def cpythons():
    """Return the oldest and the newest CPython of this machine.

    Only released names on ``PATH`` (``python3.10`` and so on) are looked at,
    and only those that start, and the one that was unpacked. The one running
    this is left out, since the caller has it already.

    :return: a list of none, one or two :class:`Interpreter`.
    """
    minors = range(OLDEST_CPYTHON, NEWEST_CPYTHON + 1)
    found = []
    for order in (minors, reversed(minors)):
        interpreter = next(filter(None, map(_any_cpython, order)), None)
        if interpreter is not None and interpreter not in found:
            found.append(interpreter)
    return [interpreter for interpreter in found
            if interpreter.version[:2] != sys.version_info[:2]]


def _any_cpython(minor):
    interpreter = _cpython(minor)
    if interpreter is None and minor == PACKAGED_CPYTHON:
        interpreter = next(filter(None, map(
            _read_slot, expected_cpythons())), None)
    return interpreter


def expected_cpythons():
    """Return the :class:`Slot` of a CPython that is newer than all that are
    installed, in a list, which is empty where there is nothing to unpack."""
    if sys.version_info[1] >= PACKAGED_CPYTHON or any(map(
            _cpython, range(PACKAGED_CPYTHON, NEWEST_CPYTHON + 1))):
        return []
    if _os_release().get('ID') != 'debian' or not (
            shutil.which('apt-get') and shutil.which('dpkg-deb')):
        return []
    arch = _own_arch()
    name = 'python3.%d' % PACKAGED_CPYTHON
    return [Slot('%s-%s' % (name, arch), '%s of Debian %s, %s' % (
        name, DEBIAN_NEXT[0], arch), functools.partial(
            _fill_cpython, arch, name))]


def _missing_cpythons():
    return [slot for slot in expected_cpythons() if _read_slot(slot) is None]


def expected():
    """Return the :class:`Slot` list that this machine should have filled."""
    slots = []
    release = _os_release()
    if shutil.which('apt-get') and shutil.which('dpkg-deb'):
        arch = _own_arch()
        if release.get('ID') == 'debian':
            suites = [(DEBIAN_STABLE, (DEBIAN_STABLE,), arch)]
            if arch == 'amd64':
                suites.append((DEBIAN_STABLE, (DEBIAN_STABLE,), 'i386'))
            suites.append(('next', DEBIAN_NEXT, arch))
            for name, candidates, its_arch in suites:
                slots.append(Slot(
                    'debian-%s-%s' % (name, its_arch),
                    'Debian %s, %s' % (candidates[0], its_arch),
                    functools.partial(_fill_from_apt, 'Debian', candidates,
                                      its_arch)))
        elif release.get('ID') == 'ubuntu':
            suite = release.get('VERSION_CODENAME', '')
            slots.append(Slot(
                'ubuntu-%s-%s' % (suite, arch),
                'Ubuntu %s, %s' % (suite, arch),
                functools.partial(_fill_from_apt, 'Ubuntu', (suite,), arch),
                is_optional=True))
    if shutil.which('node') and shutil.which('npm'):
        slots.append(Slot('wasm-' + WASM_VERSION,
                          'WebAssembly build ' + WASM_VERSION, _fill_from_npm,
                          has_event_loop=False))
    return slots


# ---------------------------------------------------------------- the cache

@functools.lru_cache(None)
def _cache():
    base = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    folder = pathlib.Path(base) / 'microdot-interpreters' / LAYOUT
    try:
        if not folder.is_absolute():
            raise OSError('no home folder')
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise OSError('not writable')
    except OSError:
        folder = TOP / '.interpreters' / 'cache' / LAYOUT
    return folder


def _read_slot(slot):
    """Return the slot's interpreter, or ``None`` when it must be fetched."""
    folder = _cache() / slot.key
    try:
        info = json.loads((folder / 'info.json').read_text())
    except (OSError, ValueError):
        return None
    # The paths are kept relative, so that a cache may be moved.
    command = _command(folder, info)
    if not os.path.exists(command[-1]):
        return None
    return Interpreter(info['name'], command, tuple(info['version']),
                       info['bits'], info['has_event_loop'])


def _command(folder, info):
    if 'module' in info:
        return ['node', str(WASM_LAUNCHER), str(folder / info['module'])]
    if 'script' in info:
        return [str(folder / info['script'])]
    # Without the machine's own ld.so.cache, so that libraries of two
    # releases are never mixed.
    return [str(folder / info['loader']), '--inhibit-cache',
            '--library-path',
            ':'.join(str(folder / path) for path in info['libraries']),
            str(folder / info['program'])]


def _fill(slot):
    """Fill a slot in a work folder, then put it in place in one step."""
    work = _cache() / 'work' / slot.key
    work.mkdir(parents=True, exist_ok=True)
    result = work / 'result'
    info = try_again(_begin, slot, work, result)
    interpreter = _probe(_command(result, info))
    if interpreter is None:
        raise FetchError('unpacked, but does not start on this machine')
    if not _is_supported(interpreter):
        raise FetchError('it is MicroPython %d.%d.%d, which is too old'
                         % interpreter.version)
    info.update(interpreter._asdict())
    del info['command']
    if 'module' in info:
        info['name'] = info['name'].rpartition('-')[0] + '-wasm'
    (result / 'info.json').write_text(json.dumps(info, indent=1) + '\n')
    target = _cache() / slot.key
    shutil.rmtree(target, ignore_errors=True)
    result.rename(target)
    shutil.rmtree(work, ignore_errors=True)


def _begin(slot, work, result):
    shutil.rmtree(result, ignore_errors=True)
    result.mkdir()
    return slot.fill(work, result)


def try_again(function, *args):
    """Call a function that downloads, and call it again if it fails: mirrors
    change while they are read, and connections are cut.

    :return: what it returns.
    :raises FetchError: it has failed each time.
    """
    for pause_s in PAUSES_S:
        try:
            return function(*args)
        except FetchError as error:
            print('%s; again in %d s' % (error, pause_s), file=sys.stderr)
            time.sleep(pause_s)
    return function(*args)


@contextlib.contextmanager
def _lock():
    # The lock goes away with the process that holds it, however that ends.
    _cache().mkdir(parents=True, exist_ok=True)
    with open(_cache() / 'lock', 'w') as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                print('waiting for another run to fetch', file=sys.stderr)
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write_launchers(interpreters):
    folder = TOP / '.interpreters' / 'bin'
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # a checkout that may only be read; nothing else needs them
    if not os.access(folder, os.W_OK):
        return
    for interpreter in interpreters:
        text = '#!/bin/sh\nexec %s "$@"\n' % shlex.join(interpreter.command)
        path = folder / interpreter.name
        if path.exists() and path.read_text() == text:
            continue
        temporary = folder / ('.' + os.urandom(8).hex())
        temporary.write_text(text)
        temporary.chmod(0o755)
        temporary.rename(path)


# --------------------------------------------------- interpreters in general

def _run(command, **kwargs):
    return subprocess.run(command, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors='replace',
                          **kwargs)


def _probe(command):
    """Start an interpreter and return what it says of itself, or ``None``."""
    import tempfile  # here, since it takes longer than all the rest to load
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(folder, 'probe.py')
        with open(script, 'w') as file:
            file.write(PROBE)
        try:
            result = _run(list(command) + [script], timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return None
    words = result.stdout.split()
    if result.returncode or len(words) != 4:
        return None
    version = tuple(map(int, words[1].split('.')))
    name = '%s-%d.%d' % (words[0], *version[:2])
    if words[0] == 'micropython':
        name += '-' + words[2]
    return Interpreter(name, list(command), version, int(words[2]),
                       words[3] == 'True')


def _is_supported(interpreter):
    return interpreter.version[:2] >= OLDEST_MICROPYTHON


def _own_commands(unpacked):
    commands = []
    if os.environ.get('MICROPYTHON'):
        commands.append(shlex.split(os.environ['MICROPYTHON']))
    elif not unpacked and shutil.which('micropython'):
        commands.append([shutil.which('micropython')])
    return commands


def _with_unique_names(interpreters):
    unique = []
    names = set()
    for interpreter in interpreters:
        name = interpreter.name
        count = 1
        while name in names:
            count += 1
            name = '%s-%d' % (interpreter.name, count)
        names.add(name)
        unique.append(interpreter._replace(name=name))
    return unique


@functools.lru_cache(None)
def _cpython(minor):
    name = 'python3.%d' % minor
    path = shutil.which(name)
    if path is None:
        return None
    candidates = [path]
    parent = pathlib.Path(path).parent
    if parent.name == 'shims':
        # A pyenv shim refuses to start a version that is not the selected
        # one, although it is installed.
        candidates = sorted(map(str, parent.parent.glob(
            'versions/*/bin/' + name)), reverse=True)
    for candidate in candidates:
        interpreter = _probe([candidate, '-S'])  # half the time to start
        if (interpreter is not None
                and interpreter.version[:2] == (3, minor)
                and interpreter.name.startswith('cpython')):
            return interpreter._replace(command=[candidate])
    return None


# ------------------------------------------------------------ Debian, Ubuntu

def _os_release():
    """Return the machine's os-release file as a dict, empty if none."""
    fields = {}
    try:
        lines = pathlib.Path('/etc/os-release').read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition('=')
        fields[name.strip()] = value.strip().strip('"\'')
    return fields


@functools.lru_cache(None)
def _own_arch():
    return _run(['dpkg', '--print-architecture']).stdout.strip()


def parse_deb822(text):
    """Return the stanzas of a deb822 file, each a dict with lower-case keys.

    Continuation lines keep their leading space and follow a line break.
    """
    stanzas = [{}]
    name = None
    for line in text.splitlines():
        if line.startswith('#'):
            continue
        if not line.strip():
            if stanzas[-1]:
                stanzas.append({})
        elif line[0] in ' \t':
            if name in stanzas[-1]:
                stanzas[-1][name] += '\n' + line
        else:
            name, _, value = line.partition(':')
            name = name.strip().lower()
            stanzas[-1][name] = value.strip()
    return [stanza for stanza in stanzas if stanza]


def parse_one_line(line):
    """Return a line of a ``sources.list`` as a stanza, or ``None``."""
    match = re.match(r'deb\s+(?:\[([^]]*)\]\s*)?(\S+)\s+(\S+)\s*(.*)',
                     line.partition('#')[0].strip())
    if match is None:
        return None
    stanza = {'types': 'deb', 'uris': match[2], 'suites': match[3],
              'components': match[4].strip()}
    for option in (match[1] or '').split():
        name, _, value = option.partition('=')
        stanza[name.lower()] = value
    return stanza


def read_sources(folder=pathlib.Path('/etc/apt')):
    """Return the stanzas of all apt sources of the machine, in both formats.

    :param folder: the folder that holds ``sources.list``.
    """
    stanzas = []
    files = [folder / 'sources.list']
    files += sorted((folder / 'sources.list.d').glob('*'))
    for file in files:
        if file.suffix not in ('.list', '.sources') or not file.is_file():
            continue
        try:
            text = file.read_text(errors='replace')
        except OSError:
            continue
        if file.suffix == '.list':
            stanzas += filter(None, map(parse_one_line, text.splitlines()))
        else:
            stanzas += parse_deb822(text)
    return stanzas


def select_mirrors(stanzas, distribution, codename):
    """Return those stanzas that may serve the distribution's own archive.

    That is, of the enabled ones with the machine's main suite those signed
    with the key of the distribution (or without a key of their own); only if
    there is none, those with any other key, such as a company's mirror.

    :param stanzas: what :func:`read_sources` returned.
    :param distribution: ``Debian`` or ``Ubuntu``.
    :param codename: the code name of the release that is installed.
    """
    names = {codename, 'stable', 'oldstable', 'testing', 'unstable', 'sid'}
    archive, unsigned, other = [], [], []
    for stanza in stanzas:
        if (stanza.get('enabled', 'yes').lower() in ('no', 'false', '0')
                or 'deb' not in stanza.get('types', '').split()
                or 'main' not in stanza.get('components', '').split()
                or not names.intersection(stanza.get('suites', '').split())
                or stanza.get('uris', '').startswith('cdrom:')):
            continue
        key = stanza.get('signed-by', '')
        if not key:
            unsigned.append(stanza)
        elif distribution.lower() + '-archive' in key:
            archive.append(stanza)
        else:
            other.append(stanza)
    return archive + unsigned or other


def _fill_from_apt(distribution, suites, arch, work, result,
                   package='micropython'):
    codename = _os_release().get('VERSION_CODENAME', '')
    mirrors = select_mirrors(read_sources(), distribution, codename)
    if not mirrors:
        raise FetchError('the apt sources name no %s archive' % distribution)
    error = None
    for mirror in mirrors:
        for suite in suites:
            try:
                packages = _download(distribution, mirror, suite, arch,
                                     work / suite, package)
                return _unpack(packages, result, package)
            except FetchError as failure:
                error = error or failure
    raise error


def _download(distribution, mirror, suite, arch, folder, package):
    """Download the package and all that it needs; return the files' paths."""
    components = ['main']
    if distribution == 'Ubuntu':
        components.append('universe')
    source = {'Types': 'deb', 'URIs': mirror['uris'], 'Suites': suite,
              'Components': ' '.join(components), 'Architectures': arch}
    key = mirror.get('signed-by')
    if not key:
        # The machine trusts the archive by a key in a folder of its own, and
        # that one need not have the keys of other releases.
        keyrings = glob.glob('/usr/share/keyrings/%s-archive-keyring.*g*'
                             % distribution.lower())
        key = keyrings[0] if keyrings else None
    if key:
        source['Signed-By'] = key
    for name in ('etc', 'state', 'lists/partial', 'archives/partial'):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / 'etc' / 'own.sources').write_text(
        ''.join('%s: %s\n' % field for field in source.items()))
    # Nothing counts as installed, so that the libraries come along.
    (folder / 'status').write_text('')
    config = folder / 'apt.conf'
    config.touch(mode=0o600)
    config.write_text(_apt_config(folder, arch))
    _apt(config, 'update')
    release = ''.join(
        path.read_text(errors='replace')[:4096]
        for path in (folder / 'lists').glob('*Release'))
    if not re.search('(?m)^Origin: %s$' % distribution, release):
        raise FetchError('the mirror does not serve %s' % distribution)
    _apt(config, 'install', '--download-only', '--no-install-recommends',
         package)
    return sorted((folder / 'archives').glob('*.deb'))


def _apt_config(folder, arch):
    # How to reach the mirror (proxies and so on) is taken from the machine,
    # everything else is not: no hooks, no pins, no indexes beside packages.
    dump = _run(['apt-config', 'dump']).stdout.splitlines()
    lines = [line for line in dump if line.startswith('Acquire::')
             and not line.startswith(('Acquire::IndexTargets',
                                      'Acquire::Languages'))]
    settings = {
        'Dir::State': folder / 'state',
        'Dir::State::lists': folder / 'lists',
        'Dir::State::status': folder / 'status',
        'Dir::Cache': folder,
        'Dir::Cache::archives': folder / 'archives',
        'Dir::Log': folder,
        'Dir::Etc::sourcelist': '/dev/null',
        'Dir::Etc::sourceparts': folder / 'etc',
        'Dir::Etc::main': '/dev/null',
        'Dir::Etc::parts': '/dev/null',
        'Dir::Etc::preferences': '/dev/null',
        'Dir::Etc::preferencesparts': '/dev/null',
        'APT::Architecture': arch,
        'APT::Architectures': arch,
        # The cache may lie where the user that apt changes to cannot look.
        'APT::Sandbox::User': 'root',
        'Acquire::Languages': 'none',
        'Acquire::Retries': '2',
    }
    lines += ['%s "%s";' % setting for setting in settings.items()]
    return '\n'.join(lines) + '\n'


def _apt(config, *args):
    env = dict(os.environ, APT_CONFIG=str(config), LC_ALL='C',
               DEBIAN_FRONTEND='noninteractive')
    result = _run(['apt-get', '-q', '-y', *args], env=env)
    output = (result.stderr + result.stdout).splitlines()
    # A failed update is only a warning to apt.
    for prefix in ('E: ', 'W: Failed to fetch '):
        for line in output:
            if line.startswith(prefix):
                raise FetchError(line[3:].strip())
    if result.returncode:
        raise FetchError('apt-get %s failed' % args[0])


def _fill_cpython(arch, name, work, result):
    info = _fill_from_apt('Debian', DEBIAN_NEXT, arch, work, result, name)
    # It starts other Pythons by ``sys.executable``, so that has to be one
    # file, also through the links of a virtual environment; and it finds its
    # library beside that file.
    program = result / info['program']
    program.rename(program.with_name(name + '.unpacked'))
    there = os.path.relpath(result, program.parent)
    program.write_text(STARTER % {
        'loader': '%s/%s' % (there, info['loader']),
        'libraries': ':'.join('$here/%s/%s' % (there, path)
                              for path in info['libraries']),
        'program': name + '.unpacked'})
    program.chmod(0o755)
    return {'script': info['program'], 'packages': info['packages']}


def _unpack(packages, result, name):
    for package in packages:
        unpacked = _run(['dpkg-deb', '-x', str(package), str(result)])
        if unpacked.returncode:
            # A damaged file would be in the way of every later attempt.
            package.unlink()
            raise FetchError('cannot unpack %s' % package.name)
    loaders = sorted(path for pattern in ('usr/lib/*/', 'lib/*/', 'lib/')
                     for path in result.glob(pattern + 'ld-linux*.so.*'))
    program = result / 'usr' / 'bin' / name
    if not program.exists():
        program = result / 'usr' / 'sbin' / name
    if not loaders or not program.exists():
        raise FetchError('the packages hold no loader or no ' + name)
    folders = {path.parent for pattern in ('usr/lib/**/', 'lib/**/')
               for path in result.glob(pattern + '*.so.*')}
    for extra in ('usr/share', 'usr/lib/*/gconv', 'etc'):
        for path in result.glob(extra):
            shutil.rmtree(path)
    folders = sorted(path for path in folders if path.exists())
    return {
        'loader': str(loaders[0].relative_to(result)),
        'program': str(program.relative_to(result)),
        'libraries': [str(path.relative_to(result)) for path in folders],
        'packages': [package.name for package in packages],
    }


def unpack_program(name, folder):
    """Unpack a program of Debian or Ubuntu that is not installed, by the way
    that MicroPython takes.

    :param name: of the package and of the program in it.
    :param folder: where to; the result is kept there.
    :return: the command, as a list.
    :raises FetchError: it could not be obtained.
    """
    folder = pathlib.Path(folder)
    result = folder / 'result'
    try:
        info = json.loads((result / 'info.json').read_text())
    except (OSError, ValueError):
        shutil.rmtree(result, ignore_errors=True)
        result.mkdir(parents=True)
        ubuntu = _os_release().get('ID') == 'ubuntu'
        suite = _os_release().get('VERSION_CODENAME', '')
        info = _fill_from_apt(
            'Ubuntu' if ubuntu else 'Debian',
            (suite if ubuntu else DEBIAN_STABLE,), _own_arch(),
            folder / 'work', result, name)
        (result / 'info.json').write_text(json.dumps(info, indent=1) + '\n')
    return _command(result, info)


# --------------------------------------------------------------- WebAssembly

def _fill_from_npm(work, result):
    # npm checks the package against the checksum that its registry states.
    installed = _run(['npm', 'install', '--ignore-scripts', '--no-audit',
                      '--no-fund', '--no-save', '--prefix', str(result),
                      '%s@%s' % (WASM_PACKAGE, WASM_VERSION)])
    module = 'node_modules/%s/micropython.mjs' % WASM_PACKAGE
    if installed.returncode or not (result / module).exists():
        lines = [line for line in installed.stderr.splitlines()
                 if line.startswith(('npm error', 'npm ERR!'))]
        raise FetchError(lines[0] if lines else 'npm install failed')
    return {'module': module,
            'packages': ['%s@%s' % (WASM_PACKAGE, WASM_VERSION)]}


# -------------------------------------------------------------- command line

def _rows(interpreters):
    folder = TOP / '.interpreters' / 'bin'
    for interpreter in interpreters:
        launcher = folder / interpreter.name
        path = launcher if launcher.exists() else interpreter.command[0]
        yield (interpreter.name, '.'.join(map(str, interpreter.version)),
               str(interpreter.bits), str(path))


def _print_table(interpreters):
    rows = [('name', 'version', 'bits', 'path'), *_rows(interpreters)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print('  '.join(cell.ljust(width) for cell, width
                        in zip(row, widths)).rstrip())


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description='Fetch and list MicroPython interpreters for the tests.')
    parser.add_argument('--list', action='store_true',
                        help='print what is there without fetching')
    parser.add_argument('--json', action='store_true',
                        help='print JSON, with the full commands')
    options = parser.parse_args(argv)
    try:
        errors = [] if options.list else fetch()
    except KeyboardInterrupt:
        print('error: interrupted; the next run goes on from here',
              file=sys.stderr)
        return 130
    interpreters = find()
    if options.json:
        print(json.dumps([interpreter._asdict()
                          for interpreter in interpreters], indent=1))
    else:
        _print_table(interpreters)
    for error in errors:
        print('error: ' + error, file=sys.stderr)
    if not options.list and not interpreters:
        print('error: no MicroPython found; set MICROPYTHON to the path of '
              'one', file=sys.stderr)
        return 1
    return 1 if errors else 0


if __name__ == '__main__':
    sys.exit(main())
