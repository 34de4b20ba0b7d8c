"""Who makes room where all connections are taken: over TLS."""
import asyncio
import pathlib
import ssl

import pytest

from helpers import run
from microdot import Microdot
from serving import GET, Server, soon, until

FILES = pathlib.Path(__file__).resolve().parents[1] / 'files'


@pytest.mark.parametrize('begun', (b'', b'\x16', b'\x16\x03\x01\x02\x00\x01'))
def test_a_handshake_that_does_not_end_makes_room(begun):
    async def main():
        app = Microdot()
        app.max_connections = 3
        app.head_timeout = 60
        app.get('/')(lambda request: request.scheme)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        async with Server(app, ssl=(str(FILES / 'cert.pem'),
                                    str(FILES / 'key.pem'))) as server:
            for _ in range(3):
                client = await server.connect()
                await client.send(begun)
            await until(lambda: app.counters['open'] == 3)
            for _ in range(2):
                reader, writer = await soon(asyncio.open_connection(
                    '127.0.0.1', server.port, ssl=context))
                writer.write(GET[:-2] + b'Connection: close\r\n\r\n')
                assert (await soon(reader.read())).endswith(b'https')
                writer.close()
            assert app.counters['timed_out'] == 0

    run(main())
