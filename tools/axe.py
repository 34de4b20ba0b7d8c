"""Ask axe-core what is wrong with pages for people who cannot see them well,
or do without a mouse.

``python3 tools/axe.py URL ...`` opens each in Chromium, in light and in dark
colours, and prints what breaks a rule of WCAG 2.2, level AA, or is bad
practice. npm fetches axe-core once, into the cache beside the interpreters'.
The tests ask it about the examples and the documentation.
"""

import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP / 'tools'), str(TOP / 'tests' / 'support')]

import interpreters  # noqa: E402
from interpreters import FetchError  # noqa: E402

VERSION = '4.10.3'
#: Runs in a page after the script of axe-core, and gives what is wrong.
RUN = """
axe.run(document, {resultTypes: ['violations']}).then(found =>
    found.violations.flatMap(rule => rule.nodes.map(node =>
        rule.id + ': ' + node.target.join(' ') + ': '
        + node.failureSummary.split('\\n').slice(1).join('; ').trim())))
"""


def find():
    """Return the path of the script, or ``None`` if it is not here."""
    path = interpreters._cache() / ('axe-core-%s.js' % VERSION)
    return path if path.exists() else None


def fetch():
    """Fetch the script, unless it is here; return its path.

    :raises FetchError: it cannot be had, as the text says.
    """
    if find():
        return find()
    if not shutil.which('npm'):
        raise FetchError('there is no npm to fetch axe-core with')
    return interpreters.try_again(_pack)


def _pack():
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(
            ['npm', 'pack', '--silent', 'axe-core@' + VERSION], cwd=folder,
            stdin=subprocess.DEVNULL, capture_output=True, text=True)
        packed = list(pathlib.Path(folder).glob('*.tgz'))
        if result.returncode or not packed:
            raise FetchError('npm pack: ' + (
                result.stderr.strip() or '?').splitlines()[-1])
        with tarfile.open(packed[0]) as archive:
            script = archive.extractfile('package/axe.min.js').read()
        target = interpreters._cache() / ('axe-core-%s.js' % VERSION)
        # (renamed, so that nobody reads half of it)
        part = pathlib.Path(tempfile.mkstemp(dir=target.parent)[1])
        part.write_bytes(script)
        part.replace(target)
    return target


def use_colours(page, dark):
    """Show a page in light or in dark colours."""
    page.send('Emulation.setEmulatedMedia', features=[{
        'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}])


def violations(page):
    """Return what is wrong with an open page: a list of lines."""
    page.evaluate(fetch().read_text() + ';0')
    return page.evaluate(RUN)


def main(urls):
    from browser import Browser

    status = 0
    with Browser() as browser:
        page = browser.open('about:blank')
        for url in urls:
            for dark in False, True:
                use_colours(page, dark)
                page.goto(url)
                for line in violations(page):
                    print('%s (%s): %s' % (
                        url, 'dark' if dark else 'light', line))
                    status = 1
    return status


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
