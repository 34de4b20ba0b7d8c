"""What is published has all its parts, and says the truth about itself."""

import email
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import zipfile

import pytest

import microdot

TOP = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = TOP / 'src' / 'microdot'


@pytest.fixture(scope='module')
def dist(tmp_path_factory):
    """A folder with wheel and sdist."""
    folder = tmp_path_factory.mktemp('dist')
    # Without isolation, since that would download setuptools;
    # tools/check.py builds with it.
    subprocess.run(
        [sys.executable, '-m', 'build', '--no-isolation', '--outdir', folder],
        check=True, cwd=TOP, timeout=300, stdout=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items()
             if name != 'PYTHONWARNINGS'})
    return folder


@pytest.fixture(scope='module')
def wheel(dist):
    """The wheel, open."""
    path, = dist.glob('*.whl')
    with zipfile.ZipFile(path) as file:
        yield file


@pytest.fixture(scope='module')
def metadata(wheel):
    """The metadata of the wheel."""
    name, = [name for name in wheel.namelist() if name.endswith('/METADATA')]
    return email.message_from_bytes(wheel.read(name))


@pytest.fixture(scope='module')
def sdist(dist):
    """The names of the files in the sdist, below its folder."""
    path, = dist.glob('*.tar.gz')
    with tarfile.open(path) as file:
        return {member.name.partition('/')[2] for member in file
                if member.isfile()}


def tracked_files():
    """Return the files of the repository, or ``None`` outside of one."""
    try:
        result = subprocess.run(['git', 'ls-files'], cwd=TOP, text=True,
                                capture_output=True, timeout=60)
    except OSError:
        return None
    return set(result.stdout.split()) if result.returncode == 0 else None


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = {name for name in wheel.namelist() if '.dist-info/' not in name}
    libraries = TOP / 'libs' / 'micropython'
    assert names == {
        'microdot/' + path.name for path in PACKAGE.iterdir()
        if path.suffix in ('.py', '.pyi', '.typed')
    } | {
        path.relative_to(PACKAGE.parent).as_posix()
        for pattern in ('_cpython/*.py', 'cli/*.py', 'deploy/**/*.py',
                        'deploy/*.pyi')
        for path in PACKAGE.glob(pattern)
    } | {
        'microdot/pages/' + path.name for path in PACKAGE.glob('pages/*')
    } | {
        # what boards lack, for microdot.deploy to copy
        'microdot/_boards/' + path.relative_to(libraries).as_posix()
        for path in libraries.rglob('*.py')
    }
    assert 'microdot/py.typed' in names


def test_the_wheel_holds_the_licence(wheel):
    assert [name for name in wheel.namelist() if name.endswith('/LICENSE')]


def test_the_wheel_has_the_version_of_the_package(metadata):
    assert metadata['Version'] == microdot.__version__


def test_the_wheel_needs_nothing(metadata):
    required = metadata.get_all('Requires-Dist')
    assert [line for line in required if 'extra ==' not in line] == []
    assert metadata['Requires-Python'] == '>=3.10'


def test_each_optional_library_is_an_extra_that_the_docs_name(metadata):
    extras = set(metadata.get_all('Provides-Extra'))
    assert {'dev', 'docs'} <= extras
    page = (TOP / 'docs' / 'start' / 'install.rst').read_text()
    table = page.partition('\nExtras\n')[2].partition('Each of them')[0]
    named = {name for row in re.findall(r'   \* - (``.*)', table)
             for name in re.findall('``(.*?)``', row)}
    assert named == extras - {'dev', 'docs'}


def test_the_sdist_holds_the_repository(sdist):
    tracked = tracked_files()
    if tracked is None:
        pytest.skip('not a checkout')
    missing = {name for name in tracked if name != '.gitignore'} - sdist
    # Files that were deleted but not yet committed, or the reverse.
    assert {name for name in missing if (TOP / name).exists()} == set()


def test_every_public_module_has_a_stub():
    modules = {path.stem for path in PACKAGE.glob('*.py')
               if not path.name.startswith('_')}
    assert modules == {path.stem for path in PACKAGE.glob('*.pyi')
                       if not path.name.startswith('_')}


def test_the_package_exports_what_the_documentation_lists():
    text = (TOP / 'docs' / 'reference' / 'microdot.rst').read_text()
    sentence, = [line for line in text.split('\n')
                 if 'can be imported from ``microdot``' in line]
    listed = sentence.partition(' can be')[0].split('``')[1::2]
    exported = [name for name, value in vars(microdot).items()
                if name[0] != '_' and name != 'microdot'
                and type(value).__name__ != 'module']
    assert sorted(listed) == sorted(exported)


def test_there_is_no_other_place_for_the_version():
    text = (TOP / 'pyproject.toml').read_text()
    assert microdot.__version__ not in text
