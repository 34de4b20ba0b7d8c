"""Bodies in memory: how large for a route, and how many together."""

import unittest

from helpers import change, run
from microdot import Microdot, Request
from microdot.test_client import TestClient
from serving import Server, until


def post(path, size, sent=None, kind=b'text/plain'):
    return b'POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\n' \
        b'Content-Length: %d\r\n\r\n' % (path, kind, size) + \
        b'x' * (size if sent is None else sent)


def chunked(path, sizes):
    return b'POST %s HTTP/1.1\r\nHost: a\r\n' \
        b'Transfer-Encoding: chunked\r\n\r\n' % path + b''.join(
            [b'%x\r\n' % size + b'x' * size + b'\r\n' for size in sizes])


def make_app():
    app = Microdot()

    async def size(request):
        return '%d, %d' % (len(request.body), len(
            await request.stream.read()))

    app.post('/')(size)
    app.post('/body', max_body_length=3000)(size)
    app.post('/content', max_content_length=3000)(size)
    app.post('/both', max_content_length=4000, max_body_length=500)(size)
    app.post('/less', max_body_length=500)(size)
    app.post('/least', max_content_length=1000, max_body_length=3000)(size)
    return app


class TestRoutes(unittest.TestCase):
    def setUp(self):
        change(self, Request, 'max_content_length', 2000)
        change(self, Request, 'max_body_length', 1500)

    def test_a_route_has_limits_of_its_own(self):
        for path, size, text in (
                ('/', 1500, '1500, 1500'), ('/', 1501, '0, 1501'),
                ('/', 2000, '0, 2000'), ('/', 2001, None),
                # one argument suffices for a body in memory
                ('/body', 3000, '3000, 3000'), ('/body', 3001, None),
                ('/content', 1500, '1500, 1500'),
                ('/content', 3000, '0, 3000'), ('/content', 3001, None),
                ('/both', 500, '500, 500'), ('/both', 501, '0, 501'),
                ('/both', 4000, '0, 4000'), ('/both', 4001, None),
                ('/less', 501, '0, 501'), ('/less', 2000, '0, 2000'),
                ('/less', 2001, None),
                ('/least', 1000, '1000, 1000'), ('/least', 1001, None)):
            for body in (b'x' * size, iter([b'x' * size])):
                if text and not isinstance(body, bytes):
                    continue
                with self.subTest(path=path, size=size):
                    res = run(TestClient(make_app()).post(path, body=body))
                    self.assertEqual(res.status_code, 200 if text else 413)
                    if text:
                        self.assertEqual(res.text, text)

    def test_a_chunked_body_is_kept_where_it_cannot_be_too_large(self):
        app = make_app()
        for path, text in (('/', '0, 5'), ('/body', '5, 5'),
                           ('/both', '0, 5'), ('/least', '5, 5')):
            res = run(TestClient(app).post(path, body=iter([b'12', b'345'])))
            self.assertEqual(res.text, text)

    def test_mounted_routes_keep_theirs(self):
        parent = Microdot()
        parent.mount(make_app(), '/p')
        res = run(TestClient(parent).post('/p/body', body=b'x' * 3000))
        self.assertEqual(res.text, '3000, 3000')


class TestTogether(unittest.TestCase):
    def serve(self, check, **limits):
        async def main():
            app = make_app()
            for name, value in limits.items():
                self.assertTrue(hasattr(app, name))
                setattr(app, name, value)
            async with Server(app) as server:
                await check(app, server)
            self.assertEqual(app.body_bytes, 0)

        run(main())

    def test_bodies_that_come_at_the_same_time_have_a_limit(self):
        async def check(app, server):
            slow = await server.connect()
            await slow.send(post(b'/', 600, 500))
            await until(lambda: app.body_bytes == 500)
            for size, status in ((500, 200), (501, 503), (1000, 503)):
                answer = await server.ask(post(b'/', size))
                self.assertEqual((size, answer.status), (size, status))
                if status == 503:
                    self.assertEqual(answer.headers['retry-after'], '1')
            await slow.send(b'x' * 100)
            self.assertEqual((await slow.answer()).body, b'600, 600')
            answer = await server.ask(post(b'/', 1000))
            self.assertEqual(answer.body, b'1000, 1000')

        self.serve(check, max_bodies=1000)

    def test_chunked_ones_are_counted_as_they_come(self):
        change(self, Request, 'max_content_length', 3000)
        change(self, Request, 'max_body_length', 3000)

        async def check(app, server):
            slow = await server.connect()
            await slow.send(chunked(b'/', [300, 1, 199]))
            await until(lambda: app.body_bytes == 500)
            answer = await server.ask(chunked(b'/', [500, 0]))
            self.assertEqual(answer.status, 200)
            answer = await server.ask(chunked(b'/', [500, 1, 0]))
            self.assertEqual(answer.status, 503)
            await slow.close()
            await until(lambda: not app.body_bytes)

        self.serve(check, max_bodies=1000)

    def test_it_counts_until_the_answer_is_out(self):
        async def check(app, server):
            seen = []

            @app.post('/stream')
            async def stream(request):
                class Body:
                    left = 2

                    def __aiter__(self):
                        return self

                    async def __anext__(self):
                        seen.append(app.body_bytes)
                        self.left -= 1
                        if not self.left:
                            raise StopAsyncIteration
                        return b'x'

                return Body()

            client = await server.connect()
            await client.send(post(b'/stream', 700))
            self.assertEqual((await client.answer()).body, b'x')
            self.assertEqual(seen, [700, 700])
            await until(lambda: not app.body_bytes)

        self.serve(check, max_bodies=1000)

    def test_a_client_that_leaves_gives_room(self):
        async def check(app, server):
            for _ in range(3):
                client = await server.connect()
                await client.send(post(b'/', 900, 800))
                await until(lambda: app.body_bytes == 800)
                await client.close()
                await until(lambda: not app.body_bytes)

        self.serve(check, max_bodies=1000)

    def test_what_stays_on_the_stream_does_not_count(self):
        async def check(app, server):
            answer = await server.ask(post(b'/less', 900))
            self.assertEqual(answer.body, b'0, 900')

        self.serve(check, max_bodies=100)

    def test_none_is_a_choice(self):
        async def check(app, server):
            answer = await server.ask(post(b'/', 1500))
            self.assertEqual(answer.status, 200)

        self.serve(check, max_bodies=None)
