"""tools/check.py reports what fails, and then goes on to the tests."""

import io
import os
import pathlib
import re
import subprocess
import sys
import textwrap
import threading

import pytest

import check

TOP = pathlib.Path(__file__).resolve().parents[2]


class Reporter:
    """What pytest prints with."""

    def __init__(self):
        self.lines = []
        self.stats = {}

    def section(self, title):
        self.lines.append(title)

    line = section


def test_a_step_that_works_takes_one_line(capsys):
    def step(step):
        step.run(sys.executable, '-c', 'print("noise")')

    assert check.attempt('step', step) is None
    out = capsys.readouterr().out
    assert out.startswith('step ') and out.endswith(' ok\n')
    assert out.count('\n') == 1


def test_a_step_that_fails_shows_what_it_printed(capsys):
    def step(step):
        step.run(sys.executable, '-c', 'print("reason"); raise SystemExit(3)')

    assert check.attempt('step', step) == 'step'
    out = capsys.readouterr().out
    assert '\nreason\n' in out
    assert out.endswith('FAILED: exit status 3\n')


def test_a_command_that_does_not_exist_fails_the_step(capsys):
    assert check.attempt('step', lambda step: step.run('/no/such')) == 'step'
    assert 'FAILED: FileNotFoundError' in capsys.readouterr().out


COUNTING = """\
import pathlib, sys
path = pathlib.Path(sys.argv[1])
path.open('a').write('x')
print('attempt', path.stat().st_size)
sys.exit(path.stat().st_size <= int(sys.argv[2]))
"""


@pytest.mark.parametrize('times, tried', [(0, 1), (1, 2), (2, 3), (3, 3)])
def test_a_download_that_fails_is_tried_again(
        tmp_path, monkeypatch, capsys, times, tried):
    monkeypatch.setattr(check, 'PAUSES_S', (0, 0))
    path = tmp_path / 'calls'

    def step(step):
        step.download(sys.executable, '-c', COUNTING, path, times)

    failed = check.attempt('step', step)
    assert failed == ('step' if times == 3 else None)
    assert path.read_text() == 'x' * tried
    if failed:  # each attempt is shown
        out = capsys.readouterr().out
        assert re.findall(r'^attempt (\d)$', out, re.M) == ['1', '2', '3']


def test_an_environment_of_another_checkout_is_left_alone(
        tmp_path, monkeypatch):
    theirs = tmp_path / 'theirs'
    theirs.mkdir()
    (theirs / 'pyvenv.cfg').write_text('')
    (tmp_path / '.venv').symlink_to(theirs)
    monkeypatch.setattr(check, 'VENV', tmp_path / '.venv')
    step = check.Step('set up')
    monkeypatch.setattr(step, 'run', None)
    check.set_up(step)
    assert (theirs / 'pyvenv.cfg').exists()
    assert not (theirs / 'microdot-check').exists()


def test_failed_steps_fail_the_whole_although_the_tests_pass(monkeypatch):
    def fail(step):
        raise check.Failure('for a reason')

    monkeypatch.setattr(check, 'CHECKS', {'lint': fail})
    monkeypatch.setattr(check, 'set_up', lambda step: None)
    monkeypatch.setattr(check, 'fetch_interpreters', lambda step: None)
    ran = []
    monkeypatch.setattr(
        check, 'run_tests', lambda *args: ran.append(args) or 0)
    assert check.main(['--', '-x']) == 1
    assert ran == [(['lint'], ['-x'])]


def prepare(folder, monkeypatch):
    (folder / 'pytest.ini').write_text('[pytest]\n')
    monkeypatch.setattr(check, 'TOP', folder)
    monkeypatch.setattr(check, 'venv_python', lambda venv: sys.executable)
    monkeypatch.setenv('PYTEST_ADDOPTS', '-p no:cacheprovider')


@pytest.mark.parametrize('count, then, status', [
    (1, True, 0), (3, True, 0), (3, False, 1), (4, True, 1)])
def test_what_fails_is_tried_once_more(count, then, status, tmp_path,
                                       monkeypatch, capfd):
    (tmp_path / 'test_it.py').write_text(textwrap.dedent("""
        import pathlib

        import pytest

        @pytest.mark.parametrize('number', range(%d))
        def test_it(number):
            path = pathlib.Path(__file__).with_name('seen%%d' %% number)
            seen = path.exists() and %r
            path.touch()
            assert seen, 'the first time'

        def test_passes():
            path = pathlib.Path(__file__).with_name('passed')
            assert not path.exists()
            path.touch()
        """ % (count, then)))
    prepare(tmp_path, monkeypatch)
    assert check.run_tests([], []) == status
    out = capfd.readouterr().out
    assert out.count('AssertionError: the first time') >= count
    assert ('once more' in out) == (count <= 3)
    last = out.splitlines()[-1]
    if count > 3:
        assert '4 failed, 1 passed' in last
    elif then:
        assert '%d passed' % count in last and 'failed' not in last
    else:
        assert '3 failed' in last


def test_a_file_that_cannot_be_read_is_not_tried_again(
        tmp_path, monkeypatch, capfd):
    (tmp_path / 'test_it.py').write_text('def test_it(): assert 0\n')
    (tmp_path / 'test_no.py').write_text('no such name\n')
    prepare(tmp_path, monkeypatch)
    assert check.run_tests([], [])
    assert 'once more' not in capfd.readouterr().out


def test_failed_steps_are_repeated_at_the_end_of_pytest(monkeypatch):
    monkeypatch.delenv(check.STARTED, False)
    monkeypatch.setenv(check.FAILED, 'lint docs')
    reporter = Reporter()
    check.pytest_terminal_summary(reporter)
    assert reporter.lines[1:] == ['FAILED tools/check.py lint',
                                  'FAILED tools/check.py docs']


def test_without_failed_steps_nothing_is_added(monkeypatch):
    monkeypatch.delenv(check.STARTED, False)
    monkeypatch.setenv(check.FAILED, '')
    reporter = Reporter()
    check.pytest_terminal_summary(reporter)
    assert reporter.lines == []


def test_skips_are_summed_up_by_reason():
    class Report:
        def __init__(self, reason):
            self.longrepr = ('file.py', 1, 'Skipped: ' + reason)

    assert check.sum_up_skips(
        [Report('a is missing'), Report('b'), Report('a is missing')]) == [
            '    2 skipped: a is missing', '    1 skipped: b']


def test_quick_runs_what_a_change_needs(monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(check, 'run', lambda *args: ran.append(args) or 0)
    assert check.main(['quick', '--', '-x']) == 0
    assert ran == [(['lint', 'types', 'test'], [*check.QUICK_OPTIONS, '-x'])]
    assert capsys.readouterr().out.startswith(
        'check: lint, types, test; about ')


def test_control_c_takes_one_line(monkeypatch, capsys):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(check, 'run', interrupt)
    assert check.main(['lint']) == 130
    assert capsys.readouterr().out.split('\n')[2].startswith(
        'check: interrupted after ')


def test_a_terminal_is_told_what_runs():
    class Terminal(io.StringIO):
        told = threading.Event()

        def isatty(self):
            return True

        def flush(self):
            self.told.set()

    terminal = Terminal()
    with check.Progress(terminal, 0.01) as progress:
        progress.running['docs'] = check.time.monotonic()
        assert terminal.told.wait(10)
    assert terminal.getvalue().startswith('running: docs for 0 s\n')


def test_where_control_c_is_ignored_children_still_get_it():
    code = ('import signal, sys; sys.path.insert(0, "tools"); import check\n'
            'signal.signal(signal.SIGINT, signal.SIG_IGN)\n'
            'check.run = lambda *args: print(signal.getsignal('
            'signal.SIGINT) is signal.default_int_handler) or 0\n'
            'check.main(["lint"])')
    result = subprocess.run([sys.executable, '-c', code], cwd=TOP,
                            capture_output=True, text=True, timeout=60)
    assert '\nTrue\n' in result.stdout


def test_an_unknown_step_is_refused(capsys):
    with pytest.raises(SystemExit) as info:
        check.main(['lint', 'typo'])
    assert info.value.code == 2
    assert 'no step typo' in capsys.readouterr().err


def test_it_starts_where_nothing_is_installed():
    # -S: not even site-packages; -I: no variables of the environment.
    result = subprocess.run(
        [sys.executable, '-I', '-S', str(TOP / 'tools' / 'check.py'), '-h'],
        capture_output=True, text=True, timeout=60)
    assert result.returncode == 0
    for name in [*check.CHECKS, 'test']:
        assert '``%s``' % name in result.stdout


def test_ci_runs_the_same_command():
    script = TOP / '.ci' / 'run'
    assert os.access(script, os.X_OK)
    assert script.read_text().endswith('\nexec python3 tools/check.py\n')
