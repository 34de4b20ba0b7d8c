"""A browser that loads a page again and again, and often does not wait for
the end, on servers for four connections."""

import asyncio
import contextlib
import json
import pathlib
import random
import socket
import struct
import time

import pytest

import page
import servers
from test_server_processes import every

SCRIPT = servers.TOP / 'tests' / 'apps' / 'page.py'
LOADS = 20


def body_of(name):
    """Return what the server has under a name."""
    if not name:
        return ('<html>%s</html>' % ' '.join(page.ASSETS)).encode()
    index = page.ASSETS.index(name)
    if index == 1:
        return name.encode() * 50 * 40
    if index % 2:
        return pathlib.Path(page.FILE).read_bytes()
    return name.encode() * (100 + 500 * index)


class Aborted(Exception):
    """The user has reloaded the page."""


class Browser:
    """Loads pages, over so many connections at a time, which it keeps."""

    def __init__(self, port, connections):
        self.port = port
        self.connections = connections
        self.idle = []
        self.opened = 0
        self.left = None  # bytes until the user reloads

    async def _connect(self):
        self.opened += 1
        opening = asyncio.ensure_future(
            asyncio.open_connection('127.0.0.1', self.port))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            self._leave((await opening)[1])
            raise

    async def _fetch(self, name):
        request = b'GET /%s HTTP/1.1\r\nHost: a\r\n\r\n' % name.encode()
        while True:
            used = bool(self.idle)
            begin = time.monotonic()
            reader, writer = self.idle.pop(0) if used \
                else await self._connect()
            try:
                writer.write(request)
                head = await reader.readuntil(b'\r\n\r\n')
            except (ConnectionError, asyncio.IncompleteReadError):
                # The server may close what idles, which it need not say: a
                # new one too where others wait, after 0.2 seconds, which a
                # loaded machine may take.
                writer.close()
                assert used or time.monotonic() - begin >= 0.2, \
                    'a new connection was closed'
                continue
            except BaseException:
                self._leave(writer)
                raise
            break
        try:
            body = await self._body(reader, head.decode().lower())
        except BaseException:
            self._leave(writer)
            raise
        assert body == body_of(name)
        self.idle.append((reader, writer))

    @staticmethod
    def _leave(writer):
        # a reset, as of a browser that has no use for the rest
        writer.get_extra_info('socket').setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        writer.transport.abort()

    async def _body(self, reader, head):
        assert head.startswith('http/1.1 200 ')
        if '\r\ncontent-length: ' in head:
            return await self._take(reader, int(
                head.split('\r\ncontent-length: ')[1].split('\r\n')[0]))
        body = b''
        while True:
            size = int(await reader.readuntil(b'\r\n'), 16)
            body += (await self._take(reader, size + 2))[:-2]
            if not size:
                return body

    async def _take(self, reader, size):
        data = await reader.readexactly(size)
        if self.left is not None:
            self.left -= size
            if self.left < 0:
                raise Aborted
        return data

    async def load(self, left=None):
        """Load the page and its assets; return how many connections that
        took.

        :param left: bytes after which the user reloads it.
        """
        self.left = left
        before = self.opened
        names = list(page.ASSETS)

        async def fetch_some():
            while names:
                await self._fetch(names.pop(0))

        tasks = []
        try:
            await self._fetch('')
            tasks = [asyncio.create_task(fetch_some())
                     for _ in range(self.connections)]
            await asyncio.gather(*tasks)
        except Aborted:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self.opened - before

    async def close(self):
        for _, writer in self.idle:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def reload(child, connections, most):
    chance = random.Random(connections)
    browser = Browser(child.port, connections)
    total = sum(map(len, map(body_of, ['', *page.ASSETS])))
    for _ in range(LOADS):
        opened = await browser.load(chance.randrange(total))
        assert opened <= most
    assert await browser.load() <= most
    if connections < 4:
        # all are kept now
        assert await browser.load() == 0
    await browser.close()
    return browser.opened


@pytest.mark.parametrize('connections, most', [(2, 2), (6, 99)])
@every
def test_reloads_that_are_aborted_do_no_harm(interpreter, connections, most):
    # a browser may open six; then the server closes some that idle
    with servers.serve(interpreter, script=SCRIPT) as child:
        opened = asyncio.run(asyncio.wait_for(
            reload(child, connections, most), 3 * servers.PATIENCE_S))
        counters = json.loads(child.get('/counters'))
        assert counters['accepted'] <= opened + 2
        assert counters['timed_out'] == counters['refused'] == 0
        servers.wait_until(lambda: json.loads(
            child.get('/counters'))['open'] == 1, 'the others to be gone')
        assert child.output == ''
