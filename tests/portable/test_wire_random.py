"""Requests with random changes: answered or closed, and never an error.

The numbers are the same each time. ``tools/fuzz`` does this for longer, but
on CPython alone.
"""

import unittest

from helpers import needs_heap, run
from peers import Peer
from wire_rows import Echo, accepted, refused

#: Inputs, for each of several seeds.
COUNT = 400

WORDS = [b'\r\n', b'\r', b'\n', b' ', b'\t', b':', b'\0', b'\x80', b'\xff',
         b'%', b'%2F', b'%zz', b'\xe2\x84\xaa', b'?a=b&', b'#', b'//', b';',
         b',', b'0', b'5', b'ffffffff', b'\r\n\r\n', b'Host: b\r\n',
         b'Content-Length: 5\r\n', b'Transfer-Encoding: chunked\r\n',
         b'Expect: 100-continue\r\n', b'Connection: close\r\n', b'HTTP/1.0',
         b'HEAD ', b'OPTIONS * ', b'http://b']


class Numbers:
    """Random numbers, alike on all interpreters."""

    def __init__(self, seed):
        self.state = seed

    def below(self, most):
        self.state = (self.state * 1103515245 + 12345) & 0x7fffffff
        return (self.state >> 8) % most


def change(data, samples, numbers):
    """Return *data* with a few random changes."""
    for _ in range(1 + numbers.below(4)):
        start = numbers.below(len(data) + 1)
        end = min(len(data), start + numbers.below(9))
        kind = numbers.below(5)
        if kind == 0:
            data = data[:start] + data[end:]
        elif kind == 1:
            data = data[:start] + WORDS[numbers.below(len(WORDS))] + \
                data[start:]
        elif kind == 2:
            data = data[:start] + data[start:end] * 9 + data[end:]
        elif kind == 3 and start < len(data):
            data = data[:start] + bytes([data[start] ^ (
                1 << numbers.below(8))]) + data[start + 1:]
        else:
            other = samples[numbers.below(len(samples))]
            data = data[:start] + other[numbers.below(len(other) + 1):]
    return data


@needs_heap(150)  # for all rows at once
class TestRandom(unittest.TestCase):
    def check(self, seed):
        app = Echo()
        numbers = Numbers(seed)
        samples = []
        for rows in (accepted(), refused()):
            for row in rows:
                samples.append(row[1])

        async def serve():
            for _ in range(COUNT):
                data = change(samples[numbers.below(len(samples))], samples,
                              numbers)
                cut = numbers.below(len(data) + 1)
                conn = Peer(app, [data[:cut], data[cut:]] if 0 < cut <
                            len(data) else [data])
                app.seen = []
                await conn.serve()
                if app.logged:
                    raise AssertionError('%r %r' % (data, app.logged))
                if conn.sent and conn.sent[:7] != b'HTTP/1.' or \
                        b'HTTP/1.1 500' in conn.sent:
                    raise AssertionError('%r %r' % (data, conn.sent))

        run(serve())

    def test_first_seed(self):
        self.check(1)

    def test_second_seed(self):
        self.check(22)

    def test_third_seed(self):
        self.check(333)


if __name__ == '__main__':
    unittest.main()
