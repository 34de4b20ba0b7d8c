"""tools/programs.py, without the network."""

import subprocess

import pytest

import interpreters
import programs

NEEDED = """\
  Depends: libc6
nginx
libpcre2-8-0
python3
"""


class Apt:
    """What the commands of apt do here.

    :param failures: exit statuses of ``apt-get download``, one after another;
                     the last is that of all others too.
    """

    def __init__(self, *failures, damaged=0):
        self.failures = list(failures)
        self.damaged = damaged
        self.downloads = []

    def run(self, command, cwd=None):
        result = subprocess.CompletedProcess(command, 0, '', '')
        if command[0] == 'apt-cache':
            result.stdout = NEEDED
        elif command[:2] == ['apt-get', 'download']:
            self.downloads.append(command[2:])
            result.returncode = self.failures[0]
            del self.failures[:len(self.failures) > 1]
            result.stderr = 'E: it was cut\n'
            # (a part of it may have come)
            (cwd / 'nginx.deb').write_text('')
        elif command[0] == 'dpkg-deb':
            root = programs.pathlib.Path(command[3])
            for path in ('usr/sbin/nginx', 'usr/lib/libx.so.1'):
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text('')
            result.returncode = int(self.damaged > 0)
            self.damaged -= 1
        return result


@pytest.fixture
def fetch(tmp_path, monkeypatch):
    monkeypatch.setattr(interpreters, '_cache', lambda: tmp_path)
    monkeypatch.setattr(interpreters, 'PAUSES_S', (0, 0))
    monkeypatch.setattr(programs, '_failures', {})
    monkeypatch.setattr(
        programs.shutil, 'which',
        lambda name, path=None: None if path else '/usr/bin/' + name)
    newest = programs._newest
    monkeypatch.setattr(
        programs, '_newest', lambda root, name:
        None if root == programs.pathlib.Path('/') else newest(root, name))

    def fetch(apt):
        monkeypatch.setattr(programs, '_run', apt.run)
        programs.fetch('nginx')
        return programs.find('nginx')

    return fetch


def test_a_program_is_fetched_once(fetch, tmp_path):
    apt = Apt(0)
    for _ in range(2):
        command, environment = fetch(apt)
        folder = tmp_path / 'programs-1' / 'nginx'
        assert command == [str(folder / 'usr/sbin/nginx')]
        assert environment['LD_LIBRARY_PATH'] == str(folder / 'usr/lib')
    assert apt.downloads == [['libpcre2-8-0', 'nginx']]
    assert [path.name for path in folder.parent.iterdir()] == ['nginx']


@pytest.mark.parametrize('failures, damaged', [
    ((100, 100, 0), 0), ((0,), 2)], ids=['cut', 'damaged'])
def test_a_download_that_fails_is_tried_again(fetch, failures, damaged):
    apt = Apt(*failures, damaged=damaged)
    assert fetch(apt)
    assert len(apt.downloads) == 3


def test_what_cannot_be_had_is_asked_for_no_more(fetch, tmp_path):
    apt = Apt(100)
    for _ in range(3):
        with pytest.raises(interpreters.FetchError,
                           match='apt-get download: E: it was cut'):
            fetch(apt)
    assert len(apt.downloads) == 3
    assert not (tmp_path / 'programs-1' / 'nginx').exists()


def test_no_package_of_the_name_is_not_tried_again(fetch, monkeypatch):
    monkeypatch.setitem(programs.PROGRAMS, 'nginx', ('other', 'usr/x'))
    apt = Apt(0)
    with pytest.raises(interpreters.FetchError, match='no package other'):
        fetch(apt)
    assert apt.downloads == []
