"""The release: what it refuses, what it builds, and that it can be trusted."""
import datetime
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tools'))

import release  # noqa: E402

TODAY = datetime.date(2030, 5, 17)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    for who in ('AUTHOR', 'COMMITTER'):
        monkeypatch.setenv('GIT_%s_NAME' % who, 'A. Tester')
        monkeypatch.setenv('GIT_%s_EMAIL' % who, 'tester@example.com')
    if not (TOP / '.git').exists():
        pytest.skip('this is no checkout')
    clone = tmp_path / 'clone'
    subprocess.run(['git', 'clone', '--quiet', str(TOP), str(clone)],
                   check=True)
    return release.Checkout(clone, sys.executable)


def state(checkout):
    return (checkout.git('rev-parse', 'HEAD'), checkout.git('tag'),
            checkout.git('status', '--porcelain'))


@pytest.mark.parametrize('version', [
    '', '1', '1.2', 'v1.2.3', '1.2.3.dev0', '1.2.3\n', '1.2.3 ', '../x'])
def test_a_version_that_is_none_is_refused(checkout, version):
    with pytest.raises(release.Failure, match='a version is like'):
        release.look(checkout, version)


def test_a_checkout_with_changes_is_refused(checkout):
    (checkout.top / 'new.txt').write_text('x')
    with pytest.raises(release.Failure, match=r'not clean: \?\? new.txt'):
        release.look(checkout, '1.2.3')


def test_a_tag_of_another_commit_is_refused(checkout):
    checkout.git('tag', 'v1.2.3')
    checkout.git('commit', '--quiet', '--allow-empty', '-m', 'more')
    with pytest.raises(release.Failure, match='of another commit'):
        release.look(checkout, '1.2.3')


def test_a_tag_of_another_version_is_refused(checkout):
    checkout.git('tag', 'v1.2.3')
    with pytest.raises(release.Failure, match='is of version'):
        release.look(checkout, '1.2.3')


@pytest.mark.parametrize('text', [
    'Changes\n=======\n\n1.0.0 (2020-01-01)\n------------------\n\n- a\n',
    'Unreleased\n----------\n\n1.0.0 (2020-01-01)\n------------------\n\n- a'])
def test_a_release_without_changes_is_refused(text):
    with pytest.raises(release.Failure, match='nothing under'):
        release.date_changes(text, '1.2.3', TODAY)


def test_changes_get_version_and_date():
    text = 'Changes\n=======\n\nUnreleased\n----------\n\n- a\n'
    assert release.date_changes(text, '1.2.3', TODAY) == (
        'Changes\n=======\n\n1.2.3 (2030-05-17)\n------------------\n\n- a\n')


def test_what_fails_leaves_all_as_it_was(checkout, monkeypatch, tmp_path):
    before = state(checkout)
    run = checkout.run

    def fail(*command, **kwargs):
        if 'tools/check.py' in command:
            assert release.find_version(checkout) == '1.2.3'
            raise release.Failure('a test fails')
        return run(*command, **kwargs)

    monkeypatch.setattr(checkout, 'run', fail)
    with pytest.raises(release.Failure, match='a test fails'):
        release.release(checkout, '1.2.3', tmp_path / 'out', today=TODAY)
    assert state(checkout) == before
    assert not (tmp_path / 'out').exists()


@pytest.mark.skipif(not shutil.which('ssh-keygen'), reason='no ssh-keygen')
def test_a_release_is_whole_and_signed(checkout, tmp_path):
    key = tmp_path / 'key'
    subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f',
                    str(key)], check=True)
    out = tmp_path / 'out'
    release.release(checkout, '9.8.7', out, key=str(key), checks=False,
                    today=TODAY)
    assert checkout.git('describe', '--tags') == 'v9.8.7'
    assert checkout.git('status', '--porcelain') == ''
    assert checkout.git('log', '-1', '--format=%s') == \
        'release: Version 9.8.7.'
    assert '9.8.7 (2030-05-17)\n' in checkout.read('CHANGES.rst')
    assert '"version": "9.8.7"' in checkout.read('package.json')
    assert sorted(os.listdir(out)) == [
        'SHA256SUMS', 'SHA256SUMS.sig', 'microdot-9.8.7-docs.zip',
        'microdot-9.8.7-mip.zip', 'microdot-9.8.7-py3-none-any.whl',
        'microdot-9.8.7.tar.gz']
    lines = (out / 'SHA256SUMS').read_text().splitlines()
    assert len(lines) == 4
    for line in lines:
        digest, name = line.split('  ')
        assert hashlib.sha256(
            (out / name).read_bytes()).hexdigest() == digest
    allowed = tmp_path / 'allowed'
    allowed.write_text('tester@example.com ' +
                       (tmp_path / 'key.pub').read_text())
    with open(out / 'SHA256SUMS', 'rb') as file:
        subprocess.run(
            ['ssh-keygen', '-Y', 'verify', '-f', str(allowed), '-I',
             'tester@example.com', '-n', release.NAMESPACE, '-s',
             str(out / 'SHA256SUMS.sig')], stdin=file, check=True)
    with zipfile.ZipFile(out / 'microdot-9.8.7-docs.zip') as packed:
        assert 'microdot-9.8.7-docs/index.html' in packed.namelist()
    with zipfile.ZipFile(out / 'microdot-9.8.7-mip.zip') as packed:
        assert 'microdot-9.8.7-mip/package.json' in packed.namelist()


def test_a_pack_of_the_same_files_is_the_same(tmp_path):
    folder = tmp_path / 'folder'
    (folder / 'a').mkdir(parents=True)
    (folder / 'a' / 'b.txt').write_text('b')
    (folder / 'c.txt').write_text('c')
    first = tmp_path / 'first' / 'x-1.zip'
    second = tmp_path / 'second' / 'x-1.zip'
    for target in (first, second):
        target.parent.mkdir()
        release.pack(folder, target, 1900000000)
        os.utime(folder / 'c.txt', (1, 1))
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as packed:
        assert packed.namelist() == ['x-1/a/b.txt', 'x-1/c.txt']


def test_a_release_that_is_tagged_is_built_again_without_a_commit(
        checkout, tmp_path, monkeypatch):
    release.set_version(checkout, '1.2.3', TODAY)
    checkout.git('commit', '--quiet', '--all', '-m', 'x')
    checkout.git('tag', 'v1.2.3')
    before = state(checkout)
    built = []
    monkeypatch.setattr(release, 'build',
                        lambda *arguments: built.append(arguments[1]))
    release.release(checkout, '1.2.3', tmp_path / 'out')
    assert built == ['1.2.3']
    assert state(checkout) == before
