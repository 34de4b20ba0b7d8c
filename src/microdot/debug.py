"""Pages for the developer: what went wrong, and where.

Only somebody who sits at the computer that serves gets to see them: the peer
and the name in ``Host`` are both this computer's own, and no proxy has said
that it stands between. They show; nothing can be run or changed by them.
"""
import asyncio
import builtins
import difflib
import html
import inspect
import linecache
import logging
import os
import platform
import re
import reprlib
import secrets
import sys
import sysconfig
import threading
import traceback
import urllib.parse

from . import microdot as core
from ._mistakes import HERE, WrongResult, describe, function_of, inner
from .microdot import HTTPException, Response

#: What the names of values have in them that are not shown.
SECRET_NAMES = ('secret', 'password', 'passwd', 'token', 'key', 'cookie',
                'authorization', 'credential')
#: Characters of a value, and of a line of source, that are shown.
MAX_VALUE = 300
#: Values of a frame, frames of a traceback, and exceptions of a chain.
MAX_VALUES = 40
MAX_FRAMES = 40
MAX_CHAIN = 5
#: Lines of source before and after the one that was being run.
AROUND = 5
#: How much alike, of 1, a path and a pattern are that may have been meant.
NEAR = 0.6
#: Seconds for which a handler may keep all others waiting.
MAX_BLOCK_S = 0.1

_HIDDEN = '(hidden)'
# (Python 3.11 and later)
_GROUP = getattr(builtins, 'BaseExceptionGroup', ())
# What the repr() of a dataclass and the like has of secrets.
_SECRET_VALUE = re.compile(
    r'(\w*(?:%s)\w*=)(?:\'(?:[^\'\\]|\\.)*(?:\'|$)|"(?:[^"\\]|\\.)*(?:"|$)|'
    r'[^\s,)\]}]+)' % '|'.join(SECRET_NAMES), re.I)
_LOOPBACK = re.compile(r'127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3}')
_LOCAL_HOST = re.compile(
    r'(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?', re.I)

_logger = logging.getLogger('microdot.error')


# --- Who may see it ---------------------------------------------------------

def may_show(request):
    """Tell whether a request comes from the computer that serves, by every
    sign that there is. To be asked before a middleware has changed it."""
    addr = request.client_addr
    peer = addr[0] if isinstance(addr, tuple) else None
    fields = request.fields
    return isinstance(peer, str) and \
        _LOOPBACK.fullmatch(peer) is not None and \
        _LOCAL_HOST.fullmatch(fields.get('host', '')) is not None and \
        not any(name in ('forwarded', 'via', 'x-real-ip') or
                name.startswith('x-forwarded') for name in fields) and \
        _is_own_page(request)


def _is_own_page(request):
    # A page of another site must not read it, even where CORS lets it.
    origin = request.fields.get('origin')
    return origin is None or \
        origin.partition('://')[2] == request.fields.get('host')


def is_secret(name):
    """Tell whether a value of this name is not to be shown."""
    name = str(name).lower()
    return any(part in name for part in SECRET_NAMES)


class _Repr(reprlib.Repr):
    # Short, without secrets, and never failing.
    def __init__(self):
        super().__init__()
        self.maxstring = self.maxother = MAX_VALUE
        self.maxdict = self.maxlist = self.maxtuple = 12
        self.maxlevel = 4

    def repr1(self, x, level):
        try:
            if isinstance(x, dict):
                return self.repr_dict(x, level)
            if isinstance(x, core.Request):
                return '<Request %s %r>' % (x.method, hide_query(x.url))
            return super().repr1(x, level)
        except Exception as exc:
            return '<%s, whose repr() raised %s>' % (
                type(x).__name__, type(exc).__name__)

    def repr_dict(self, x, level):
        if level <= 0:
            return '{...}'
        pairs = []
        for key in list(dict.keys(x))[:self.maxdict]:
            value = _HIDDEN if is_secret(key) else \
                self.repr1(dict.__getitem__(x, key), level - 1)
            pairs.append('%s: %s' % (self.repr1(key, level - 1), value))
        if dict.__len__(x) > self.maxdict:
            pairs.append('...')
        return '{%s}' % ', '.join(pairs)


def show(name, value):
    """Return a value as text: short, and hidden if its name says so."""
    if is_secret(name):
        return _HIDDEN
    text = _SECRET_VALUE.sub(r'\1' + _HIDDEN, _Repr().repr(value))
    return text if len(text) <= MAX_VALUE else text[:MAX_VALUE - 3] + '...'


# --- What is shown ----------------------------------------------------------

def is_program(path):
    """Tell whether a file is of the program, not of Python, of what is
    installed, or of this package."""
    path = os.path.abspath(path)
    places = [sysconfig.get_path(name)
              for name in ('stdlib', 'purelib', 'platlib')]
    return not path.startswith((HERE, *(
        place + os.sep for place in places if place)))


class HandlerFrame:
    """What is shown of a handler that has returned something wrong, in place
    of the frames that it has left: as a :class:`Frame` has it."""
    own = True
    values = ()

    def __init__(self, handler):
        function = function_of(handler)
        lines, first = inspect.getsourcelines(function)
        self.name = function.__qualname__
        self.path = inspect.getsourcefile(function)
        self.source = [
            (first + number, line.rstrip()[:MAX_VALUE])
            for number, line in enumerate(lines[:3 * AROUND])]
        returns = [number for number, line in self.source
                   if line.lstrip().startswith('return')]
        # (which of several it was, nobody knows)
        self.line = returns[0] if len(returns) == 1 else first


class SyntaxFrame:
    """What is shown of a file that is not Python, below the frames that have
    loaded it: as a :class:`Frame` has it. A line below the one in question
    points to the place in it."""
    values = ()

    def __init__(self, exc):
        self.name = 'invalid syntax'
        self.path = exc.filename
        self.line = exc.lineno
        self.own = is_program(self.path)
        lines = linecache.getlines(self.path)
        self.source = source_around(lines, self.line)
        column = min(exc.offset or 0, MAX_VALUE)
        if column and self.line <= len(lines):
            before = lines[self.line - 1][:column - 1]
            at = [number for number, _ in self.source].index(self.line)
            self.source.insert(at + 1, ('', re.sub(r'[^\t]', ' ', before)
                                        + '^'))


def source_around(lines, line):
    """Return some lines of a source and their numbers, as pairs of number
    and text.

    :param line: the number of the one in the middle.
    """
    return [(number, lines[number - 1].rstrip()[:MAX_VALUE])
            for number in range(max(line - AROUND, 1),
                                min(line + AROUND, len(lines)) + 1)]


class Frame:
    """A place that an exception has come through: ``path``, ``line``,
    ``name``, ``own`` (whether of the program), ``source`` (pairs of number
    and text) and ``values`` (pairs of name and text)."""
    def __init__(self, frame, line):
        code = frame.f_code
        self.path = code.co_filename
        self.line = line
        self.name = getattr(code, 'co_qualname', code.co_name)
        self.own = not self.path.startswith('<') and is_program(self.path)
        self.source = source_around(
            linecache.getlines(self.path, frame.f_globals), line)
        # The framework's own hold the request as it was received.
        values = frame.f_locals if self.own else {}
        if self.name == '<module>' and not self.path.endswith('.py'):
            # Jinja lets templates look like this.
            self.name = 'template'
            jinja = sys.modules.get('jinja2.defaults')
            usual = jinja.DEFAULT_NAMESPACE if jinja else {}
            values = {name: value for name, value in values.items()
                      if name not in usual or usual[name] is not value}
        self.values = [
            (name, show(name, value))
            for name, value in list(values.items())[:MAX_VALUES]
            if not name.startswith('__')]


def frames_of(exc):
    """Return the frames of an exception, at most so many: the outermost and
    the innermost. One in place of those left out is ``None``."""
    if isinstance(exc, WrongResult) and exc.handler:
        try:
            return [HandlerFrame(exc.handler)]
        except (OSError, TypeError, AttributeError):
            return []  # it is not known where it has been written
    places = list(traceback.walk_tb(inner(exc.__traceback__)))
    last = [SyntaxFrame(exc)] if isinstance(exc, SyntaxError) and \
        exc.filename and exc.lineno else []
    if len(places) > MAX_FRAMES:
        half = MAX_FRAMES // 2
        return [Frame(*place) for place in places[:half]] + [None] + \
            [Frame(*place) for place in places[-half:]] + last
    return [Frame(*place) for place in places] + last


def chain_of(exc):
    """Return an exception and those that led to it, as pairs of it and what
    is said of it. The first is the one that came last."""
    found = []
    text = ''
    while exc is not None and len(found) < MAX_CHAIN and \
            exc not in [one for one, _ in found]:
        found.append((exc, text))
        if isinstance(exc, _GROUP):
            found += [(each, 'one of them is') for each in exc.exceptions[
                :MAX_CHAIN - len(found)]]
        if exc.__cause__ is not None:
            exc, text = exc.__cause__, 'caused by'
        else:
            exc = None if exc.__suppress_context__ else exc.__context__
            text = 'while this was handled'
    return found


def message_of(exc):
    try:
        return str(exc)
    except Exception as failure:
        return '(str() raised %s)' % type(failure).__name__


def short_path(path):
    """Return a path as somebody in the current folder would write it."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return path
    return path if relative.startswith('..') else relative


def request_rows(request):
    """Return what is shown of a request, as pairs."""
    rows = [('Method', request.method), ('URL', hide_query(request.url))]
    if request.entry:
        handler = request.entry.handler
        rows += [('Route', request.entry.pattern.url_pattern),
                 ('Handler', getattr(handler, '__qualname__',
                                     type(handler).__name__))]
    rows += [(name, _HIDDEN if is_secret(name) else value)
             for name, value in sorted(request.headers.items())
             if name.lower() not in ('cookie', 'authorization')]
    return [(name, text[:MAX_VALUE]) for name, text in rows]


def hide_query(url):
    """Return a URL without the values of its query that are secrets."""
    path, mark, query = url.partition('?')
    pairs = []
    for pair in query.split('&') if mark else ():
        name, sign, _ = pair.partition('=')
        pairs.append(name + sign + _HIDDEN if is_secret(name) else pair)
    return path + mark + '&'.join(pairs)


def environment_rows():
    """Return what is shown of the computer; nothing of its environment
    variables."""
    from . import __version__
    return [('microdot', __version__),
            ('Python', '%s, %s' % (platform.python_version(),
                                   sys.executable)),
            ('Platform', platform.platform()),
            ('Folder', os.getcwd()),
            ('Path', os.pathsep.join(sys.path))]


def as_text(request, exc):
    """Return an exception as text that can be sent to somebody."""
    lines = ['%s %s' % (request.method, hide_query(request.url)), '']
    if isinstance(exc, WrongResult):
        lines.append(message_of(exc))
    else:
        lines += traceback.format_exception(
            type(exc), exc, inner(exc.__traceback__), limit=-MAX_FRAMES)
    lines.append('')
    lines += ['%s: %s' % row for row in environment_rows()[:3]]
    return '\n'.join(line.rstrip('\n') for line in lines) + '\n'


def as_json(request, exc):
    """Return an exception as a dict."""
    return {
        'error': 'Internal server error',
        'exception': type(exc).__name__,
        'message': message_of(exc),
        'frames': [{'file': frame.path, 'line': frame.line,
                    'function': frame.name}
                   for frame in frames_of(exc) if frame],
        'request': {'method': request.method,
                    'url': hide_query(request.url)},
    }


# --- Pages ------------------------------------------------------------------

_STYLE = """
:root { color-scheme: light dark; --back: #f6f7f9; --card: #fff;
  --text: #1d2430; --dim: #667085; --line: #e3e6eb; --red: #c0262d;
  --mark: #fdecec; --code: #fbfbfc; --own: #1a5fb4; }
@media (prefers-color-scheme: dark) { :root { --back: #14171c;
  --card: #1c2027; --text: #e6e9ef; --dim: #98a2b3; --line: #2e343e;
  --red: #ff7b72; --mark: #43232a; --code: #171a20; --own: #82b4ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 60px; }
header { border-left: 5px solid var(--red); padding: 2px 0 2px 16px;
  margin-bottom: 24px; }
a { color: var(--own); }
.what { color: var(--red); font-weight: 600; }
h1 { font-size: 25px; line-height: 1.3; margin: 2px 0 8px;
  overflow-wrap: anywhere; white-space: pre-wrap; }
h2 { font-size: 16px; margin: 30px 0 10px; overflow-wrap: anywhere; }
.dim { color: var(--dim); }
p { margin: 6px 0; overflow-wrap: anywhere; }
code, pre, .mono { font: 13px/1.6 ui-monospace, SFMono-Regular, Menlo,
  Consolas, "DejaVu Sans Mono", monospace; }
button { font: inherit; color: var(--text); background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; padding: 6px 14px;
  margin-top: 8px; cursor: pointer; }
button:hover, button:focus-visible { border-color: var(--own); }
details, .card { background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; margin: 10px 0; overflow: hidden; }
summary { padding: 10px 14px; cursor: pointer; overflow-wrap: anywhere; }
summary b { color: var(--own); }
details.other > summary { color: var(--dim); padding: 6px 14px; }
details.other summary b { color: inherit; font-weight: 500; }
pre { margin: 0; padding: 8px 0; overflow-x: auto; background: var(--code);
  border-top: 1px solid var(--line); tab-size: 4; }
pre .row { display: block; padding: 0 14px; min-width: max-content; }
pre .row i { display: inline-block; min-width: 40px; color: var(--dim);
  font-style: normal; text-align: right; padding-right: 14px;
  user-select: none; }
pre .now { background: var(--mark); font-weight: 600; }
pre .now i { color: inherit; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
td { padding: 6px 14px; vertical-align: top; overflow-wrap: anywhere;
  border-top: 1px solid var(--line); }
.card tr:first-child td { border-top: 0; }
td:first-child { width: 200px; color: var(--dim); }
.routes td:first-child { width: 140px; }
td.path { color: var(--text); }
#text { display: none; }
@media (max-width: 600px) { main { padding: 18px 12px 40px; }
  h1 { font-size: 20px; } summary { padding: 10px; }
  tr { display: block; padding: 6px 10px;
    border-top: 1px solid var(--line); }
  .card tr:first-child { border-top: 0; }
  td, td:first-child { display: block; width: auto; padding: 0; border: 0; }
  .routes td, .routes td:first-child { display: inline-block; width: auto;
    margin-right: 12px; }
  pre .row { padding: 0 10px; }
  pre .row i { min-width: 30px; padding-right: 10px; } }
"""
_SCRIPT = """
const button = document.querySelector('button');
button.addEventListener('click', async () => {
  const area = document.getElementById('text');
  try {
    await navigator.clipboard.writeText(area.value);
  } catch {
    area.style.display = 'block';
    area.select();
    document.execCommand('copy');
    area.style.display = '';
  }
  button.textContent = 'Copied';
  setTimeout(() => { button.textContent = 'Copy as text'; }, 1500);
});
"""


def _e(value):
    return html.escape(str(value))


def _table(rows):
    return '<div class="card"><table>%s</table></div>' % ''.join(
        '<tr><td>%s</td><td class="mono">%s</td></tr>' % (_e(name), _e(text))
        for name, text in rows)


def _frame_html(frame, is_open):
    if frame is None:
        return '<p class="dim">Frames in between are left out.</p>'
    source = ''.join(
        '<span class="row%s"><i>%s</i>%s</span>' % (
            ' now' if number in (frame.line, '') else '', number,
            _e(text) or ' ')
        for number, text in frame.source)
    values = ''.join(
        '<tr><td class="mono">%s</td><td class="mono">%s</td></tr>' % (
            _e(name), _e(text)) for name, text in frame.values)
    return (
        '<details%s%s><summary><b>%s</b> <span class="dim">in</span> '
        '<span class="mono">%s:%d</span></summary>%s%s</details>' % (
            '' if frame.own else ' class="other"', ' open' if is_open else '',
            _e(frame.name), _e(short_path(frame.path)), frame.line,
            '<pre>%s</pre>' % source if source else '',
            '<table>%s</table>' % values if values else ''))


def _exception_html(exc):
    frames = frames_of(exc)
    own = [frame for frame in frames if frame and frame.own]
    # the innermost that is the program's, or else the innermost
    shown = own[-1:] or frames[-1:]
    return ''.join(_frame_html(frame, frame in shown) for frame in frames)


def _page(status, title, heading, what, text, content):
    nonce = secrets.token_urlsafe(16)
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<title>%s</title><style nonce="%s">%s</style></head><body><main>'
        '<header><div class="what">%s</div><h1>%s</h1>%s</header>%s'
        '<textarea id="text" readonly>%s</textarea></main>'
        '<script nonce="%s">%s</script></body></html>' % (
            _e(title), nonce, _STYLE, _e(what), _e(heading),
            '<button type="button">Copy as text</button>', content,
            # (a first line break would not count)
            '\n' + _e(text), nonce, _SCRIPT))
    return Response(body, status, {
        'Content-Type': 'text/html; charset=UTF-8',
        'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff',
        'X-Frame-Options': 'DENY',
        'Referrer-Policy': 'no-referrer',
        'Content-Security-Policy':
            "default-src 'none'; connect-src 'self'; base-uri 'none'; "
            "frame-ancestors 'none'; style-src 'nonce-%s'; "
            "script-src 'nonce-%s'" % (nonce, nonce)})


def wanted_type(request):
    """Return what a client can show: ``'html'``, ``'json'`` or ``'text'``."""
    accept = request.fields.get('accept', '').lower()
    if 'text/html' in accept:
        return 'html'
    if 'json' in accept or \
            'json' in (request.content_type or '').lower():
        return 'json'
    return 'text'


def _plain(text, status):
    return Response(text, status, {
        'Content-Type': 'text/plain; charset=UTF-8',
        'Cache-Control': 'no-store'})


def error_response(request, exc):
    """Return the answer to a request whose handler has raised an
    exception."""
    kind = wanted_type(request)
    if kind == 'json':
        res = Response(as_json(request, exc), 500)
        res.headers['Cache-Control'] = 'no-store'
        return res
    text = as_text(request, exc)
    if kind == 'text':
        return _plain(text, 500)
    content = []
    for one, said in chain_of(exc):
        if said:
            content.append('<h2>%s <span class="what">%s</span>: %s</h2>' % (
                _e(said.capitalize()), _e(type(one).__name__),
                _e(message_of(one))))
        content.append(_exception_html(one))
    content.append('<h2>Request</h2>' + _table(request_rows(request)))
    content.append('<h2>Computer</h2>' + _table(environment_rows()))
    name = type(exc).__name__
    heading = message_of(exc) or name
    if isinstance(exc, WrongResult):
        # what has happened, and then what may be returned
        name = 'Wrong result'
        heading, _, rest = heading.partition('; ')
        content.insert(0, '<p>%s.</p>' % _e(rest[:1].upper() + rest[1:]))
    return _page(500, '%s at %s' % (name, request.path), heading,
                 '%s at %s %s' % (name, request.method, request.path), text,
                 ''.join(content))


def route_rows(app):
    """Return the routes of an application, as triples of methods, pattern
    and place."""
    rows = []
    for route in app.routes:
        rows.append((' '.join(route.methods), route.pattern.url_pattern,
                     place_of(route.handler)))
    return rows


def place_of(handler):
    """Return name, file and line of a handler, below what decorates it."""
    return describe(handler)


def nearest(path, patterns):
    """Return the patterns that a path may have been meant for, at most three,
    the nearest first. What they have parameters for does not count."""
    found = {}
    for pattern in patterns:
        parts = path.split('/')
        fixed = pattern.split('/')
        for number in range(min(len(parts), len(fixed)) - 1, -1, -1):
            if re.fullmatch('<[^<>]*>', fixed[number]):
                last = None if fixed[number].startswith('<path:') else \
                    number + 1
                del fixed[number], parts[number:last]
        ratio = difflib.SequenceMatcher(
            None, '/'.join(parts), '/'.join(fixed)).ratio()
        if ratio >= NEAR:
            found[pattern] = ratio
    return sorted(found, key=lambda each: -found[each])[:3]


def _linked(request, methods, pattern):
    # A pattern as HTML, with a link where a browser can follow it.
    text = _e(pattern)
    if 'GET' not in methods or '<' in pattern or pattern[:2] == '//' or \
            pattern[:1] != '/':
        return text
    return '<a href="%s">%s</a>' % (
        _e(request.root_path + urllib.parse.quote(pattern)), text)


def not_found_response(request):
    """Return the answer to a request that no route matches."""
    rows = route_rows(request.app)
    patterns = [pattern for _, pattern, _ in rows]
    near = nearest(request.path, patterns)
    kind = wanted_type(request)
    if kind == 'json':
        return Response({'error': 'Not found', 'nearest': near,
                         'routes': patterns}, 404)
    lines = ['Not found: %s %s' % (request.method, hide_query(request.url))]
    if near:
        lines.append('Nearest: ' + ', '.join(near))
    lines += ['', 'Routes:'] + [
        '  %s %s  %s' % row for row in rows] if rows else \
        ['', "There are no routes. One is made by @app.get('/')."]
    text = '\n'.join(lines) + '\n'
    if kind == 'text':
        return _plain(text, 404)
    content = ''
    if near:
        methods = {pattern: names for names, pattern, _ in rows}
        content += '<p>Did you mean %s?</p>' % ' or '.join(
            '<code>%s</code>' % _linked(request, methods[pattern], pattern)
            for pattern in near)
    if rows:
        content += '<h2>Routes</h2>' + (
            '<div class="card routes"><table>%s</table></div>' % ''.join(
                '<tr><td class="mono">%s</td><td class="mono path">%s</td>'
                '<td class="mono dim">%s</td></tr>' % (
                    _e(names), _linked(request, names, pattern), _e(place))
                for names, pattern, place in rows))
    else:
        content += "<p>There are no routes. One is made by " \
            "<code>@app.get('/')</code>.</p>"
    return _page(404, 'Not found', 'No route matches %s %s' % (
        request.method, request.path), '404 Not found', text, content)


# --- Handlers that block ----------------------------------------------------

class BlockWatch:
    """Names, once each, the handlers that keep the event loop from anything
    else for too long. A thread looks at what the loop's is doing."""

    def __init__(self, seconds=None):
        self.seconds = seconds or MAX_BLOCK_S
        self.named = set()
        self._beat = None     # changed by the loop whenever it is free
        self._stopped = threading.Event()
        self._thread = None

    async def start(self):
        """Begin; called by the event loop."""
        self._stopped.clear()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=self._watch, args=(threading.get_ident(),),
            name='microdot-debug', daemon=True)
        self._thread.start()

    async def stop(self):
        self._stopped.set()

    def _watch(self, loop_thread):
        while not self._stopped.is_set():
            free = threading.Event()
            try:
                self._loop.call_soon_threadsafe(free.set)
            except RuntimeError:
                break  # it is closed
            if not free.wait(self.seconds):
                frame = sys._current_frames().get(loop_thread)
                self.look(frame)
                del frame
                free.wait(5)
            self._stopped.wait(self.seconds / 2)

    def look(self, frame):
        """Name the outermost function of the program that a stack has in
        it, and the place that it waits at."""
        place = handler = None
        while frame is not None:
            path = frame.f_code.co_filename
            if not path.startswith('<') and is_program(path):
                handler = frame.f_code
                place = place or '%s:%d' % (short_path(path), frame.f_lineno)
            frame = frame.f_back
            if handler and frame and \
                    frame.f_code.co_filename.startswith(HERE):
                break
        if handler is None or handler in self.named or \
                handler.co_name == '<module>':
            return
        self.named.add(handler)
        _logger.warning(
            'handler %s (%s:%d) kept all other requests waiting for more '
            'than %d ms, at %s: await what takes long, or use "def" in place '
            'of "async def" so that it runs in a thread',
            handler.co_name, short_path(handler.co_filename),
            handler.co_firstlineno, self.seconds * 1000, place)


# --- The application --------------------------------------------------------

class DebugPages:
    """Answers errors by pages for the developer, see :func:`may_show`."""

    def __init__(self, app):
        self.app = app
        self.named = set()  # handlers that have returned nothing
        # around everything else: errors of middleware are shown too, and
        # none has changed the request yet
        app.wrap_dispatch(self._wrapper, outermost=True)
        self.watch = BlockWatch()
        app.on_startup(self.watch.start)
        app.on_shutdown(self.watch.stop)

    async def _wrapper(self, request, call_next):
        shown = may_show(request)
        try:
            res = await call_next(request)
        except HTTPException:
            raise
        except Exception as exc:
            if not shown:
                raise
            self.app.log_exception(request, exc)
            return error_response(request, exc)
        if res.forgotten and request.entry:
            self._name(request)
        if shown and res.status_code == 404 and not request.entry and \
                res.body == b'Not found':
            await core.close_body(res.body)
            if request.path == '/favicon.ico':
                # every browser asks for it, and nobody wants to hear of it
                return Response(b'', 204)
            return not_found_response(request)
        return res

    def _name(self, request):
        # Says, once, that a handler has returned nothing.
        place = place_of(request.entry.handler)
        if place not in self.named:
            self.named.add(place)
            _logger.warning(
                'handler %s for %s %s returned nothing, which is answered '
                'with 204; if no return has been forgotten, say so: return '
                "'', 204", place, request.method, ascii(request.path)[1:-1])


def install(app):
    """Have an application answer errors by pages for the developer, see
    ``DebugPages``; once, however often this is called."""
    if not isinstance(app.debug_pages, DebugPages):
        app.debug_pages = DebugPages(app)
    return app.debug_pages
