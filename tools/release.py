"""Make a release: ``python3 tools/release.py 1.2.0``.

On a clean checkout of a branch it

1. sets the version in ``src/microdot/__init__.py``, puts it and the date in
   the place of "Unreleased" in ``CHANGES.rst``, and writes the files of mip;
2. runs ``tools/check.py``, all of it;
3. commits that and tags the commit ``v1.2.0``, here alone;
4. builds from the commit, into ``dist/microdot-1.2.0``: wheel and sdist, the
   site that boards install from, the documentation, and ``SHA256SUMS``, with
   a signature where ``--key`` names a key.

Nothing is uploaded and nothing is pushed: that is the last line that it
prints. If a step fails, the files are as they were, and there is neither a
commit nor a tag. If the checkout is at that version already, as after a build
that failed, only step 4 is done.
"""

import argparse
import datetime
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

TOP = pathlib.Path(__file__).resolve().parent.parent
VERSION = 'src/microdot/__init__.py'
CHANGES = 'CHANGES.rst'
#: What step 1 changes.
CHANGED = (VERSION, CHANGES, 'package.json', 'all.json')
#: Releases, and what comes before them (PEP 440).
GOOD_VERSION = re.compile(r'\d+\.\d+\.\d+((a|b|rc)\d+)?')
UNRELEASED = 'Unreleased\n----------\n'
#: The name under which SSH signatures are made and verified.
NAMESPACE = 'file'


class Failure(Exception):
    """The release cannot be made; the text is one line."""


class Checkout:
    """A checkout of the project, and what is run in it."""

    def __init__(self, top=TOP, python=None):
        self.top = pathlib.Path(top)
        venv = self.top / '.venv' / (
            'Scripts/python.exe' if os.name == 'nt' else 'bin/python')
        self.python = str(python or venv)

    def run(self, *command, quiet=False, **env):
        """Run a command; return what it has printed if *quiet*.

        :raises Failure: it failed.
        """
        result = subprocess.run(
            [str(part) for part in command], cwd=self.top,
            env=dict(os.environ, **env), text=True,
            stdout=subprocess.PIPE if quiet else None,
            stderr=subprocess.STDOUT if quiet else None)
        if result.returncode:
            print(result.stdout or '', file=sys.stderr, end='')
            raise Failure('failed with status %d: %s' % (
                result.returncode, ' '.join(str(part) for part in command)))
        return result.stdout

    def git(self, *arguments):
        """Return what git prints, without the last line's end."""
        return self.run('git', *arguments, quiet=True).rstrip('\n')

    def read(self, name):
        return (self.top / name).read_text(encoding='utf-8')

    def write(self, name, text):
        (self.top / name).write_text(text, encoding='utf-8', newline='\n')


# ------------------------------------------------------------- the version

def find_version(checkout):
    """Return the version that the checkout has."""
    return re.search(r"^__version__ = '([^']+)'", checkout.read(VERSION),
                     re.M).group(1)


def date_changes(text, version, today):
    """Return the text of the changes with a version and a date in place of
    "Unreleased".

    :raises Failure: there is nothing under that title.
    """
    before, title, after = text.partition(UNRELEASED)
    section = re.split(r'\n[^\n]+\n-{3,}\n', after, maxsplit=1)[0]
    if not title or not section.strip():
        raise Failure('%s: nothing under "Unreleased"' % CHANGES)
    title = '%s (%s)' % (version, today.isoformat())
    return '%s%s\n%s\n%s' % (before, title, '-' * len(title), after)


def look(checkout, version):
    """See that a version can be released from a checkout.

    :return: whether it has been committed and tagged already.
    :raises Failure: it cannot be.
    """
    if not GOOD_VERSION.fullmatch(version):
        raise Failure('a version is like 1.2.0 or 1.2.0rc1, not %r' % version)
    changed = checkout.git('status', '--porcelain')
    if changed:
        raise Failure('the checkout is not clean: ' +
                      changed.splitlines()[0].strip())
    tag = 'v' + version
    if checkout.git('tag', '--list', tag):
        if checkout.git('rev-list', '-n', '1', tag) != \
                checkout.git('rev-parse', 'HEAD'):
            raise Failure('there is a tag %s, of another commit' % tag)
        if find_version(checkout) != version:
            raise Failure('the tag %s is of version %s' % (
                tag, find_version(checkout)))
        return True
    return False


def set_version(checkout, version, today):
    """Write the version wherever it stands."""
    checkout.write(CHANGES, date_changes(checkout.read(CHANGES), version,
                                         today))
    checkout.write(VERSION, re.sub(
        r'^__version__ = .*$', "__version__ = '%s'" % version,
        checkout.read(VERSION), count=1, flags=re.M))
    checkout.run(checkout.python, 'tools/mip.py', quiet=True)


# ------------------------------------------------------------------ the files

def pack(folder, target, moment):
    """Make a zip file of a folder, the same from the same files."""
    when = datetime.datetime.fromtimestamp(moment, datetime.timezone.utc)
    with zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob('*')):
            if path.is_file():
                info = zipfile.ZipInfo(
                    '%s/%s' % (target.stem,
                               path.relative_to(folder).as_posix()),
                    when.timetuple()[:6])
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = 0o100644 << 16
                packed.writestr(info, path.read_bytes())


def sum_up(folder):
    """Write ``SHA256SUMS``, as ``sha256sum --check`` reads it."""
    lines = ['%s  %s\n' % (hashlib.sha256(path.read_bytes()).hexdigest(),
                           path.name)
             for path in sorted(folder.iterdir())]
    (folder / 'SHA256SUMS').write_text(''.join(lines), newline='\n')


def sign(checkout, file, key):
    """Sign a file: by ssh-keygen if *key* is a file, or else by gpg."""
    if pathlib.Path(key).is_file():
        checkout.run('ssh-keygen', '-Y', 'sign', '-f', key, '-n', NAMESPACE,
                     file, quiet=True)
    else:
        checkout.run('gpg', '--batch', '--yes', '--local-user', key,
                     '--armor', '--detach-sign', file, quiet=True)


def build(checkout, version, target, url=None, key=None):
    """Build all files of a release from the last commit.

    :param target: the folder, which appears when all of it is there.
    """
    moment = int(checkout.git('log', '-1', '--format=%ct'))
    env = {'SOURCE_DATE_EPOCH': str(moment)}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        # What git does not have is not released.
        source = folder / 'source'
        checkout.run('git', '-c', 'advice.detachedHead=false', 'clone',
                     '--quiet', '--no-hardlinks', checkout.top, source,
                     quiet=True)
        clone = Checkout(source, checkout.python)
        made = folder / 'made'
        made.mkdir()
        clone.run(clone.python, '-m', 'build', '--no-isolation', '--outdir',
                  made, quiet=True, **env)
        site = folder / 'site'
        clone.run(clone.python, 'tools/mip.py', '--build', site,
                  *(['--url', url] if url else []), quiet=True, **env)
        pack(site, made / ('microdot-%s-mip.zip' % version), moment)
        pages = folder / 'pages'
        clone.run(clone.python, '-m', 'sphinx', '-W', '--keep-going', '-q',
                  '-b', 'html', '-d', folder / 'doctrees', 'docs', pages,
                  quiet=True, **env)
        (pages / '.buildinfo').unlink(missing_ok=True)
        pack(pages, made / ('microdot-%s-docs.zip' % version), moment)
        sum_up(made)
        if key:
            sign(checkout, made / 'SHA256SUMS', key)
        if target.exists():
            shutil.rmtree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, target)


# --------------------------------------------------------------- the command

def release(checkout, version, target, url=None, key=None, checks=True,
            today=None):
    """Make a release, see the top of this file.

    :raises Failure: it cannot be made.
    """
    if not look(checkout, version):
        today = today or datetime.date.today()
        try:
            set_version(checkout, version, today)
            if checks:
                checkout.run(sys.executable, 'tools/check.py')
            else:
                print('release: tools/check.py was not run', file=sys.stderr)
            checkout.git('add', *CHANGED)
            checkout.git('commit', '--quiet', '-m',
                         'release: Version %s.' % version)
        except BaseException:
            checkout.git('checkout', '--quiet', 'HEAD', '--', *CHANGED)
            raise
        checkout.git('tag', 'v' + version)
    build(checkout, version, target, url, key)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__.partition('\n')[0],
        epilog='See the top of this file for what it does.')
    parser.add_argument('version')
    parser.add_argument('--out', type=pathlib.Path, default=TOP / 'dist',
                        help='the folder to build in (dist)')
    parser.add_argument('--url', help='where the site for boards will be')
    parser.add_argument('--key', help='what to sign with: the file of an SSH '
                        'key, or the name of a key that gpg has')
    parser.add_argument('--without-checks', action='store_true',
                        help='do not run tools/check.py')
    options = parser.parse_args(arguments)
    target = options.out / ('microdot-' + options.version)
    try:
        release(Checkout(), options.version, target, options.url,
                options.key, not options.without_checks)
    except Failure as error:
        print('release: %s' % error, file=sys.stderr)
        return 1
    for path in sorted(target.iterdir()):
        print('%9d  %s' % (path.stat().st_size, path))
    print('Nothing has been uploaded. To publish: git push origin HEAD v%s, '
          'and upload these files.' % options.version)
    return 0


if __name__ == '__main__':
    sys.exit(main())
