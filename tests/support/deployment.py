"""What ``docs/deployment/files`` says, carried out in a folder of a test:
instances as systemd would start them, and an nginx or Caddy before them."""

import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile

import programs
import servers
from servers import TOP

FILES = TOP / 'docs' / 'deployment' / 'files'
CERTIFICATES = TOP / 'tests' / 'files'
#: Around the site, as Debian's nginx.conf has it.
AROUND = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
{user}
worker_processes 1;
events {{ worker_connections 2000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def unit():
    """Return the settings of the service, as lists by name."""
    found = {}
    for line in (FILES / 'chat@.service').read_text().split('\n'):
        name, equals, value = line.partition('=')
        if equals and not line.startswith('#'):
            found.setdefault(name, []).append(value)
    return found


def replace(text, *pairs):
    """Replace what must be there."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


class Process:
    """A process whose output is kept."""

    def __init__(self, command, folder, name, env=None):
        self.log = folder / (name + '.out')
        with open(self.log, 'wb') as output:
            self.process = subprocess.Popen(
                command, cwd=folder, env=env, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT)

    @property
    def output(self):
        return self.log.read_text(errors='replace')

    def check(self):
        assert self.process.poll() is None, self.output

    def stop(self):
        """End it as systemd does; return its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(servers.PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError('it does not end: ' + self.output)


class Instance(Process):
    """An instance of an application, by the unit file.

    :param app: the path of the program, in place of ``chat.py``.
    :param variables: in place of the file of the environment.
    """

    def __init__(self, name, app, folder, variables):
        runtime = folder / ('chat-' + name)
        runtime.mkdir()
        self.socket = runtime / 'http.sock'
        [line] = unit()['ExecStart']
        line = replace(
            line, ('%i', name), (' chat.py ', ' %s ' % app),
            ('/run/', str(folder) + '/'),
            ('/srv/chat/venv/bin/microdot', sys.executable + ' -m microdot'))
        environ = {key: value for key, value in os.environ.items()
                   if not key.startswith('MICRODOT_')}
        environ.update(variables, PYTHONPATH=str(TOP / 'src'),
                       PYTHONDONTWRITEBYTECODE='1')
        super().__init__(shlex.split(line), folder, name, environ)

    def listens(self):
        """Tell whether connections are accepted: its socket has a name a
        moment before they are."""
        with socket.socket(socket.AF_UNIX) as sock:
            try:
                sock.connect(str(self.socket))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
        return True

    def reload(self):
        """Restart its workers one after the other, as systemctl reload."""
        [line] = unit()['ExecReload']
        assert line == '/bin/kill -HUP $MAINPID'
        self.process.send_signal(signal.SIGHUP)

    def restarts(self):
        return self.output.count('all workers have been restarted')


class Nginx(Process):
    """The nginx of the page, before instances in a folder."""

    tls = True
    program = 'nginx'

    def __init__(self, folder):
        self.port = servers.free_port()
        plain = servers.free_port()
        while plain == self.port:
            plain = servers.free_port()
        self.plain = plain
        site = '\n'.join(
            line for line in (FILES / 'nginx.conf').read_text().split('\n')
            if 'listen [::]' not in line)
        live = '/etc/letsencrypt/live/chat.example.com/'
        (folder / 'site.conf').write_text(self.site(replace(
            site, ('/run/', str(folder) + '/'),
            ('listen 80;', 'listen 127.0.0.1:%d;' % plain),
            ('listen 443 ssl;', 'listen 127.0.0.1:%d ssl;' % self.port),
            (live + 'fullchain.pem', str(CERTIFICATES / 'cert.pem')),
            (live + 'privkey.pem', str(CERTIFICATES / 'key.pem')))))
        # (root's sockets are root's alone)
        (folder / 'nginx.conf').write_text(AROUND.format(
            folder=folder, user='' if os.getuid() else 'user root;'))
        command, environ = programs.find('nginx')
        super().__init__([*command, '-p', str(folder), '-e',
                          str(folder / 'nginx.log'), '-c',
                          str(folder / 'nginx.conf')], folder, 'nginx',
                         environ)

    def site(self, text):
        """Return what is written in place of the site of the page."""
        return text

    def errors(self):
        return (self.log.parent / 'nginx.log').read_text()


class Caddy(Process):
    """The Caddy of the page, but without TLS: it would want a certificate of
    Let's Encrypt."""

    tls = False
    program = 'caddy'

    def __init__(self, folder):
        self.port = servers.free_port()
        site = (FILES / 'Caddyfile').read_text()
        site = replace(
            site, ('unix//run/', 'unix/%s/' % folder),
            ('chat.example.com {', 'http://chat.example.com:%d {\n'
             '\tbind 127.0.0.1' % self.port))
        # (it is to change nothing outside of the folder)
        (folder / 'Caddyfile').write_text(
            '{\n\tadmin off\n\tskip_install_trust\n}\n' + site)
        command, environ = programs.find('caddy')
        super().__init__(
            [*command, 'run', '--config', str(folder / 'Caddyfile')], folder,
            'caddy', {**environ, 'HOME': str(folder)})

    def errors(self):
        return ''


class Deployment:
    """Instances ``a`` and ``b`` with a proxy before them."""

    def __init__(self, folder, app, proxy, variables):
        self.folder = folder
        self.instances = [Instance(name, app, folder, variables)
                          for name in 'ab']
        self.proxy = proxy(folder)
        self.port = self.proxy.port
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def wait(self):
        """Wait until all of it serves."""
        for each in self.instances:
            servers.wait_until(
                lambda: each.check() or each.listens(), 'an instance',
                servers.START_S)
        servers.wait_until(
            lambda: self.proxy.check() or servers.is_listening(self.port),
            'the proxy', servers.START_S)

    def connect(self):
        """Return a connection to the proxy."""
        sock = self.connect_plainly(self.port)
        return self.context.wrap_socket(sock) if self.proxy.tls else sock

    def connect_plainly(self, port):
        return socket.create_connection(('127.0.0.1', port),
                                        servers.PATIENCE_S)

    def ask(self, method='GET', path='/', body=b''):
        """Send a request; return the status and the body."""
        with self.connect() as sock:
            sock.sendall(b'%s %s HTTP/1.1\r\nHost: chat.example.com\r\n'
                         b'Connection: close\r\nContent-Length: %d\r\n\r\n%s'
                         % (method.encode(), path.encode(), len(body), body))
            head, _, answer = servers.read_all(sock).partition(b'\r\n\r\n')
        return int(head.split()[1]), answer

    def stop(self):
        statuses = [each.stop() for each in (*self.instances, self.proxy)]
        assert statuses == [0, 0, 0], self.tell()

    def tell(self):
        """Return what all of them say, for a failure."""
        return '\n'.join(each.output for each in self.instances) + \
            self.proxy.output + self.proxy.errors()


def fetch(name):
    """Get a program, or skip the test that needs it."""
    try:
        programs.fetch(name)
    except programs.FetchError as error:
        import pytest
        pytest.skip('%s: %s' % (name, error))


@contextlib.contextmanager
def deploy(app, proxy=Nginx, **variables):
    """A :class:`Deployment` for the time of a ``with`` statement.

    :param variables: the environment of the application.
    """
    fetch(proxy.program)
    # (a short name: paths of sockets have a limit)
    folder = pathlib.Path(tempfile.mkdtemp(prefix='dep'))
    deployment = None
    try:
        deployment = Deployment(folder, app, proxy, variables)
        deployment.wait()
        yield deployment
        deployment.stop()
    finally:
        if deployment:
            for each in (*deployment.instances, deployment.proxy):
                if each.process.poll() is None:
                    each.process.kill()
                    each.process.wait()
        shutil.rmtree(folder, ignore_errors=True)
