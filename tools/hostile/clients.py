"""Send requests through programs that others wrote, and count what fails.

``python3 tools/hostile/clients.py`` serves on CPython and on each MicroPython,
and sends 10,000 requests to each server through nginx and through HAProxy,
which keep their connections to it open; then wrk, which sends 16 requests at a
time without waiting for an answer. Every answer that comes through a proxy is
checked. It prints a table; the exit status is 0 if nothing failed.

The programs are Debian's, unpacked next to the interpreters of
``tools/interpreters.py`` and in the same way; nothing is installed.
``--requests`` chooses how many; name interpreters to run only these.
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / 'tests' / 'support'), str(TOP / 'tools')]

import interpreters  # noqa: E402
import servers  # noqa: E402

SCRIPT = TOP / 'tools' / 'hostile' / 'soak_server.py'
CLIENTS = 4
PATIENCE = 30
PIPELINE = 16

NGINX = """\
daemon off;
%(user)s
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream app {
        server 127.0.0.1:%(server)d;
        keepalive 4;
    }
    server {
        listen 127.0.0.1:%(port)d;
        location / {
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_request_buffering off;
        }
    }
}
"""

HAPROXY = """\
defaults
    mode http
    timeout connect 10s
    timeout client 30s
    timeout server 30s
    option http-keep-alive
    http-reuse always
frontend front
    bind 127.0.0.1:%(port)d
    default_backend app
backend app
    server app 127.0.0.1:%(server)d
"""

WRK = """\
init = function(args)
    local one = wrk.format("GET", "/")
    all = string.rep(one, %d)
end
request = function()
    return all
end
"""


def program(name):
    """Return the command of a program of Debian's, fetched if need be."""
    folder = interpreters._cache() / 'programs' / name
    folder.mkdir(parents=True, exist_ok=True)
    return interpreters.unpack_program(name, folder)


@contextlib.contextmanager
def proxy(name, server):
    """Run a reverse proxy; return its port."""
    command = program(name)
    port = servers.free_port()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        config = folder / 'config'
        user = 'user root;' if os.getuid() == 0 else ''
        values = {'port': port, 'server': server, 'user': user}
        if name == 'nginx':
            config.write_text(NGINX % values)
            command = command + ['-p', str(folder), '-c', str(config),
                                 '-e', 'stderr']
        else:
            config.write_text(HAPROXY % values)
            command = command + ['-db', '-f', str(config)]
        log = folder / 'log'
        with open(log, 'w') as output:
            process = subprocess.Popen(command, cwd=folder, stdout=output,
                                       stderr=subprocess.STDOUT)
        try:
            servers.wait_until(lambda: process.poll() is not None
                               or servers.is_listening(port), name)
            if process.poll() is not None:
                raise SystemExit('%s ended: %s' % (name, log.read_text()))
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


class Load:
    """Requests of several kinds by several clients, each answer checked."""

    def __init__(self, port):
        self.port = port
        self.lock = threading.Lock()
        self.left = self.done = 0
        self.failed = []

    def send(self, requests):
        self.left = requests
        threads = [threading.Thread(target=self._client, args=(number,))
                   for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _next(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def _client(self, seed):
        chance = random.Random(seed)
        client = None
        while self._next():
            if client is None:
                client = http.client.HTTPConnection('127.0.0.1', self.port,
                                                    timeout=PATIENCE)
            try:
                self._request(client, chance)
            except (OSError, http.client.HTTPException, AssertionError) as e:
                self.failed.append('%s: %s' % (type(e).__name__, e))
                client.close()
                client = None
            with self.lock:
                self.done += 1
        if client:
            client.close()

    @staticmethod
    def _request(client, chance):
        kind = chance.randrange(10)
        wanted = b'hello'
        if kind < 6:
            client.request('GET', '/')
        elif kind == 6:
            count = chance.randint(0, 20)
            client.request('GET', '/pieces/%d' % count)
            wanted = b'0123456789' * 20 * count
        elif kind == 7:
            client.request('GET', '/sync')
            wanted = b'sync'
        else:
            size = chance.randint(0, 9000)
            body = b'.' * size
            wanted = b'%d' % size
            if kind == 8:
                client.request('POST', '/upload', body)
            else:
                client.request('POST', '/upload', iter([body]) if size else
                               None, encode_chunked=bool(size),
                               headers={'Transfer-Encoding': 'chunked'}
                               if size else {'Content-Length': '0'})
        response = client.getresponse()
        body = response.read()
        if (response.status, body) != (200, wanted):
            raise AssertionError('%d %r in place of %r' % (
                response.status, body[:80], wanted[:80]))


def run_wrk(port, seconds):
    """Run wrk; return how many requests were answered, and the failures."""
    with tempfile.NamedTemporaryFile('w', suffix='.lua') as script:
        script.write(WRK % PIPELINE)
        script.flush()
        output = subprocess.run(
            program('wrk') + ['-t1', '-c%d' % CLIENTS, '-d%ds' % seconds,
                              '-s', script.name,
                              'http://127.0.0.1:%d' % port],
            capture_output=True, text=True, timeout=seconds + 60).stdout
    found = re.search(r'(\d+) requests in', output)
    if not found:
        raise SystemExit('wrk: ' + output)
    failed = [line.strip() for line in output.splitlines()
              if 'Socket errors' in line or 'Non-2xx' in line]
    return int(found[1]), failed


def state(child):
    return json.loads(child.get('/state'))


def measure(interpreter, requests):
    """Send requests in all ways to one server; yield rows of the table."""
    path = '%s:%s' % (TOP / 'src', TOP / 'tests' / 'portable')
    with servers.serve(interpreter, 0, script=SCRIPT, path=path,
                       heapsize='1m') as child:
        for name in ('nginx', 'haproxy'):
            with proxy(name, child.port) as port:
                before = state(child)['accepted']
                start = time.monotonic()
                load = Load(port)
                load.send(requests)
                seconds = time.monotonic() - start
                accepted = state(child)['accepted'] - before - 1
            yield name, load.done, load.failed, accepted, seconds
        done, failed = 0, []
        before = state(child)['accepted']
        start = time.monotonic()
        while done < requests and not failed:
            more, failed = run_wrk(child.port, 3)
            done += more
        yield ('wrk, pipelined', done, failed,
               state(child)['accepted'] - before - 1,
               time.monotonic() - start)
        if child.output:
            raise SystemExit('the server printed: ' + child.output[:2000])


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('interpreters', nargs='*', metavar='interpreter')
    parser.add_argument('--requests', type=int, default=10000)
    args = parser.parse_args(argv)
    known = {each.name: each for each in servers.everything()}
    for name in args.interpreters:
        if name not in known:
            parser.error('there are ' + ' '.join(known))
    row = '%-20s %-15s %9s %7s %12s %8s'
    print(row % ('server', 'client', 'requests', 'failed', 'connections',
                 'seconds'))
    status = 0
    for name in args.interpreters or ['running'] + [
            each.name for each in servers.boards()]:
        for client, done, failed, accepted, seconds in measure(
                known[name], args.requests):
            print(row % (name, client, done, len(failed), accepted,
                         '%.1f' % seconds), flush=True)
            for text in failed[:5]:
                print('  ' + text)
            status = status or int(bool(failed))
    return status


if __name__ == '__main__':
    sys.exit(main())
