"""The fuzz targets work, and find nothing in a few random inputs."""

import pathlib
import subprocess
import sys

import pytest

FUZZ = pathlib.Path(__file__).resolve().parents[2] / 'tools' / 'fuzz'
#: Random inputs for each target.
COUNT = 300
TARGETS = ['requests', 'head', 'host', 'chunks', 'url', 'cookies', 'pairs',
           'json', 'response', 'multipart', 'websocket', 'session', 'auth',
           'login', 'ranges', 'forwarded', 'hosts', 'config', 'codings',
           'deflate', 'names', 'redis']

# In a process of its own, as the targets change limits of the core.
CODE = """\
import fuzz
targets = fuzz.load_targets()
print(' '.join(targets.TARGETS))
for target in targets.TARGETS.values():
    executions, findings = fuzz.run_random(target, None, count=%d, seed=1)
    for data, text in findings:
        print(target.name, repr(data), text)
    print(target.name, executions, len(findings))
""" % COUNT


@pytest.fixture(scope='module')
def output():
    result = subprocess.run(
        [sys.executable, '-c', CODE], cwd=FUZZ, capture_output=True,
        text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_every_target_is_known_here(output):
    assert output.split('\n')[0].split() == TARGETS


@pytest.mark.parametrize('name', TARGETS)
def test_nothing_is_found_in_random_inputs(output, name):
    assert '\n%s %d 0\n' % (name, COUNT) in output, output


def test_a_finding_is_told(tmp_path):
    code = (
        'import sys, fuzz\n'
        'targets = fuzz.load_targets()\n'
        'target = targets.Target("bad", lambda data: 1 / (len(data) - 3),\n'
        '                        [b"abc", b"abcd"], [b"a"])\n'
        'targets.TARGETS["bad"] = target\n'
        'sys.exit(fuzz.main(["bad", "--random", "--seconds", "1",\n'
        '                    "--findings", %r]))\n' % str(tmp_path))
    result = subprocess.run(
        [sys.executable, '-c', code], cwd=FUZZ, capture_output=True,
        text=True, timeout=60)
    assert result.returncode == 1, result.stderr
    assert 'ZeroDivisionError' in result.stdout
    assert result.stdout.endswith('1 findings\n')
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert [path.read_bytes() for path in files] == [b'abc']
