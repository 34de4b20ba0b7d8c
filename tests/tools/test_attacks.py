"""What a server holds while it is attacked stays within what its limits allow.

The attacks are those of ``tools/hostile/attacks.py``, from fewer connections.
"""

import asyncio

import pytest

import attacks
import interpreters
from servers import running

# One board will do: the others differ from it in nothing that matters here.
BOARDS = [each for each in interpreters.find() if each.has_event_loop]
SERVERS = [running()] + BOARDS[:1]


@pytest.fixture(scope='module', autouse=True)
def gently():
    """Attack with less than the tool does."""
    patch = pytest.MonkeyPatch()
    patch.setattr(attacks, 'CONNECTIONS', 4)
    patch.setattr(attacks, 'BOARD_CONNECTIONS', 4)
    patch.setattr(attacks, 'PIECES', 1500)
    patch.setattr(attacks, 'LOOK_S', 0.1)
    yield
    patch.undo()


@pytest.fixture(scope='module', params=SERVERS, ids=lambda each: each.name)
def server(request, gently):
    with attacks.Server(request.param) as server:
        yield server


@pytest.mark.parametrize('name', attacks.ATTACKS)
def test_held_memory_is_bounded_and_the_next_request_answered(server, name):
    result = asyncio.run(attacks.run(server, name))
    assert result.held <= result.bound
    assert result.open <= server.limits.connections
    # an upload that is not read is stopped; kernels take some megabytes
    assert result.sent < attacks.UPLOAD
    # what is over is over, but for what was imported or cached for it
    assert result.after <= attacks.REMAINDER
    assert server.output == ''


def test_a_stream_that_is_not_read_is_stopped(server):
    async def watch():
        await server.settle()
        client = await attacks.Client.connect(server)
        await client.send(b'GET /flood HTTP/1.1\r\nHost: a\r\n\r\n')
        counts = [-2, -1]
        while counts[-1] != counts[-2]:
            counts.append(server.samples[-1][5])
            await asyncio.sleep(0.2)
        # it goes on as soon as there is room
        while server.samples[-1][5] < counts[-1] + 4:
            assert await client.read()
        client.close()
        await server.settle()

    asyncio.run(asyncio.wait_for(watch(), attacks.PATIENCE_S))
