"""Obtain what the tests run beside Python, installing nothing:
``redis-server``, ``nginx``, ``caddy``, ``mosquitto`` and ``postgres``.

``python3 tools/programs.py`` fetches what is missing and prints where it is.
Other scripts import :func:`find`. A program that is installed is used; else
the machine's own apt downloads the package and what it needs that is not
installed, checks the signatures, and it is all unpacked into a folder of the
cache beside the interpreters'. Deleting that is always safe.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import interpreters
from interpreters import FetchError

#: Package and path of each program. The version of PostgreSQL is part of its
#: path, in which ``*`` stands for it.
PROGRAMS = {'redis-server': ('redis-server', 'usr/bin/redis-server'),
            'nginx': ('nginx', 'usr/sbin/nginx'),
            'caddy': ('caddy', 'usr/bin/caddy'),
            'mosquitto': ('mosquitto', 'usr/sbin/mosquitto'),
            'postgres': ('postgresql', 'usr/lib/postgresql/*/bin/postgres')}
#: By name: why a program could not be had. A process does not try again for
#: each test that needs it.
_failures = {}
#: Counts changes of the layout.
LAYOUT = 'programs-1'


def folder_of(name):
    """Return the folder that a program is unpacked into."""
    return interpreters._cache() / LAYOUT / name


def find(name):
    """Return the command of a program and the environment that it needs, or
    ``None`` if it is not here.

    :return: ``(command, environment)``, a list and a dict.
    """
    installed = shutil.which(name, path=os.defpath + ':/usr/sbin') or (
        _newest(pathlib.Path('/'), name))
    if installed:
        return [str(installed)], dict(os.environ)
    folder = folder_of(name)
    try:
        info = json.loads((folder / 'info.json').read_text())
    except (OSError, ValueError):
        return None
    libraries = [str(folder / path) for path in info['libraries']]
    return [str(_newest(folder, name))], {
        **os.environ, 'LD_LIBRARY_PATH': ':'.join(libraries)}


def _newest(root, name):
    # The program below a folder; of several versions, that with the longest
    # and then largest number in its path.
    return max(root.glob(PROGRAMS[name][1]), default=None,
               key=lambda path: (len(str(path)), str(path)))


def fetch(name):
    """Fetch a program, unless it is here.

    :raises FetchError: it cannot be had, as the text says.
    """
    if find(name):
        return
    if not shutil.which('apt-get') or not shutil.which('dpkg-deb'):
        raise FetchError('%s is not installed, and there is no apt' % name)
    if name in _failures:
        raise FetchError(_failures[name])
    try:
        with interpreters._lock():
            if not find(name):
                _fill(name)
    except FetchError as error:
        _failures[name] = str(error)
        raise


def _fill(name):
    package = PROGRAMS[name][0]
    target = folder_of(name)
    work = target.with_name(name + '.work')
    root = work / 'root'
    interpreters.try_again(_unpack, _needed(package), work, root)
    if not _newest(root, name):
        raise FetchError('no %s in the packages of %s' % (name, package))
    libraries = sorted({
        str(file.parent.relative_to(root)) for file in root.rglob('*.so*')
        if 'nginx' not in file.parts and file.parent.name != 'modules'})
    (root / 'info.json').write_text(json.dumps({'libraries': libraries}))
    shutil.rmtree(target, ignore_errors=True)
    root.rename(target)
    shutil.rmtree(work, ignore_errors=True)


def _unpack(packages, work, root):
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    result = _run(['apt-get', 'download', *packages], cwd=work)
    debs = sorted(work.glob('*.deb'))
    if result.returncode or not debs:
        raise FetchError('apt-get download: ' + (
            result.stderr.strip() or '?').splitlines()[-1])
    for deb in debs:
        if _run(['dpkg-deb', '-x', str(deb), str(root)]).returncode:
            raise FetchError('cannot unpack ' + deb.name)


def _needed(package):
    # The package, and what it needs that is not installed.
    result = _run(['apt-cache', 'depends', '--recurse', '--no-recommends',
                   '--no-suggests', '--no-conflicts', '--no-breaks',
                   '--no-replaces', '--no-enhances', package])
    names = set(re.findall(r'^[a-z0-9][a-z0-9.+-]*$', result.stdout,
                           re.MULTILINE))
    status = _run(['dpkg-query', '-W', '-f',
                   '${Package} ${db:Status-Status}\n'])
    installed = {line.split()[0] for line in status.stdout.splitlines()
                 if line.endswith(' installed')}
    missing = names - installed
    if package not in names:
        raise FetchError('apt knows no package %s' % package)
    # Only programs' own parts and libraries; not what starts services.
    prefix = package.partition('-')[0]
    return sorted(name for name in missing if name.startswith(
        ('lib', 'lua-', prefix)) and not name.endswith('-dev'))


def _run(command, **kwargs):
    return subprocess.run(command, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors='replace',
                          env={**os.environ, 'LC_ALL': 'C'}, **kwargs)


def main():
    status = 0
    for name in PROGRAMS:
        try:
            fetch(name)
        except FetchError as error:
            print('%s: %s' % (name, error), file=sys.stderr)
            status = 1
        else:
            print(name, find(name)[0][0])
    return status


if __name__ == '__main__':
    sys.exit(main())
