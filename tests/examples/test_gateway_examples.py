"""The examples for ASGI and WSGI run by the commands that they show."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

import check
import servers

EXAMPLES = [servers.TOP / 'examples' / 'asgi' / 'hello_asgi.py',
            servers.TOP / 'examples' / 'wsgi' / 'hello_wsgi.py']


def commands():
    """Yield the commands that the examples show."""
    for path in EXAMPLES:
        for command in re.findall(r'^    (PYTHONPATH=.*)$', path.read_text(),
                                  re.MULTILINE):
            yield pytest.param(path, command, id=command.split()[1])
        yield pytest.param(
            path, 'PYTHONPATH=src python3 %s' % path.relative_to(servers.TOP),
            id=path.stem)


@pytest.mark.parametrize('path, command', list(commands()))
def test_an_example_answers_as_it_says(path, command, tmp_path):
    port = check.free_port()
    setting, *words = command.split()
    name, _, value = setting.partition('=')
    scripts = pathlib.Path(sys.executable).parent
    if words[0] == 'python3':
        # with the port that the test has chosen
        words = [sys.executable, '-c', 'import runpy, sys, microdot\n'
                 'run = microdot.Microdot.run\n'
                 'microdot.Microdot.run = lambda self, host, port, *args, '
                 '**kwargs: run(self, host, %d, *args, **kwargs)\n'
                 'runpy.run_path(%r, run_name="__main__")'
                 % (port, str(path))]
    else:
        words = [str(scripts / words[0])] + [
            word.replace('5000', str(port)) for word in words[1:]]
    env = dict(os.environ, HOME=str(tmp_path), PYTHONDONTWRITEBYTECODE='1')
    env[name] = value
    with open(tmp_path / 'output', 'w+') as output:
        process = subprocess.Popen(
            words, cwd=servers.TOP, env=env, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            servers.wait_until(
                lambda: process.poll() is not None
                or servers.is_listening(port), 'the server to listen',
                servers.START_S)
            for url, expected in re.findall(
                    r'\$ curl http://127.0.0.1:5000(\S+)\n    (.*\n)',
                    path.read_text()):
                assert check.fetch(
                    'http://127.0.0.1:%d%s' % (port, url)) == expected
        finally:
            process.terminate()
            process.wait(servers.PATIENCE_S)


def test_every_example_names_several_servers():
    assert len(list(commands())) == 8
