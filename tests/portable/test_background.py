"""Work after the response, and clients that do not wait for one."""

import asyncio
import unittest

import microdot.background  # noqa: F401
from helpers import free_port, run
from microdot.microdot import Microdot, Request, Response
from microdot.test_client import TestClient
from serving import GET, Server, soon, until


class TestAfterResponse(unittest.TestCase):
    def setUp(self):
        self.app = Microdot()
        self.done = []

    def serve(self, test, **kwargs):
        async def main():
            async with Server(self.app, **kwargs) as server:
                await test(server)
                return server
        return run(main())

    async def note(self, value, **kwargs):
        await asyncio.sleep(0)
        self.done.append((value, kwargs) if kwargs else value)

    def test_it_runs_in_order_with_arguments(self):
        @self.app.get('/')
        async def view(request):
            res = Response('x')
            res.after_response(self.note, 3)
            request.after_response(self.note, 1)
            request.after_response(self.done.append, 2)
            request.after_response(self.note, 2.5, a='b')
            self.assertTrue(
                res.after_response(self.done.append, 4) == self.done.append)
            return res

        async def test(server):
            self.assertEqual((await server.ask()).body, b'x')
            await until(lambda: len(self.done) == 5)
        self.serve(test)
        self.assertEqual(self.done, [1, 2, (2.5, {'a': 'b'}), 3, 4])

    def test_neither_client_nor_connection_waits(self):
        go = []

        @self.app.get('/')
        async def view(request):
            request.after_response(self.wait, go)
            return 'x'

        async def test(server):
            client = await server.connect()
            await client.send(GET + GET)
            self.assertEqual(await client.bodies(2), [b'x', b'x'])
            self.assertEqual(self.done, [])
            go.append(True)
            await until(lambda: len(self.done) == 2)
        self.serve(test)

    async def wait(self, go):
        await until(lambda: go)
        self.done.append('waited')

    def test_it_runs_after_the_last_piece(self):
        @self.app.get('/')
        async def view(request):
            request.after_response(self.note, 'after')

            async def body():
                for i in range(3):
                    await asyncio.sleep(0)
                    self.done.append(i)
                    yield 'x'
            return body()

        async def test(server):
            self.assertEqual((await server.ask()).body, b'xxx')
            await until(lambda: len(self.done) == 4)
        self.serve(test)
        self.assertEqual(self.done, [0, 1, 2, 'after'])

    def test_it_runs_though_the_client_has_gone(self):
        started = []

        @self.app.get('/')
        async def view(request):
            request.after_response(self.note, 'after')

            async def body():
                while True:
                    started.append(True)
                    yield 'x' * 100
                    await asyncio.sleep(0.001)
            return body()

        async def test(server):
            client = await server.connect()
            await client.send(GET)
            await until(lambda: started)
            await client.close()
            await until(lambda: self.done)
        self.serve(test)
        self.assertEqual(self.done, ['after'])

    def test_it_runs_though_the_client_left_within_its_body(self):
        started = []

        @self.app.post('/')
        async def view(request):
            request.after_response(self.note, 'after')
            started.append(True)
            await request.stream.read()

        async def test(server):
            client = await server.connect()
            await client.send(b'POST / HTTP/1.1\r\nHost: a\r\n'
                              b'Transfer-Encoding: chunked\r\n\r\n')
            await until(lambda: started)
            await client.send(b'5\r\nab')
            await client.close()
            await until(lambda: self.done)
        limit = Request.max_body_length
        self.addCleanup(setattr, Request, 'max_body_length', limit)
        Request.max_body_length = 0
        self.serve(test)
        self.assertEqual(self.done, ['after'])

    def test_the_body_of_the_next_request_is_not_its(self):
        limit = Request.max_body_length
        self.addCleanup(setattr, Request, 'max_body_length', limit)
        Request.max_body_length = 10
        seen = []

        async def read(request):
            await until(lambda: seen)  # the next one has begun
            self.done.append(request.body)
            try:
                self.done.append(await request.stream.read())
            except RuntimeError as exc:
                self.done.append(str(exc))

        @self.app.post('/')
        async def view(request):
            request.after_response(read, request)
            return 'first'

        @self.app.post('/next')
        async def follow(request):
            data = await request.stream.readexactly(1)
            seen.append(True)
            await until(lambda: len(self.done) == 2)
            return data + await request.stream.read()

        head = b' HTTP/1.1\r\nHost: a\r\nContent-Length: '

        async def test(server):
            client = await server.connect()
            await client.send(b'POST /' + head + b'%d\r\n\r\n' % len(body) +
                              body)
            self.assertEqual((await client.answer()).body, b'first')
            await client.send(b'POST /next' + head + b'20\r\n\r\n' +
                              b'a' * 15)
            await until(lambda: len(self.done) == 2)
            await client.send(b'b' * 5)
            self.assertEqual((await client.answer()).body,
                             b'a' * 15 + b'b' * 5)

        for body, expected in (
                (b'x' * 10, [b'x' * 10, b'x' * 10]),
                (b'x' * 11, [b'', 'read the body before you answer'])):
            self.done = []
            seen.clear()
            self.serve(test)
            self.assertEqual(self.done, expected)

    def test_arguments_may_have_any_name(self):
        def job(**kwargs):
            self.done.append(sorted(kwargs))

        @self.app.get('/')
        async def view(request):
            request.after_response(job, f=1, self=2, handler=3)
            return 'x'

        run(TestClient(self.app).get('/'))
        self.assertEqual(self.done, [['f', 'handler', 'self']])

    def test_errors_are_logged_and_the_rest_runs(self):
        async def fail():
            raise ValueError('later')

        @self.app.get('/')
        async def view(request):
            request.after_response(fail)
            request.after_response(self.note, 'after')
            return 'x'

        async def test(server):
            self.assertEqual((await server.ask()).status, 200)
            await until(lambda: self.done)
            self.assertEqual(server.logged[0].args, ('later',))
            server.logged.clear()
        self.serve(test)

    def test_errors_answers_and_empty_ones(self):
        @self.app.get('/error')
        async def error(request):
            request.after_response(self.note, 'error')
            raise KeyError

        @self.app.get('/none')
        async def none(request):
            request.after_response(self.note, 'none')

        self.app.errorhandler(KeyError)(lambda request, exc: ('', 400))

        async def test(server):
            for path in (b'/error', b'/none'):
                await server.ask(GET.replace(b'/', path, 1))
            await until(lambda: len(self.done) == 2)
        self.serve(test)
        self.assertEqual(self.done, ['error', 'none'])

    def test_shutdown_waits_for_it_before_hooks(self):
        go = []

        @self.app.on_shutdown
        async def last():
            self.done.append('hook')

        @self.app.get('/')
        async def view(request):
            request.after_response(self.wait, go)
            return 'x'

        async def test(server):
            await server.ask()
            server.app.shutdown()
            await asyncio.sleep(0.01)
            self.assertEqual(self.done, [])
            go.append(True)
            await soon(server.task)
        self.serve(test)
        self.assertEqual(self.done, ['waited', 'hook'])

    def test_shutdown_does_not_wait_for_ever(self):
        async def forever():
            try:
                await asyncio.Event().wait()
            finally:
                self.done.append('cancelled')

        @self.app.get('/')
        async def view(request):
            request.after_response(forever)
            return 'x'

        self.app.shutdown_timeout = 0.05

        async def test(server):
            await server.ask()
            server.app.shutdown()
            await soon(server.task)
            await until(lambda: self.done)
        self.serve(test)
        self.assertEqual(self.done, ['cancelled'])

    def test_it_works_again_after_a_restart(self):
        @self.app.get('/')
        async def view(request):
            request.after_response(self.note, 'after')
            return 'x'

        async def test(server):
            await server.ask()
        self.serve(test)
        self.serve(test)
        self.assertEqual(self.done, ['after', 'after'])

    @unittest.skipIf(not hasattr(asyncio, 'core'), 'loops are unwound')
    def test_nobody_waits_for_a_loop_that_has_ended(self):
        async def interrupt():
            await until(lambda: self.app.servers)
            res = Response()
            res.after_response(self.note, 'never')
            self.app.answered(None, res)
            raise KeyboardInterrupt

        @self.app.on_startup
        async def start():
            asyncio.create_task(interrupt())

        self.app.on_shutdown(lambda: self.done.append('hook'))
        self.app.shutdown_timeout = None  # for ever
        asyncio.new_event_loop()
        with self.assertRaises(KeyboardInterrupt):
            self.app.run('127.0.0.1', free_port())
        self.assertEqual(self.done, ['hook'])

    def test_the_test_client_waits_for_it(self):
        @self.app.get('/')
        async def view(request):
            request.after_response(self.note, 'after')
            return 'x'

        run(TestClient(self.app).get('/'))
        self.assertEqual(self.done, ['after'])

    def test_the_test_client_raises_its_error(self):
        async def fail():
            raise ValueError('later')

        @self.app.get('/')
        async def view(request):
            request.after_response(fail)
            return 'x'

        self.app.log_exception = self.log
        with self.assertRaises(ValueError):
            run(TestClient(self.app, raise_exceptions=True).get('/'))

    def log(self, req, exc):
        req.exception = exc


class TestIsDisconnected(unittest.TestCase):
    def test_over_a_connection(self):
        app = Microdot()
        seen = []
        left = []

        @app.get('/')
        async def view(request):
            seen.append(await request.is_disconnected())
            await until(lambda: left)
            # the news may take a moment
            for _ in range(500):
                if await request.is_disconnected():
                    seen.append(True)
                    break
                await asyncio.sleep(0.002)
            seen.append(await request.is_disconnected())
            return 'x'

        async def main():
            async with Server(app) as server:
                client = await server.connect()
                await client.send(GET)
                await until(lambda: seen)
                await client.close()
                left.append(True)
                await until(lambda: len(seen) == 3)
        run(main())
        self.assertEqual(seen, [False, True, True])

    def test_what_comes_meanwhile_is_kept(self):
        app = Microdot()
        seen = []

        @app.post('/')
        async def view(request):
            for _ in range(3):
                seen.append(await request.is_disconnected())
            return request.body

        async def main():
            async with Server(app) as server:
                client = await server.connect()
                one = b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n' \
                    b'\r\n'
                await client.send(one + b'abc' + one)
                await until(lambda: seen)
                await client.send(b'def')
                self.assertEqual(await client.bodies(2), [b'abc', b'def'])
        run(main())
        self.assertEqual(seen, [False] * 6)

    def test_of_a_request_made_by_hand(self):
        from microdot.microdot import Request
        req = Request(Microdot(), None, 'GET', '/', '1.1', {})
        self.assertFalse(run(req.is_disconnected()))


if __name__ == '__main__':
    unittest.main()
