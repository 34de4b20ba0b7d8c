"""A line for each request, when its answer has been sent, and an id for it."""
import json
import os
import time
from binascii import hexlify

_BOARD = hasattr(time, 'ticks_ms')

if _BOARD:
    _now = time.ticks_ms
    _since = time.ticks_diff

    def _write(line, status):
        print(line)
else:
    from . import _logs
    StreamHandler = _logs.StreamHandler
    logger = _logs.logger
    _now = _logs.now
    _since = _logs.since
    _write = _logs.write


def escape(text):
    """Return text for a line of a log: what could end the line or reach the
    terminal as a command is written as ``\\xNN``."""
    if text.encode().strip(b'abcdefghijklmnopqrstuvwxyz0123456789/-_.~') and \
            not text.isalpha():
        parts = []
        for char in text:
            if char < ' ' or '\x7f' <= char < '\xa0' or \
                    char in '\\\u2028\u2029':
                char = '\\x%02x' % ord(char)
            parts.append(char)
        text = ''.join(parts)
    return text


def as_text(entry):
    """Return an entry as a line of text. In place of the bytes a WebSocket
    that ends has the code that it was closed with; an error of the server's
    has the id of its request."""
    size = entry['bytes']
    if 'code' in entry:
        size = 'closed=%s' % entry['code']
    return '%s %s %s %s %s %s %.1f ms%s' % (
        entry['time'], entry['client'], entry['method'], entry['path'],
        entry['status'], '-' if size is None else size, entry['ms'],
        ' ' + entry['id'] if entry['id'] and entry['status'] >= 500 else '')


class _Counted:
    # A streamed body that counts its bytes.
    def __init__(self, response):
        self.body = response.body
        self.pieces = response.body_iter()
        self.count = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        piece = await self.pieces.__anext__()
        self.count += len(piece.encode() if isinstance(piece, str) else piece)
        return piece

    async def aclose(self):
        for each in (self.pieces, self.body):
            for name in ('aclose', 'close'):
                if hasattr(each, name):
                    result = getattr(each, name)()
                    if hasattr(result, '__await__') or \
                            _BOARD and hasattr(result, 'throw'):
                        await result
                    return


class _Access:
    # What is known of a request before it is logged.
    response = websocket = None

    def __init__(self, log):
        self.log = log
        self.start = _now()

    def identify(self, request):
        # A proxy that is trusted has sent the request.
        request.id = self.log.known_id(request) or request.id


class AccessLog:
    """Logs each request of an application once its answer has been sent.

    :param app: the application, with all that is mounted on it.
    :param format: ``'text'``, ``'json'``, or a function that makes a line of
                   an entry: a dict of ``time``, ``id``, ``client``,
                   ``method``, ``path``, ``status``, ``bytes`` (``None``: not
                   known) and ``ms``; of a WebSocket ``code`` when it ends.
    :param header: the header that carries the id, which is ``request.id``.
    :param trusted: whether an id that comes with a request is kept, whoever
                    has sent it. One that comes from a proxy which
                    :class:`~microdot.proxies.TrustedProxies` names is kept
                    anyway.

    Another one for the same application takes its place.

    ::

        AccessLog(app, format='json')
    """
    #: Characters of an id, and of a path, that are kept.
    max_id = 64
    max_path = 256
    replaced = False  # another one has taken its place

    def __init__(self, app, format='text', header='X-Request-ID',
                 trusted=False):
        self.format = {'text': as_text, 'json': json.dumps}.get(format, format)
        if isinstance(self.format, str):
            raise ValueError("format is 'text', 'json' or a function, not %r"
                             % format)
        self.header = header
        self.trusted = trusted
        for other in app.wrappers:
            if isinstance(other, AccessLog):
                other.replaced = True
        # around everything else: it is the whole time that counts
        app.wrap_dispatch(self, True)
        app.finishers.append(self._finish)

    def known_id(self, request):
        """Return the id that came with a request, or ``None``."""
        found = request.fields.get(self.header.lower(), '')
        if 0 < len(found) <= self.max_id and not found.encode().strip(
                b'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
                b'0123456789-_.:=+/'):
            return found

    async def __call__(self, request, call_next):
        if self.replaced or getattr(request, 'access', None):
            return await call_next(request)
        trusted = self.trusted or getattr(request, 'proxied', False)
        request.id = trusted and self.known_id(request) or \
            hexlify(os.urandom(8)).decode()
        request.access = access = _Access(self)
        request.upgraded = self._opened
        try:
            return await call_next(request)
        finally:
            if access.websocket:
                self.write(request, 101, None,
                           code=access.websocket.close_code or 1006)

    def _opened(self, request, ws):
        # Called by the WebSocket when it is open.
        request.access.websocket = ws
        self.write(request, 101, None)

    def _finish(self, request, response):
        if self.replaced:
            return
        if request is None:
            self.write(None, response.status_code, len(response.body or b''))
            return
        access = getattr(request, 'access', None)
        if access and access.log is self and not access.websocket:
            response.headers[self.header] = request.id
            if not isinstance(response.body, (bytes, str)) and \
                    response.body and response.size is None and \
                    not isinstance(response.body, _Counted):
                response.body = _Counted(response)
            if access.response is None:
                request.after_response(self._sent, request)
            access.response = response  # the last is that which is sent

    async def _sent(self, request):
        response = request.access.response
        body = response.body
        self.write(request, response.status_code,
                   0 if response.is_head else
                   response.size if response.size is not None else
                   body.count if isinstance(body, _Counted) else
                   len(body or b''))

    def write(self, request, status, size, **more):
        """Write a line.

        :param request: ``None``: it was malformed.
        """
        when = time.localtime()
        entry = {
            'time': '%04d-%02d-%02d %02d:%02d:%02d' % tuple(when)[:6],
            'id': None, 'client': '-', 'method': '-', 'path': '-',
            'status': status, 'bytes': size, 'ms': 0}
        if request:
            entry['id'] = request.id
            if request.client_addr:
                entry['client'] = request.client_addr[0]
            entry['method'] = escape(request.method[:16])
            entry['path'] = escape(request.path[:self.max_path])
            entry['ms'] = round(_since(_now(), request.access.start), 1)
        entry.update(more)
        _write(self.format(entry), status)
