"""Servers for ASGI and WSGI that send one request to an application."""

import asyncio
import io
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

#: The longest that a call may take, in seconds.
PATIENCE_S = 30


class Server:
    """The server's side of one request."""

    def __init__(self, app, *messages, **scope):
        self.app = app
        self.messages = list(messages)
        self.scope = {
            'type': 'http', 'asgi': {'version': '3.0'}, 'http_version': '1.1',
            'method': 'GET', 'scheme': 'http', 'path': '/', 'raw_path': b'/',
            'query_string': b'', 'root_path': '', 'server': ('a', 80),
            'headers': [(b'host', b'a')], 'client': ('192.0.2.1', 4321)}
        if 'path' in scope:
            self.scope['raw_path'] = scope['path'].encode()
        self.scope.update(scope)
        self.scope = {name: value for name, value in self.scope.items()
                      if value is not ...}
        self.sent = []
        self.received = 0
        self.left = asyncio.Event()
        self.wrote = asyncio.Event()

    async def receive(self):
        self.received += 1
        if not self.messages:
            await self.left.wait()
            return {'type': 'http.disconnect'}
        message = self.messages.pop(0)
        return message() if callable(message) else message

    async def send(self, message):
        self.sent.append(message)
        self.wrote.set()

    async def run(self):
        await asyncio.wait_for(
            self.app(self.scope, self.receive, self.send), PATIENCE_S)
        return self

    @property
    def status(self):
        return self.sent[0]['status']

    @property
    def headers(self):
        return self.sent[0]['headers']

    @property
    def body(self):
        assert self.sent[0]['type'] == 'http.response.start'
        assert {m['type'] for m in self.sent[1:]} == {'http.response.body'}
        assert [m.get('more_body', False) for m in self.sent[1:]] == \
            [True] * (len(self.sent) - 2) + [False]
        return b''.join(m['body'] for m in self.sent[1:])


def call(app, *messages, **scope):
    """Let an application answer one request; return the :class:`Server`."""
    async def main():
        return await Server(app, *messages, **scope).run()
    return asyncio.run(main())


class Answer:
    """What a server gets for one request."""

    def __init__(self, app, method='GET', path='/', body=b'', finish=True,
                 lint=True, **environ):
        self.errors = io.StringIO()
        self.input = io.BytesIO(body)
        self.environ = {
            'REQUEST_METHOD': method, 'PATH_INFO': path, 'SCRIPT_NAME': '',
            'QUERY_STRING': '', 'REMOTE_ADDR': '192.0.2.1',
            'REMOTE_PORT': '4321', 'SERVER_PROTOCOL': 'HTTP/1.1',
            'wsgi.input': self.input, 'wsgi.errors': self.errors}
        setup_testing_defaults(self.environ)
        if body:
            self.environ['CONTENT_LENGTH'] = str(len(body))
        self.environ.update(environ)
        self.environ = {name: value for name, value in self.environ.items()
                        if value is not ...}
        self.status = self.headers = None
        if lint:
            app = validator(app)
        self.iterable = app(self.environ, self.start_response)
        self.pieces = iter(self.iterable)
        if finish:
            try:
                self.body = b''.join(self.pieces)
            finally:
                self.iterable.close()
            assert self.errors.getvalue() == ''

    def start_response(self, status, headers, exc_info=None):
        assert self.status is None
        self.status = int(status[:3])
        self.reason = status[4:]
        self.headers = headers

    def header(self, name):
        return [value for key, value in self.headers
                if key.lower() == name.lower()]
