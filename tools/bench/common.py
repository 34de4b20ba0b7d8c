"""What the measuring tools share: peers, servers, load and tables."""
import atexit
import contextlib
import hashlib
import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import typing

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
APPS = HERE / 'apps'
PEERS = HERE / 'peers.txt'
#: Where everything that is fetched or written is kept.
STORE = TOP / '.bench'
#: Seconds that a server has to start.
PATIENCE_S = 30

sys.path[:0] = [str(HERE.parent), str(HERE.parent / 'boards')]


class Failure(Exception):
    """Something could not be measured; the text is one line."""


# ------------------------------------------------------------------- set-up

def enter():
    """Go on in the virtual environment with the peers, made if need be."""
    folder = STORE / ('venv-%d.%d' % sys.version_info[:2])
    python = folder / 'bin' / 'python'
    if pathlib.Path(sys.prefix).resolve() == folder.resolve():
        return
    stamp = folder / 'microdot-bench'
    # (of one version there are several builds, of different speed)
    wanted = hashlib.sha256(PEERS.read_bytes() + os.fsencode(
        sys.base_prefix)).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print('setting up the peers in %s' % folder.relative_to(TOP),
              file=sys.stderr)
        for command in (
                [sys.executable, '-m', 'venv', '--clear', folder],
                [python, '-m', 'pip', 'install', '--quiet',
                 '--disable-pip-version-check', '-r', PEERS]):
            if subprocess.call([str(word) for word in command]):
                raise SystemExit('error: the peers could not be installed')
        stamp.write_text(wanted)
    os.execv(python, [str(python), *sys.argv])


def wrk_command():
    """Return the command of ``wrk``: an installed one, or else Debian's."""
    if shutil.which('wrk'):
        return [shutil.which('wrk')]
    import interpreters
    return interpreters.unpack_program('wrk', STORE / 'wrk')


def megabyte():
    """Return the path of a file of 1 MiB."""
    path = STORE / 'megabyte.bin'
    if not path.exists():
        STORE.mkdir(exist_ok=True)
        path.write_bytes(bytes(range(256)) * 4096)
    return path


def free_port():
    """Return a port of the loopback address that nothing listens on."""
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def cores():
    """Return the core for servers and the one for the load, which are the
    same where there is one only."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def pin(core):
    """Keep this process on one core. ``None``: let it run on any; for root,
    its session goes before all others on the machine then, as it shares the
    cores with all that runs there."""
    if core is not None:
        os.sched_setaffinity(0, {core})
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -20)
        pathlib.Path('/proc/self/autogroup').write_text('-20')


#: The kernel's interface to how long its cores may take to wake up.
LATENCY = '/dev/cpu_dma_latency'
_latency = None


def stay_awake():
    """Keep the processor's cores from sleeping, until this process ends.

    While a server works the load generator waits. Where its core sleeps
    meanwhile, the server is charged for waking it with each answer, and on a
    virtual machine that is several microseconds: with a fast server more of
    the figure than the server itself. The kernel's interface for this is for
    root only.

    :return: whether it could be done.
    """
    global _latency
    if _latency is None:
        try:
            _latency = open(LATENCY, 'wb', 0)
            # (what is asked for holds for as long as the file is open)
            atexit.register(_latency.close)
            _latency.write(bytes(4))  # microseconds, as 32 bits
        except OSError:
            _latency = False
    return bool(_latency)


def machine():
    """Return what figures depend on, as a dict."""
    text = pathlib.Path('/proc/cpuinfo').read_text()
    names = re.findall(r'model name\s*:\s*(.*)', text) or ['unknown']
    return {'processor': names[0], 'cores': len(os.sched_getaffinity(0)),
            'python': sys.version.split()[0], 'build': sys.version,
            'awake': stay_awake(),
            'load': round(os.getloadavg()[0], 1)}


# ------------------------------------------------------------------ servers

class Server:
    """A server process, pinned to a core.

    :param name: for messages.
    :param command: with ``{port}`` where the port belongs.
    :param env: variables beside those of this process.
    :param cwd: the folder that it runs in.
    """
    pinned = True  # else it may run on all

    def __init__(self, name, command, env=None, cwd=None):
        self.name = name
        self.port = free_port()
        self.log = STORE / 'logs' / (name.replace('/', '-') + '.log')
        self.log.parent.mkdir(parents=True, exist_ok=True)
        variables = dict(os.environ, PYTHONWARNINGS='ignore')
        variables.pop('PYTHONPATH', None)
        variables.update(env or {})
        core = cores()[0] if self.pinned else None
        with open(self.log, 'w') as log:
            self.process = subprocess.Popen(
                [word.replace('{port}', str(self.port)) for word in command],
                env=variables, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
                preexec_fn=lambda: pin(core))

    def wait(self, patience_s=PATIENCE_S):
        """Wait until it listens."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return
            except OSError:
                pass
            if self.process.poll() is not None or \
                    time.monotonic() > deadline:
                lines = self.log.read_text().strip().split('\n')
                raise Failure('%s does not start: %s' % (
                    self.name, lines[-1]))
            time.sleep(0.02)

    def cpu_us(self):
        """Return the processor time used so far by all of its processes."""
        return sum(cpu_us(pid) for pid in descendants(self.process.pid))

    def stop(self):
        """End the process, and those that it has started."""
        if self.process.poll() is None:
            # the group is its own, by start_new_session
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    close = stop


def descendants(pid):
    """Return the ids of a process and of all that it has started."""
    found = [pid]
    for pid in found:
        for path in pathlib.Path('/proc/%d/task' % pid).glob('*/children'):
            with contextlib.suppress(OSError):
                found += map(int, path.read_text().split())
    return found


def cpu_us(pid):
    """Return the microseconds of processor time of a process.

    The kernel's count per thread is in nanoseconds, that per process in
    ticks of 10 ms, which alone has the threads that have ended.
    """
    total = 0
    for path in pathlib.Path('/proc/%d/task' % pid).glob('*/schedstat'):
        with contextlib.suppress(OSError):
            total += int(path.read_text().split()[0])
    if not total:
        text = pathlib.Path('/proc/%d/stat' % pid).read_text()
        fields = text.rpartition(')')[2].split()
        total = (int(fields[11]) + int(fields[12])) * 10 ** 9 // \
            os.sysconf('SC_CLK_TCK')
    return total / 1000


@contextlib.contextmanager
def running(servers):
    """Wait until servers listen, and stop them in the end.

    :param servers: a dict of :class:`Server`. Those that do not start are
                    taken out of it, with a message.
    """
    try:
        for name, server in list(servers.items()):
            try:
                server.wait()
            except Failure as failure:
                print('error: %s' % failure, file=sys.stderr)
                servers.pop(name).stop()
        yield servers
    finally:
        for server in servers.values():
            server.stop()


# --------------------------------------------------------------------- load

class Case(typing.NamedTuple):
    """A kind of request, and the application that it is sent to."""

    name: str
    label: str
    path: str = '/'
    method: str = 'GET'
    headers: tuple = ()
    body: bytes = b''
    status: int = 200
    #: What the body of the answer begins with.
    begins: bytes = b''
    #: Routes of the application beside the usual ones.
    static: int = 0
    param: int = 0
    connections: int = 32
    #: Whether one header has another value with each request.
    changing: bool = False

    @property
    def closes(self):
        """Whether each request has a connection of its own."""
        return ('Connection', 'close') in self.headers


class Sample(typing.NamedTuple):
    """One measurement."""

    cpu_us: float   # of the server, per request
    rate: float     # requests per second
    errors: int     # of connections, and answers that are not 2xx or 3xx


def check_answer(port, case):
    """Send a request and look at the answer.

    :raises Failure: it is not what it should be.
    """
    connection = http.client.HTTPConnection('127.0.0.1', port,
                                            timeout=PATIENCE_S)
    try:
        connection.request(case.method, case.path, case.body or None,
                           dict(case.headers))
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Failure('%s: %r' % (case.path, error)) from None
    finally:
        connection.close()
    if response.status != case.status or not body.startswith(case.begins):
        raise Failure('%s answers %d %r' % (
            case.path, response.status, body[:40]))


def parse_wrk(text):
    """Return ``(requests, seconds, errors)`` from what ``wrk`` prints.

    :raises Failure: it is not such a text.
    """
    match = re.search(r'(\d+) requests in ([\d.]+)(us|ms|s|m)\b', text)
    if not match:
        raise Failure('wrk says: ' + (text.strip().split('\n') or ['?'])[-1])
    seconds = float(match[2]) * {
        'us': 1e-6, 'ms': 1e-3, 's': 1, 'm': 60}[match[3]]
    errors = 0
    failed = re.search(r'Socket errors: (.*)', text)
    if failed:
        errors += sum(map(int, re.findall(r'\d+', failed[1])))
    refused = re.search(r'Non-2xx or 3xx responses: (\d+)', text)
    if refused:
        errors += int(refused[1])
    return int(match[1]), seconds, errors


def write_script(case):
    """Write the Lua script that makes ``wrk`` send a case's requests."""
    path = STORE / 'lua' / ('%s.lua' % case.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    quoted = ''.join('\\%03d' % byte for byte in case.body)
    lines = ['wrk.method = "%s"' % case.method]
    lines += ['wrk.headers["%s"] = "%s"' % (
        name, value.replace('\\', '\\\\').replace('"', '\\"'))
        for name, value in case.headers]
    if case.body:
        lines.append('wrk.body = "%s"' % quoted)
    if case.changing:
        lines.append("""local count = 0
request = function()
  count = count + 1
  wrk.headers["X-Request-Id"] = "f81d4fae-7dec-11d0-" .. count
  return wrk.format()
end""")
    path.write_text('\n'.join(lines) + '\n')
    return path


class Wrk:
    """Load by ``wrk``."""

    pinned = True  # to one core, else from any
    threads = 1     # at most, each with its share of the connections

    def __init__(self):
        self.command = wrk_command()
        stay_awake()

    def run(self, port, case, seconds):
        """Return ``(requests, seconds, errors)``."""
        core = cores()[1] if self.pinned else None
        result = subprocess.run(
            [*self.command, '-t%d' % min(self.threads, case.connections),
             '-c%d' % case.connections,
             '-d%ds' % seconds, '--timeout', '10s',
             '-s', str(write_script(case)),
             'http://127.0.0.1:%d%s' % (port, case.path)],
            capture_output=True, text=True, timeout=seconds + 60,
            start_new_session=not self.pinned,
            preexec_fn=lambda: pin(core))
        return parse_wrk(result.stdout + result.stderr)


class PlainLoad:
    """Load by this process: slower than ``wrk``, and always there. It counts
    requests, not seconds."""

    def __init__(self, requests=200):
        self.requests = requests

    def run(self, port, case, seconds):
        """Return ``(requests, seconds, errors)``; *seconds* is not used."""
        errors = 0
        start = time.perf_counter()
        connection = None
        for _ in range(self.requests):
            if connection is None:
                connection = http.client.HTTPConnection(
                    '127.0.0.1', port, timeout=PATIENCE_S)
            connection.request(case.method, case.path, case.body or None,
                               dict(case.headers))
            response = connection.getresponse()
            response.read()
            errors += response.status >= 400
            if response.will_close or case.closes:
                connection.close()
                connection = None
        if connection:
            connection.close()
        return self.requests, time.perf_counter() - start, errors


def sample(server, case, load, seconds=1):
    """Measure a server once.

    :raises Failure: no request was answered.
    """
    before = server.cpu_us()
    requests, took, errors = load.run(server.port, case, seconds)
    spent = server.cpu_us() - before
    if not requests:
        raise Failure('%s answers nothing to %s' % (server.name, case.name))
    if case.status >= 400:
        errors -= requests
    return Sample(spent / requests, requests / took, errors)


def rounds(servers, case, load, count, seconds=1, note=None):
    """Measure servers in turn, several times.

    The order moves on from round to round, so that none is always measured
    after the same neighbour.

    :param servers: a dict of :class:`Server`.
    :return: a dict with a list of :class:`Sample` for each server that
             answers the case as it should.
    """
    results = {}
    for name, server in servers.items():
        try:
            check_answer(server.port, case)
            results[name] = []
        except Failure as failure:
            (note or print)('%s: %s' % (name, failure))
    names = list(results)
    for number in range(count):
        shift = number % len(names) if names else 0
        for name in names[shift:] + names[:shift]:
            try:
                results[name].append(
                    sample(servers[name], case, load, seconds))
            except (Failure, OSError, subprocess.TimeoutExpired,
                    http.client.HTTPException) as failure:
                (note or print)('%s, %s: %s' % (name, case.name, failure))
    return {name: samples for name, samples in results.items() if samples}


class Idle:
    """Connections that are open and do nothing."""

    def __init__(self, port, count, request=b''):
        self.sockets = []
        try:
            for _ in range(count):
                sock = socket.create_connection(('127.0.0.1', port),
                                                PATIENCE_S)
                self.sockets.append(sock)
                if request:
                    sock.sendall(request)
                    sock.recv(65536)
        except OSError:
            self.close()
            raise

    def close(self):
        """Close them."""
        for sock in self.sockets:
            sock.close()
        self.sockets = []


# --------------------------------------------------------------- statistics

def summary(samples):
    """Return figures of several :class:`Sample` as a dict."""
    costs = [each.cpu_us for each in samples]
    return {
        'cpu_us_median': round(statistics.median(costs), 2),
        'cpu_us_min': round(min(costs), 2),
        'rate_median': round(statistics.median(
            each.rate for each in samples)),
        'errors': sum(each.errors for each in samples),
        'rounds': len(samples),
    }


def ratio(ours, theirs):
    """Return the ratios of two lists of :class:`Sample`, as a dict.

    ``median`` is that of the ratios within a round, whose samples were taken
    one soon after the other; ``min`` compares the best samples of each.
    """
    pairs = list(zip(ours, theirs))
    return {
        'median': round(statistics.median(
            one.cpu_us / other.cpu_us for one, other in pairs), 3),
        'min': round(min(each.cpu_us for each in ours)
                     / min(each.cpu_us for each in theirs), 3),
    }


# ------------------------------------------------------------------- tables

def table(rows):
    """Return rows of cells as an aligned text; the first is the heading.
    Numbers are aligned to the right."""
    cells = [[format_cell(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    right = [all(isinstance(row[i], (int, float, type(None)))
                 for row in rows[1:]) for i in range(len(widths))]
    lines = []
    for row in cells:
        lines.append('  '.join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right)).rstrip())
    lines.insert(1, '  '.join('-' * width for width in widths))
    return '\n'.join(lines) + '\n'


def format_cell(cell):
    """Return a cell as text: three digits of a fraction are enough."""
    if cell is None:
        return '-'
    if isinstance(cell, float):
        return '%.2f' % cell if abs(cell) < 10 else '%.1f' % cell
    if isinstance(cell, int):
        return '{:,}'.format(cell)
    return str(cell)


def verdict(value, limit, aim=None):
    """Return how a figure compares with its target, in words."""
    if value is None:
        return 'not measured'
    if aim is not None and value <= aim:
        return 'as aimed for'
    return 'within the target' if value <= limit else 'MISSED'
