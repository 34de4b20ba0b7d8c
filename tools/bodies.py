"""Type-check the bodies of functions, which the stubs hide.

``python3 tools/bodies.py`` runs mypy with ``--check-untyped-defs`` on a copy
of the package without its stubs. ``tools/bodies.txt`` lists what it has found
and nobody has mended; the exit status is 1 if there is more. What has been
mended is told: ``--write`` writes the list anew, which is to make it shorter.
"""

import argparse
import collections
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = TOP / 'src' / 'microdot'
LIST = TOP / 'tools' / 'bodies.txt'
FINDING = re.compile(r'(\S+?):\d+(?::\d+)?: error: (.*)')


def find():
    """Return what mypy finds: a counter of lines without their numbers, which
    change whenever anything does."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder, 'microdot')
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns(
            '*.pyi', '__pycache__', 'on_board', 'pages'))
        (pathlib.Path(folder) / 'mypy.ini').write_text('[mypy]\n')
        result = subprocess.run(
            [sys.executable, '-m', 'mypy', '--config-file', 'mypy.ini',
             '--check-untyped-defs', '--ignore-missing-imports',
             '--no-error-summary', '--no-incremental', 'microdot'],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
    if result.returncode not in (0, 1):
        sys.exit('mypy: ' + (result.stderr or result.stdout))
    return collections.Counter(
        '%s: %s' % match.groups()
        for match in map(FINDING.match, result.stdout.splitlines()) if match)


def compare(found, listed):
    """Return the lines that tell how what was found differs from the list."""
    lines = []
    for line in sorted(found - listed):
        lines.append('new: ' + line)
    for line in sorted(listed - found):
        lines.append('mended, take it from tools/bodies.txt (--write): '
                     + line)
    return lines


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition('\n')[0])
    parser.add_argument('--write', action='store_true',
                        help='write the list anew')
    options = parser.parse_args(argv)
    found = find()
    if options.write:
        LIST.write_text(''.join(
            line + '\n' for line in sorted(found.elements())))
        return 0
    listed = collections.Counter(LIST.read_text().splitlines())
    lines = compare(found, listed)
    print('\n'.join(lines) or '%d findings, all of them known'
          % sum(found.values()))
    return 1 if found - listed else 0


if __name__ == '__main__':
    sys.exit(main())
