"""tools/interpreters.py, without the network."""

import json
import subprocess
import sys
import threading

import pytest

import interpreters

ONE_LINE = [
    ('deb http://example.org/debian bookworm main contrib',
     {'types': 'deb', 'uris': 'http://example.org/debian',
      'suites': 'bookworm', 'components': 'main contrib'}),
    ('deb [ arch=amd64 signed-by=/a.gpg ] http://example.org/d sid main # x',
     {'types': 'deb', 'uris': 'http://example.org/d', 'suites': 'sid',
      'components': 'main', 'arch': 'amd64', 'signed-by': '/a.gpg'}),
    ('deb\thttp://example.org/flat/ ./',
     {'types': 'deb', 'uris': 'http://example.org/flat/', 'suites': './',
      'components': ''}),
    ('deb-src http://example.org/debian bookworm main', None),
    ('# deb http://example.org/debian bookworm main', None),
    ('', None),
]


@pytest.mark.parametrize('line, expected', ONE_LINE)
def test_one_line_source(line, expected):
    assert interpreters.parse_one_line(line) == expected


def test_deb822_sources():
    text = ('# a comment\n'
            'Types: deb deb-src\n'
            'URIs: http://example.org/debian\n'
            '# in between\n'
            'Suites: bookworm bookworm-updates\n'
            'Components: main\n'
            'Signed-By:\n'
            ' -----BEGIN PGP PUBLIC KEY BLOCK-----\n'
            ' .\n'
            '\n\n'
            'types: deb\n'
            'Enabled: no\n')
    first, second = interpreters.parse_deb822(text)
    assert first['types'] == 'deb deb-src'
    assert first['suites'] == 'bookworm bookworm-updates'
    assert first['signed-by'] == (
        '\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .')
    assert second == {'types': 'deb', 'enabled': 'no'}


def test_sources_are_read_in_both_formats(tmp_path):
    folder = tmp_path / 'sources.list.d'
    folder.mkdir()
    (tmp_path / 'sources.list').write_text('deb http://example.org/1 a main')
    (folder / 'b.list').write_text('deb http://example.org/2 a main\n\n')
    (folder / 'c.sources').write_text('Types: deb\nURIs: http://e.org/3\n')
    (folder / 'd.list.disabled').write_text('deb http://example.org/4 a b')
    uris = [each['uris'] for each in interpreters.read_sources(tmp_path)]
    assert uris == ['http://example.org/1', 'http://example.org/2',
                    'http://e.org/3']


def test_no_sources_at_all(tmp_path):
    assert interpreters.read_sources(tmp_path / 'none') == []


def stanza(uri, **fields):
    return {'types': 'deb', 'uris': 'http://example.org/' + uri,
            'suites': 'bookworm', 'components': 'main', **fields}


ARCHIVE = stanza('archive', **{
    'signed-by': '/usr/share/keyrings/debian-archive-keyring.gpg'})
UNSIGNED = stanza('unsigned')
OTHER = stanza('other', **{'signed-by': '/etc/apt/keyrings/company.gpg'})


@pytest.mark.parametrize('stanzas, expected', [
    ([OTHER, UNSIGNED, ARCHIVE], [ARCHIVE, UNSIGNED]),
    ([OTHER, UNSIGNED], [UNSIGNED]),
    ([OTHER], [OTHER]),
    ([stanza('x', suites='bookworm-security')], []),
    ([stanza('x', suites='bookworm-updates bookworm')], None),
    ([stanza('x', suites='stable')], None),
    ([stanza('x', components='contrib')], []),
    ([stanza('x', types='deb-src')], []),
    ([stanza('x', enabled='no')], []),
    ([stanza('x', enabled='yes')], None),
    ([dict(stanza('x'), uris='cdrom:[Debian]/')], []),
    ([], []),
])
def test_mirrors_are_those_of_the_distribution(stanzas, expected):
    chosen = interpreters.select_mirrors(stanzas, 'Debian', 'bookworm')
    assert chosen == (stanzas if expected is None else expected)


# ------------------------------------------------------------ the cache

@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, a checkout of its own and no other MicroPython."""
    monkeypatch.setattr(interpreters, '_cache', lambda: tmp_path / 'cache')
    monkeypatch.setattr(interpreters, 'TOP', tmp_path / 'top')
    monkeypatch.setattr(interpreters, '_own_commands', lambda unpacked: [])
    monkeypatch.setattr(interpreters, 'expected_cpythons', list)
    monkeypatch.setattr(interpreters, 'PAUSES_S', (0, 0))
    return tmp_path / 'cache'


def filler(words='micropython 9.8.7 64 True', error=None, times=100):
    """Return what fills a slot with a program that prints *words*, or raises
    an error the first so many times."""
    def fill(work, result):
        calls.append(work)
        (result / 'lib').mkdir()
        loader = result / 'lib' / 'loader'
        loader.write_text('#!/bin/sh\necho %s\n' % words)
        loader.chmod(0o755)
        (result / 'program').write_text('')
        if error and len(calls) <= times:
            raise error
        return {'loader': 'lib/loader', 'program': 'program',
                'libraries': ['lib'], 'packages': []}
    calls = []
    fill.calls = calls
    return fill


def expect(monkeypatch, *fills):
    slots = [interpreters.Slot('slot-%d' % number, 'Slot %d' % number, fill)
             for number, fill in enumerate(fills)]
    monkeypatch.setattr(interpreters, 'expected', lambda: slots)


unix_only = pytest.mark.skipif(sys.platform == 'win32',
                               reason='shell scripts')


@unix_only
def test_fetch_fills_the_cache_once(cache, monkeypatch):
    fill = filler()
    expect(monkeypatch, fill)
    assert interpreters.find() == []
    assert interpreters.missing() == ['Slot 0']
    assert interpreters.fetch() == []
    assert interpreters.fetch() == []
    assert len(fill.calls) == 1
    found, = interpreters.find()
    assert found.name == 'micropython-9.8-64'
    assert found.version == (9, 8, 7)
    assert found.bits == 64
    assert found.has_event_loop
    assert found.is_micropython
    assert interpreters.missing() == []
    assert not list((cache / 'work').iterdir())


@unix_only
def test_fetch_writes_scripts_to_call_by_hand(cache, monkeypatch):
    expect(monkeypatch, filler('micropython 9.8.7 32 False'))
    interpreters.fetch()
    script = interpreters.TOP / '.interpreters/bin/micropython-9.8-32'
    result = subprocess.run([script], capture_output=True, text=True)
    assert result.stdout == 'micropython 9.8.7 32 False\n'


@unix_only
def test_interpreters_of_one_version_have_names_of_their_own(
        cache, monkeypatch):
    expect(monkeypatch, filler(), filler())
    interpreters.fetch()
    assert [each.name for each in interpreters.find()] == [
        'micropython-9.8-64', 'micropython-9.8-64-2']


@unix_only
def test_one_failure_does_not_stop_the_others(cache, monkeypatch):
    expect(monkeypatch, filler(error=interpreters.FetchError('no network')),
           filler())
    assert interpreters.fetch() == ['Slot 0: no network']
    assert interpreters.missing() == ['Slot 0']
    assert len(interpreters.find()) == 1


@unix_only
@pytest.mark.parametrize('times, tried, errors', [
    (1, 2, []), (2, 3, []), (3, 3, ['Slot 0: cut'])])
def test_a_download_that_fails_is_tried_again(
        cache, monkeypatch, times, tried, errors):
    fill = filler(error=interpreters.FetchError('cut'), times=times)
    expect(monkeypatch, fill)
    assert interpreters.fetch() == errors
    assert len(fill.calls) == tried
    assert len(interpreters.find()) == 1 - len(errors)


@unix_only
def test_interpreter_that_does_not_start_is_not_kept(cache, monkeypatch):
    fill = filler('Illegal instruction')
    expect(monkeypatch, fill)
    assert interpreters.fetch() == [
        'Slot 0: unpacked, but does not start on this machine']
    assert interpreters.find() == []
    assert len(fill.calls) == 1


@unix_only
def test_interpreter_that_is_too_old_is_not_kept(cache, monkeypatch):
    expect(monkeypatch, filler('micropython 1.21.9 64 True'))
    assert interpreters.fetch() == [
        'Slot 0: it is MicroPython 1.21.9, which is too old']
    assert interpreters.find() == []


@unix_only
def test_interrupted_fetch_is_taken_up_again(cache, monkeypatch):
    expect(monkeypatch, filler(error=KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        interpreters.fetch()
    assert interpreters.find() == []
    expect(monkeypatch, filler())
    assert interpreters.fetch() == []
    assert len(interpreters.find()) == 1


@unix_only
def test_two_at_once_fetch_once(cache, monkeypatch):
    fill = filler()
    expect(monkeypatch, fill)
    threads = [threading.Thread(target=interpreters.fetch)
               for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fill.calls) == 1
    assert len(interpreters.find()) == 1


@unix_only
def test_damaged_cache_is_fetched_again(cache, monkeypatch):
    fill = filler()
    expect(monkeypatch, fill)
    interpreters.fetch()
    (cache / 'slot-0' / 'program').unlink()
    assert interpreters.find() == []
    interpreters.fetch()
    assert len(interpreters.find()) == 1


def test_nothing_to_fetch_and_nothing_there(cache, monkeypatch, capsys):
    expect(monkeypatch)
    assert interpreters.missing() == ['micropython on PATH']
    assert interpreters.main([]) == 1
    assert 'set MICROPYTHON' in capsys.readouterr().err


@unix_only
def test_command_line_prints_json(cache, monkeypatch, capsys):
    expect(monkeypatch, filler())
    interpreters.main([])
    capsys.readouterr()
    assert interpreters.main(['--list', '--json']) == 0
    described, = json.loads(capsys.readouterr().out)
    assert described['name'] == 'micropython-9.8-64'
    assert described['version'] == [9, 8, 7]


@unix_only
def test_failure_is_one_line_and_the_exit_status(cache, monkeypatch, capsys):
    expect(monkeypatch, filler(),
           filler(error=interpreters.FetchError('no network')))
    assert interpreters.main([]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        'error: Slot 1: no network')


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A ``micropython`` that stands alone in a folder."""
    program = tmp_path / 'bin' / 'micropython'
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho micropython 9.9.0 64 True\n')
    program.chmod(0o755)
    monkeypatch.setattr(interpreters, '_cache', lambda: tmp_path / 'cache')
    monkeypatch.setattr(interpreters, 'TOP', tmp_path / 'top')
    monkeypatch.setattr(interpreters, 'expected_cpythons', list)
    monkeypatch.delenv('MICROPYTHON', raising=False)
    return program


@unix_only
def test_environment_names_one_more(own, monkeypatch):
    expect(monkeypatch, filler())
    interpreters.fetch()
    monkeypatch.setenv('MICROPYTHON', str(own))
    assert [each.name for each in interpreters.find()] == [
        'micropython-9.8-64', 'micropython-9.9-64']


@unix_only
def test_path_is_used_where_nothing_is_unpacked(own, monkeypatch):
    monkeypatch.setenv('PATH', str(own.parent))
    expect(monkeypatch)
    found, = interpreters.find()
    assert found.command == [str(own)]
    assert interpreters.missing() == []


@unix_only
def test_build_without_event_loop_does_not_stand_in(own, monkeypatch):
    monkeypatch.setenv('PATH', str(own.parent))
    wasm = interpreters.Slot('wasm', 'Wasm',
                             filler('micropython 9.8.7 32 False'),
                             has_event_loop=False)
    monkeypatch.setattr(interpreters, 'expected', lambda: [wasm])
    interpreters.fetch()
    assert [each.name for each in interpreters.find()] == [
        'micropython-9.8-32', 'micropython-9.9-64']
    own.unlink()
    assert interpreters.missing() == ['micropython on PATH']


@unix_only
def test_optional_slot_is_left_where_one_is_on_path(own, monkeypatch):
    fill = filler()
    slot = interpreters.Slot('ubuntu', 'Ubuntu', fill, is_optional=True)
    monkeypatch.setattr(interpreters, 'expected', lambda: [slot])
    monkeypatch.setenv('MICROPYTHON', str(own))
    assert interpreters.fetch() == []
    assert fill.calls == []
    monkeypatch.setenv('MICROPYTHON', str(own.parent / 'none'))
    assert interpreters.fetch() == []
    assert len(fill.calls) == 1


MACHINES = [
    ('debian', 'amd64', 'apt-get dpkg-deb node npm',
     ['Debian trixie, amd64', 'Debian trixie, i386', 'Debian forky, amd64',
      'WebAssembly build']),
    ('debian', 'arm64', 'apt-get dpkg-deb node',
     ['Debian trixie, arm64', 'Debian forky, arm64']),
    ('ubuntu', 'amd64', 'apt-get dpkg-deb', ['Ubuntu x, amd64']),
    ('fedora', '', 'node npm', ['WebAssembly build']),
    ('', '', '', []),
]


@pytest.mark.parametrize('distribution, arch, programs, expected', MACHINES)
def test_expected_on_a_machine(monkeypatch, distribution, arch, programs,
                               expected):
    monkeypatch.setattr(interpreters, '_os_release', lambda: {
        'ID': distribution, 'VERSION_CODENAME': 'x'})
    monkeypatch.setattr(interpreters, '_own_arch', lambda: arch)
    monkeypatch.setattr(interpreters.shutil, 'which', lambda name: (
        name if name in programs.split() else None))
    labels = [slot.label.replace(' ' + interpreters.WASM_VERSION, '')
              for slot in interpreters.expected()]
    assert labels == expected


# -------------------------------------------------- what this machine has

def test_interpreters_of_this_machine_run_code():
    for interpreter in interpreters.find():
        code = 'import sys; print(sys.implementation.name, sys.argv[1:])'
        result = subprocess.run(interpreter.command + ['-c', code, 'a b'],
                                capture_output=True, text=True)
        assert result.stdout == "micropython ['a b']\n", interpreter.name


def test_exit_status_reaches_the_caller():
    for interpreter in interpreters.find():
        for status in (0, 3):
            result = subprocess.run(
                interpreter.command + ['-c', 'raise SystemExit(%d)' % status])
            assert result.returncode == status, interpreter.name


def test_heap_size_is_a_limit():
    code = 'import gc; print(gc.mem_free() + gc.mem_alloc())'
    for interpreter in interpreters.find():
        if interpreter.has_event_loop:  # the WebAssembly build lets it grow
            result = subprocess.run(
                interpreter.command + ['-X', 'heapsize=100k', '-c', code],
                capture_output=True, text=True)
            assert 90000 < int(result.stdout) <= 102400, interpreter.name


def test_uncaught_exception_goes_to_standard_error():
    for interpreter in interpreters.find():
        result = subprocess.run(interpreter.command + ['-c', '1 / 0'],
                                capture_output=True, text=True)
        assert result.returncode == 1, interpreter.name
        assert 'ZeroDivisionError' in result.stderr, interpreter.name


def test_cpythons_are_others_than_the_running_one():
    found = interpreters.cpythons()
    assert len(found) <= 2
    for interpreter in found:
        assert interpreter.name == 'cpython-%d.%d' % interpreter.version[:2]
        assert interpreter.version >= (3, 10)
        assert interpreter.version[:2] != sys.version_info[:2]
        assert not interpreter.is_micropython


def unpacked_cpython():
    """Return the CPython that was unpacked, or skip the test."""
    for each in interpreters.cpythons():
        if 'microdot-interpreters' in each.command[0]:
            return each
    pytest.skip('no CPython was unpacked: one as new is installed, or this '
                'is not Debian')


def test_an_unpacked_cpython_starts_others_by_its_own_name(tmp_path):
    found = unpacked_cpython()
    assert found.version[:2] == (3, interpreters.PACKAGED_CPYTHON)
    script = tmp_path / 'script.py'
    script.write_text(
        'import ssl, subprocess, sys\n'
        'if len(sys.argv) < 2:\n'
        '    subprocess.run([sys.executable, __file__, "x"])\n'
        'print(sys.executable, sys.argv[1:])\n')
    result = subprocess.run([*found.command, script],
                            capture_output=True, text=True)
    assert result.stderr == ''
    assert result.stdout == "%s ['x']\n%s []\n" % (
        found.command[0], found.command[0])


def test_a_virtual_environment_of_an_unpacked_cpython_works(tmp_path):
    found = unpacked_cpython()
    subprocess.run(found.command + ['-m', 'venv', '--without-pip',
                                    str(tmp_path / 'venv')], check=True)
    python = tmp_path / 'venv' / 'bin' / 'python3'
    result = subprocess.run(
        [python, '-c', 'import sys; print(sys.prefix, sys.version_info[1])'],
        capture_output=True, text=True)
    assert result.stdout == '%s %d\n' % (
        tmp_path / 'venv', interpreters.PACKAGED_CPYTHON), result.stderr


@unix_only
def test_a_cpython_that_cannot_be_had_is_no_error(
        cache, monkeypatch, capsys):
    slot = interpreters.Slot('python', 'Python', filler(
        error=interpreters.FetchError('no network')))
    monkeypatch.setattr(interpreters, 'expected', list)
    monkeypatch.setattr(interpreters, 'expected_cpythons', lambda: [slot])
    assert interpreters.fetch() == []
    assert 'without Python: no network\n' in capsys.readouterr().err


@pytest.mark.parametrize('release, programs, installed, expected', [
    ({'ID': 'debian'}, True, False, 1), ({'ID': 'debian'}, True, True, 0),
    ({'ID': 'debian'}, False, False, 0), ({'ID': 'ubuntu'}, True, False, 0),
    ({}, True, False, 0)])
def test_a_cpython_is_unpacked_where_none_is_as_new(
        monkeypatch, release, programs, installed, expected):
    monkeypatch.setattr(interpreters, '_os_release', lambda: release)
    monkeypatch.setattr(interpreters, '_own_arch', lambda: 'amd64')
    monkeypatch.setattr(interpreters, '_cpython', lambda minor: installed)
    monkeypatch.setattr(interpreters.sys, 'version_info', (3, 10, 1))
    monkeypatch.setattr(interpreters.shutil, 'which',
                        lambda name: programs and '/bin/' + name)
    assert len(interpreters.expected_cpythons()) == expected
