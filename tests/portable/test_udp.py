import asyncio
import socket
import time
import unittest

from helpers import free_port, run
from microdot.udp import look_up, network_time, readable

QUESTION = b'\7example\3org\0\0\1\0\1'
NAME = b'\xc0\x0c'


def record(kind, data, name=NAME):
    return name + kind + b'\0\1\0\0\0\x3c' + \
        len(data).to_bytes(2, 'big') + data


def dns(*records, flags=b'\x81\x80', count=None):
    """An answer to a query for example.org, but for its first two bytes."""
    return flags + b'\0\1' + bytes(
        [0, len(records) if count is None else count]) + bytes(4) + \
        QUESTION + b''.join(records)


A = record(b'\0\1', bytes((10, 0, 0, 7)))


def ask(function, answer, **kwargs):
    """Call a function with the address of a server that answers so.

    :return: what it returned, and what the server got.
    """
    async def main():
        port = free_port()
        address = socket.getaddrinfo('127.0.0.1', port)[0][-1]
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        got = []

        async def serve():
            await readable(sock)
            query, client = sock.recvfrom(512)
            got.append(query)
            data = answer(query)
            if data is not None:
                sock.sendto(data, client)

        try:
            sock.setblocking(False)
            sock.bind(address)
            serving = asyncio.create_task(serve())
            found = await function(('127.0.0.1', port), **kwargs)
            await serving
            return found, got[0]
        finally:
            sock.close()
    return run(main())


@unittest.skipIf(not hasattr(asyncio, 'run'), 'needs an event loop')
class TestNames(unittest.TestCase):
    def look_up(self, answer, timeout=30):
        return ask(lambda server: look_up('example.org', server, timeout),
                   lambda query: query[:2] + answer)

    def test_it_finds_an_address(self):
        found, query = self.look_up(dns(A))
        self.assertEqual(found, '10.0.0.7')
        self.assertEqual(query[2:], b'\1\0\0\1\0\0\0\0\0\0' + QUESTION)

    def test_it_passes_other_records(self):
        alias = record(b'\0\5', b'\1b\xc0\x14')
        six = record(b'\0\x1c', bytes(16))
        whole = record(b'\0\1', bytes((10, 0, 0, 7)), b'\1b\3org\0')
        for records in ((alias, A), (six, alias, A), (alias, whole)):
            self.assertEqual(self.look_up(dns(*records))[0], '10.0.0.7')

    def test_numbers_are_an_address_already(self):
        self.assertEqual(run(look_up('10.0.0.1', '127.0.0.1')), '10.0.0.1')

    def test_whatever_else_comes_is_an_error(self):
        answers = [b'', b'\x81\x83' + bytes(8), dns(), dns(count=1),
                   dns(record(b'\0\1', b'\1\2\3')),
                   dns(record(b'\0\1', bytes(4), b'\xff' * 30)),
                   b'\xff' * 200]
        whole = dns(A)
        answers += [whole[:size] for size in range(0, len(whole), 3)]
        for answer in answers:
            with self.assertRaises(OSError):
                self.look_up(answer)

    def test_an_answer_that_comes_while_the_board_is_busy_is_taken(self):
        def answer(query):
            time.sleep(0.3)
            return query[:2] + dns(A)

        found, query = ask(
            lambda server: look_up('example.org', server, 0.1), answer)
        self.assertEqual(found, '10.0.0.7')

    def test_an_answer_to_another_query_is_not_taken(self):
        with self.assertRaises(OSError):
            ask(lambda server: look_up('example.org', server),
                lambda query: bytes((query[0] ^ 1, query[1])) + dns(A))

    def test_silence_ends(self):
        with self.assertRaises(OSError):
            ask(lambda server: look_up('example.org', server, 0.05),
                lambda query: None)


@unittest.skipIf(not hasattr(asyncio, 'run'), 'needs an event loop')
class TestTime(unittest.TestCase):
    def time(self, answer):
        return ask(network_time, lambda query: answer, timeout=30)

    def test_it_is_in_seconds_since_1970(self):
        for sent, expected in ((2208988800 + 1800000000, 1800000000),
                               (1, (1 << 32) - 2208988800 + 1)):
            found, query = self.time(
                b'\x1c\2' + bytes(38) + sent.to_bytes(4, 'big') + bytes(4))
            self.assertEqual(found, expected)
            self.assertEqual((len(query), query[0]), (48, 0x1b))

    def test_whatever_else_comes_is_an_error(self):
        for answer in (b'', b'\x1c\2' + bytes(45),     # short
                       b'\x1b\2' + bytes(46),          # of a client
                       b'\x1c\0RATE' + bytes(42),      # "go away"
                       b'\x1c\x10' + bytes(46)):       # unsynchronised
            with self.assertRaises(OSError):
                self.time(answer)

    def test_silence_ends(self):
        with self.assertRaises(OSError):
            ask(lambda server: network_time(server, 0.05),
                lambda query: None)
