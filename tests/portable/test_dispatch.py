"""What happens around a handler: hooks, results, errors."""

import asyncio
import unittest

import microdot.microdot as core
from helpers import change, run
from microdot.helpers import add_vary
from microdot.microdot import (
    HTTPException,
    Microdot,
    MissingKey,
    MultiDict,
    NoCaseDict,
    Request,
    Response,
    abort,
)
from microdot.test_client import TestClient
from peers import Recorder, converse

try:
    import contextvars
except ImportError:
    contextvars = None

NEEDS_EVENT_LOOP = False


def request(app, path='/', method='GET', **kwargs):
    return run(TestClient(app).request(method, path, **kwargs))


def fails(request, *args):
    raise ValueError('on purpose')


def nothing(request, *args):
    return None


class Callable:
    """An object whose calls are to be awaited."""

    async def __call__(self, request):
        return 'object'


class Method:
    async def view(self, request):
        return 'method'


class TestNames(unittest.TestCase):
    def test_programs_for_2_7_find_what_they_import(self):
        for name in ('NoCaseDict', 'MultiDict', 'HTTPException', 'urlencode',
                     'urldecode', 'mro', 'invoke_handler', 'print_exception'):
            self.assertTrue(callable(getattr(core, name)), name)


class TestViews(unittest.TestCase):
    def test_kinds_of_views(self):
        """S37: an object with an async call was not awaited on CPython."""
        app = Microdot()

        async def coroutine(request):
            return 'coroutine'

        def plain(request):
            return 'plain'

        def indirect(request):
            return coroutine(request)

        for path, view, expected in (
                ('/a', coroutine, 'coroutine'), ('/b', plain, 'plain'),
                ('/c', indirect, 'coroutine'), ('/d', Callable(), 'object'),
                ('/e', Method().view, 'method'),
                ('/f', lambda request: 'lambda', 'lambda'),
                ('/g', lambda request: coroutine(request), 'coroutine')):
            app.get(path)(view)
            with self.subTest(path=path):
                self.assertEqual(request(app, path).text, expected)

    def test_async_and_sync_views_get_arguments(self):
        app = Microdot()

        @app.get('/a/<x>')
        async def first(request, x):
            return x

        @app.get('/b/<int:x>/<y>')
        def second(request, y, x):
            return [x, y]

        self.assertEqual(request(app, '/a/z').text, 'z')
        self.assertEqual(request(app, '/b/5/z').json, [5, 'z'])

    def test_response_has_length_and_type(self):
        app = Microdot()
        app.get('/')(lambda request: 'hello')
        res = request(app)
        self.assertEqual(res.status_code, 200)
        self.assertEqual(res.headers['Content-Length'], '5')
        self.assertEqual(res.headers['Content-Type'],
                         'text/plain; charset=UTF-8')
        self.assertEqual(res.text, 'hello')
        self.assertIsNone(res.json)

    def test_results(self):
        """What a view returns, the status, the body and a header."""
        for result, status, body, header in (
                ('hello', 200, b'hello', None),
                (b'\xff', 200, b'\xff', None), ('', 200, b'', None),
                (None, 204, b'', None), (201, 201, b'', None),
                ((202,), 202, b'', None), ((202, {'X': 'y'}), 202, b'', 'y'),
                (('a', 203), 203, b'a', None),
                (('a', {'X': 'y'}), 200, b'a', 'y'),
                (('a', 203, {'X': 'y'}), 203, b'a', 'y'),
                (({'a': 1}, 203), 203, b'{"a": 1}', None),
                (([1], 203, {'X': 'y'}), 203, b'[1]', 'y'),
                ((None, 404), 404, b'', None),
                (Response('a', 203, {'X': 'y'}), 203, b'a', 'y'),
                ((iter(['a', 'b']), 203), 203, b'ab', None)):
            app = Microdot()
            app.get('/')(lambda request: result)
            with self.subTest(result=result):
                res = request(app)
                self.assertEqual(res.status_code, status)
                self.assertEqual(res.body, body)
                self.assertEqual(res.headers.get('X'), header)

    def test_bad_result_is_500(self):
        """S35: some were sent as a status text."""
        for result in (object(), 23.7, (), ('a', 'b'), ('a', 200, 'b'),
                       ('a', 9), ('a', 700)):
            app = Recorder()
            app.get('/')(lambda request: result)
            with self.subTest(result=result):
                self.assertEqual(request(app).status_code, 500)
                self.assertEqual(len(app.logged), 1)

    def test_header_that_cannot_be_sent_is_500(self):
        """S21: it was sent."""
        for headers in ({'X': 'a\r\nY: b'}, {'X\r\nY': 'a'}, {'X Y': 'a'}):
            app = Recorder()
            app.get('/')(lambda request: ('secret', headers))
            with self.subTest(headers=headers):
                res = request(app)
                self.assertEqual((res.status_code, res.text),
                                 (500, 'Internal server error'))
                self.assertEqual(len(app.logged), 1)

    def test_already_handled_sends_nothing(self):
        app = Microdot()
        app.get('/')(lambda request: Response.already_handled)
        self.assertIsNone(request(app).body)

    def test_stream_closes_its_iterator(self):
        class Body:
            closed = 0

            def __init__(self):
                self.pieces = ['foo', b'bar']

            def __aiter__(self):
                return self

            async def __anext__(self):
                if not self.pieces:
                    raise StopAsyncIteration
                return self.pieces.pop(0)

            async def aclose(self):
                Body.closed += 1

        app = Microdot()
        app.get('/')(lambda request: Body())
        self.assertEqual(request(app).text, 'foobar')
        self.assertEqual(Body.closed, 1)

    def test_repeated_headers_are_joined(self):
        """S8: the last one won."""
        app = Microdot()
        seen = []

        @app.get('/')
        async def view(request):
            seen.append((request.headers['X-a'], request.cookies))
            return ''

        run(converse(app, b'GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n'
                          b'Cookie: a=b\r\nx-a: c\r\ncookie: c=d\r\n\r\n'))
        self.assertEqual(seen, [('b, c', {'a': 'b', 'c': 'd'})])

    def test_requests_have_a_g_of_their_own(self):
        app = Microdot()

        @app.before_request
        async def count(request):
            request.g.count = getattr(request.g, 'count', 0) + 1

        app.get('/')(lambda request: str(request.g.count))
        self.assertEqual([request(app).text for i in range(2)], ['1', '1'])


@unittest.skipIf(contextvars is None, 'needs threads')
class TestThreads(unittest.TestCase):
    def test_context_variables_reach_sync_views(self):
        """S37: they were lost."""
        variable = contextvars.ContextVar('variable', default='none')
        app = Microdot()

        @app.before_request
        async def before(request):
            variable.set('set')

        app.get('/')(lambda request: variable.get())
        self.assertEqual(request(app).text, 'set')

    def test_sync_views_run_side_by_side(self):
        import threading
        app = Microdot()
        barrier = threading.Barrier(3)
        app.get('/')(lambda request: str(barrier.wait(30) >= 0))

        async def main():
            return [res.text for res in await asyncio.gather(*[
                TestClient(app).get('/') for i in range(3)])]

        self.assertEqual(run(main()), ['True'] * 3)

    def test_sync_views_do_not_block_the_loop(self):
        import threading
        app = Microdot()
        event = threading.Event()
        app.get('/wait')(lambda request: str(event.wait(30)))

        @app.get('/set')
        async def view(request):
            event.set()
            return ''

        async def main():
            client = TestClient(app)
            return (await asyncio.gather(
                client.get('/wait'), client.get('/set')))[0].text

        self.assertEqual(run(main()), 'True')


class TestHooks(unittest.TestCase):
    def make(self):
        app = Recorder()
        self.log = log = []

        @app.before_request
        async def before(request):
            log.append('before')

        @app.after_request
        async def after(request, response):
            log.append('after')
            response.headers['X-After'] = '1'

        @app.after_error_request
        async def after_error(request, response):
            log.append('after error')
            response.headers['X-Error'] = '1'

        @app.get('/')
        async def index(request):
            log.append('view')
            return 'index'

        @app.get('/fails')
        async def failing(request):
            raise ValueError('on purpose')

        @app.get('/aborts')
        async def aborting(request):
            abort(418, 'teapot')

        return app

    def test_hooks_surround_the_view(self):
        res = request(self.make())
        self.assertEqual(self.log, ['before', 'view', 'after'])
        self.assertEqual(res.headers['X-After'], '1')
        self.assertFalse('X-Error' in res.headers)

    def test_hooks_run_in_order_of_registration(self):
        app = Microdot()
        log = []
        for i in range(3):
            app.before_request(lambda request, i=i: log.append(i) and None)
            app.after_request(
                lambda request, response, i=i: log.append(-i) and None)
        app.get('/')(lambda request: '')
        request(app)
        self.assertEqual(log, [0, 1, 2, 0, -1, -2])

    def test_after_error_hooks_run_after_errors(self):
        for path, status in (('/unknown', 404), ('/fails', 500),
                             ('/aborts', 418)):
            with self.subTest(path=path):
                res = request(self.make(), path)
                self.assertEqual(res.status_code, status)
                self.assertEqual(self.log[-1], 'after error')
                self.assertFalse('after' in self.log)
                self.assertEqual(res.headers['X-Error'], '1')

    def test_after_error_hook_runs_for_405_and_413(self):
        change(self, Request, 'max_content_length', 2000)
        for kwargs, status in (({'method': 'PUT'}, 405),
                               ({'method': 'GET', 'body': b'x' * 2001},
                                413)):
            res = request(self.make(), **kwargs)
            self.assertEqual(res.status_code, status)
            self.assertEqual(self.log, ['after error'])

    def test_before_hooks_do_not_run_without_a_view(self):
        for path, method in (('/unknown', 'GET'), ('/', 'PUT'),
                             ('/', 'OPTIONS')):
            request(self.make(), path, method)
            self.assertFalse('before' in self.log)

    def test_after_error_hooks_do_not_run_for_options(self):
        request(self.make(), '/', 'OPTIONS')
        self.assertFalse('after error' in self.log)

    def test_hooks_come_in_pairs(self):
        # What no handler answers has neither: a hook that counts on what
        # the other has left in request.g does not fail.
        for local in (False, True):
            log = []
            app = Microdot()

            @app.before_request
            async def before(request):
                request.g.since = 1

            @app.after_request
            async def after(request, response):
                log.append(request.g.since)

            app.get('/x')(lambda request: '')
            app.post('/own')(lambda request: '')
            app.route('/own', methods=['OPTIONS'])(lambda request: '')
            parent = Microdot()
            parent.mount(app, '/p', local=local)
            change(self, Request, 'max_content_length', 10)
            for method, path, status, ran in (
                    ('GET', '/x', 200, [1]), ('HEAD', '/x', 200, [1]),
                    ('OPTIONS', '/x', 200, []), ('PUT', '/x', 405, []),
                    ('OPTIONS', '/own', 200, [1]), ('FOO', '/x', 501, []),
                    ('GET', '/y', 404, []), ('GET', '/x/..', 404, []),
                    ('OPTIONS', '/y', 404, [])):
                with self.subTest(local=local, method=method, path=path):
                    log.clear()
                    res = request(parent, '/p' + path, method)
                    self.assertEqual((res.status_code, log), (status, ran))
            log.clear()
            res = request(parent, '/p/own', 'POST', body=b'x' * 11)
            self.assertEqual((res.status_code, log), (413, []))

    def test_what_middleware_asked_for_is_done_to_options_too(self):
        app = Microdot()
        app.get('/')(lambda request: '')

        @app.middleware
        async def around(request, call_next):
            @request.after_request
            async def mark(request, response):
                response.headers['X-Mark'] = '1'
            return await call_next(request)

        res = request(app, '/', 'OPTIONS')
        self.assertEqual(res.headers['X-Mark'], '1')

    def test_before_hook_may_answer(self):
        for result, status, text in (
                ('short', 200, 'short'), (('short', 403), 403, 'short'),
                (403, 403, ''), ({'a': 1}, 200, '{"a": 1}'),
                (Response('short', 201), 201, 'short')):
            app = self.make()
            app.before_request(lambda request: result)
            with self.subTest(result=result):
                res = request(app)
                self.assertEqual((res.status_code, res.text), (status, text))
                self.assertEqual(self.log, ['before', 'after'])

    def test_before_hook_that_returns_nothing_lets_pass(self):
        """S35: an empty text did not."""
        for result in (None, '', 0, {}):
            app = self.make()
            app.before_request(lambda request: result)
            self.assertEqual(request(app).text, 'index')

    def test_first_before_hook_that_answers_is_the_last_to_run(self):
        app = self.make()
        app.before_request(lambda request: 'first')
        app.before_request(lambda request: self.log.append('second'))
        self.assertEqual(request(app).text, 'first')
        self.assertFalse('second' in self.log)

    def test_after_hook_may_replace_the_response(self):
        for result, status, text in (
                (None, 200, 'index'), (Response('new', 201), 201, 'new'),
                ('new', 200, 'new'), (('new', 202), 202, 'new')):
            app = self.make()
            app.after_request(lambda request, response: result)
            with self.subTest(result=result):
                res = request(app)
                self.assertEqual((res.status_code, res.text), (status, text))

    def test_after_hook_may_change_the_body(self):
        app = self.make()

        @app.after_request
        async def change(request, response):
            response.body += b'!'

        res = request(app)
        self.assertEqual((res.text, res.headers['Content-Length']),
                         ('index!', '6'))

    def test_request_specific_hooks_run_last(self):
        app = self.make()

        @app.get('/own')
        async def own(request):
            @request.after_request
            async def hook(request, response):
                self.log.append('own')
                response.headers['X-Own'] = '1'

            return 'own'

        res = request(app, '/own')
        self.assertEqual(self.log, ['before', 'after', 'own'])
        self.assertEqual(res.headers['X-Own'], '1')
        self.assertFalse('X-Own' in request(app).headers)

    def test_hooks_registered_before_an_answer_run(self):
        app = self.make()

        @app.before_request
        async def before(request):
            request.after_request(
                lambda request, response: self.log.append('own') and None)
            return 'short'

        request(app)
        self.assertEqual(self.log, ['before', 'after', 'own'])

    def test_failing_hooks_are_500(self):
        for register in ('before_request', 'after_request'):
            app = self.make()
            getattr(app, register)(fails)
            with self.subTest(register=register):
                res = request(app)
                self.assertEqual(res.status_code, 500)
                self.assertEqual(res.headers['X-Error'], '1')
                self.assertEqual(len(app.logged), 1)

    def test_failing_after_error_hook_is_a_plain_500(self):
        """S6: no response was sent."""
        app = self.make()
        app.after_error_request(fails)
        res = request(app, '/unknown')
        self.assertEqual((res.status_code, res.text),
                         (500, 'Internal server error'))
        self.assertEqual(len(app.logged), 1)

    def test_hooks_may_abort(self):
        for register in ('before_request', 'after_request'):
            app = self.make()

            async def hook(request, *args):
                abort(403, 'no')

            getattr(app, register)(hook)
            res = request(app)
            self.assertEqual((res.status_code, res.text), (403, 'no'))
            self.assertEqual(app.logged, [])

    def test_after_hooks_do_not_change_the_shared_response(self):
        """S28: each request added its headers to it."""
        app = self.make()
        app.get('/done')(lambda request: Response.already_handled)

        @app.after_request
        async def cookie(request, response):
            response.set_cookie('a', 'b')

        for i in range(3):
            self.assertIsNone(request(app, '/done').body)
        self.assertEqual(Response.already_handled.headers, {})

    def test_after_hook_may_say_already_handled(self):
        app = self.make()
        app.after_request(lambda request, response: Response.already_handled)
        self.assertIsNone(request(app).body)


class Base(Exception):
    pass


class Derived(Base):
    pass


class TestErrors(unittest.TestCase):
    def make(self, exc):
        app = Recorder()

        @app.get('/')
        async def view(request):
            raise exc

        return app

    def test_exception_is_500_and_logged_once(self):
        exc = ValueError('secret')
        app = self.make(exc)
        res = request(app)
        self.assertEqual((res.status_code, res.text),
                         (500, 'Internal server error'))
        self.assertEqual(res.headers['Content-Type'],
                         'text/plain; charset=UTF-8')
        self.assertEqual(app.logged, [exc])

    def test_exit_of_a_handler_is_500_and_logged_once(self):
        class Own(BaseException):
            pass

        for exc in (SystemExit(3), Own('x')):
            app = self.make(exc)

            @app.errorhandler(404)
            async def fails_too(request, exc=exc):
                raise exc

            @app.middleware
            async def around(request, call_next):
                return await call_next(request)

            for path in ('/', '/none'):
                with self.subTest(exc=exc, path=path):
                    res = request(app, path)
                    self.assertEqual((res.status_code, res.text),
                                     (500, 'Internal server error'))
                    self.assertEqual(app.logged, [exc])
                    app.logged.clear()

    def test_exit_of_a_stream_is_logged_and_cuts_the_body(self):
        app = Recorder()
        exc = SystemExit(3)

        @app.get('/')
        async def view(request):
            def pieces():
                yield 'a'
                raise exc
            return pieces()

        with self.assertRaises(SystemExit):
            request(app)
        self.assertEqual(app.logged, [exc])

    def test_malformed_bodies_have_the_error_handlers_of_their_kind(self):
        json = {'Content-Type': 'application/json'}
        for key, text in ((400, 'by status'), (HTTPException, 'by class'),
                          (ValueError, 'by kind'), (None, 'Bad Request')):
            app = Recorder()

            @app.post('/')
            async def view(request):
                return str(request.json)

            if key:
                @app.errorhandler(key)
                async def handler(request, exc=None, text=text):
                    return text, 400

            @app.errorhandler(Exception)
            async def other(request, exc):
                return 'other', 500

            with self.subTest(key=key):
                res = request(app, '/', 'POST', headers=json, body=b'}')
                self.assertEqual((res.status_code, res.text), (400, text))
                self.assertEqual(app.logged, [])

    def missing(self, key=None, catch=False, reads='args'):
        # Returns the answer to a view that wants something.
        app = Recorder()

        @app.post('/')
        async def view(request):
            try:
                return getattr(request, reads)['q']
            except KeyError:
                if not catch:
                    raise
                return 'caught'

        if key:
            @app.errorhandler(key)
            async def handler(request, exc=None):
                return 'handled', 400

        res = request(app, '/', 'POST', headers={
            'Content-Type': 'application/x-www-form-urlencoded'}, body=b'a=b')
        self.assertEqual(app.logged, [])
        return res.status_code, res.text

    def test_what_a_request_lacks_is_400(self):
        for reads, kind in (('args', 'query parameter'),
                            ('form', 'form field'), ('headers', 'header'),
                            ('cookies', 'cookie')):
            with self.subTest(reads=reads):
                self.assertEqual(self.missing(reads=reads),
                                 (400, "missing %s 'q'" % kind))

    def test_what_a_request_lacks_may_be_caught_and_handled(self):
        self.assertEqual(self.missing(catch=True), (200, 'caught'))
        for key in (KeyError, LookupError, 400, HTTPException):
            with self.subTest(key=key):
                self.assertEqual(self.missing(key), (400, 'handled'))
        self.assertEqual(self.missing(Exception),
                         (400, "missing query parameter 'q'"))

    def test_handler_of_key_errors_comes_before_that_of_400(self):
        app = self.make(MissingKey('q', 'cookie'))

        @app.errorhandler(400)
        async def bad(request):
            return 'by status', 400

        @app.errorhandler(KeyError)
        async def lacks(request, exc):
            return 'by class', 400

        self.assertEqual(request(app).text, 'by class')

    def test_what_others_lack_is_500(self):
        for container in (NoCaseDict(), MultiDict(), {}, Response().headers):
            app = Recorder()

            @app.get('/')
            async def view(request, container=container):
                return container['q']

            with self.subTest(kind=type(container)):
                self.assertEqual(request(app).status_code, 500)
                self.assertIsInstance(app.logged[0], KeyError)

    def test_handler_may_catch_a_malformed_body_as_a_value_error(self):
        app = Recorder()

        @app.post('/')
        async def view(request):
            try:
                return request.json
            except ValueError as exc:
                return 'caught %d' % exc.status_code

        res = request(app, '/', 'POST', body=b'}',
                      headers={'Content-Type': 'application/json'})
        self.assertEqual(res.text, 'caught 400')

    def test_errors_of_sockets_and_memory_are_those_of_the_handler(self):
        for exc in (OSError(104, 'x'), OSError(32), OSError(-1, 'x'),
                    EOFError(), MemoryError(), KeyError('x')):
            app = self.make(exc)
            with self.subTest(exc=exc):
                self.assertEqual(request(app).status_code, 500)
                self.assertEqual(app.logged, [exc])

    def test_errors_may_be_json(self):
        for exc, status, title, detail in (
                (HTTPException(403), 403, 'Forbidden', 'Forbidden'),
                (HTTPException(400, 'no "x"'), 400, 'Bad Request', 'no "x"'),
                (MissingKey('q', 'cookie'), 400, 'Bad Request',
                 "missing cookie 'q'"),
                (OSError(1), 500, 'Internal Server Error',
                 'Internal server error')):
            app = self.make(exc)
            app.json_errors = True
            with self.subTest(exc=exc):
                res = request(app)
                self.assertEqual(res.status_code, status)
                self.assertEqual(res.headers['Content-Type'],
                                 'application/problem+json')
                self.assertEqual(res.json, {
                    'type': 'about:blank', 'title': title, 'status': status,
                    'detail': detail})
        res = request(app, '/missing')
        self.assertEqual((res.status_code, res.json['detail']),
                         (404, 'Not found'))
        res = request(app, '/', 'PUT')
        self.assertEqual((res.status_code, res.json['status']), (405, 405))
        self.assertIn('GET', res.headers['Allow'])

    def test_handlers_of_errors_come_before_json(self):
        app = self.make(HTTPException(403, headers={'X': 'y'}))
        app.json_errors = True
        self.assertEqual(request(app).headers['X'], 'y')

        @app.errorhandler(403)
        async def forbidden(request):
            return 'own', 403

        self.assertEqual(request(app).text, 'own')

    def test_abort(self):
        for args, status, text in (
                ((406, 'Not acceptable'), 406, 'Not acceptable'),
                ((403,), 403, 'Forbidden'), ((404,), 404, 'Not found'),
                ((499,), 499, '499 error')):
            app = self.make(HTTPException(*args))
            res = request(app)
            self.assertEqual((res.status_code, res.text), (status, text))
            self.assertEqual(app.logged, [])

    def test_abort_with_headers(self):
        app = self.make(HTTPException(401, 'Who?', {'X': 'y'}))
        res = request(app)
        self.assertEqual(res.status_code, 401)
        self.assertEqual(res.headers['X'], 'y')

    def test_headers_of_abort_are_kept_by_error_handlers(self):
        app = self.make(HTTPException(401, 'Who?', {'X': 'y'}))
        app.errorhandler(401)(lambda request: ('custom', 401))
        res = request(app)
        self.assertEqual((res.text, res.headers['X']), ('custom', 'y'))

    def test_handler_of_a_status(self):
        change(self, Request, 'max_content_length', 2000)
        for status, make_request in (
                (404, lambda app: request(app, '/unknown')),
                (405, lambda app: request(app, method='PUT')),
                (413, lambda app: request(app, body=b'x' * 2001)),
                (418, lambda app: request(app))):
            app = self.make(HTTPException(418))
            app.errorhandler(status)(lambda request: ('custom', 400))
            with self.subTest(status=status):
                res = make_request(app)
                self.assertEqual((res.status_code, res.text),
                                 (400, 'custom'))

    def test_handler_of_400_gets_no_request(self):
        app = Recorder()
        seen = []

        @app.errorhandler(400)
        async def handler(request):
            seen.append(request)
            return 'custom', 400

        got = run(converse(app, b'GET\r\n\r\n'))
        self.assertEqual(seen, [None])
        self.assertEqual(got[:13], b'HTTP/1.1 400 ')
        self.assertEqual(got[-6:], b'custom')

    def test_results_of_error_handlers_are_those_of_views(self):
        """S12: some were misread."""
        for result, status, body, header in (
                ('a', 200, b'a', None), (('a', 404), 404, b'a', None),
                (('a', {'X': 'y'}), 200, b'a', 'y'),
                (('a', 404, {'X': 'y'}), 404, b'a', 'y'),
                (404, 404, b'', None), ((404, {'X': 'y'}), 404, b'', 'y'),
                ({'a': 1}, 200, b'{"a": 1}', None), (None, 204, b'', None),
                (Response('a', 404), 404, b'a', None)):
            app = Recorder()
            app.errorhandler(404)(lambda request: result)
            with self.subTest(result=result):
                res = request(app)
                self.assertEqual((res.status_code, res.body), (status, body))
                self.assertEqual(res.headers.get('X'), header)

    def test_handler_of_an_exception(self):
        app = self.make(Base('x'))
        app.errorhandler(Base)(
            lambda request, exc: ('caught %s %s' % (exc, request.path), 501))
        res = request(app)
        self.assertEqual((res.status_code, res.text), (501, 'caught x /'))
        self.assertEqual(app.logged, [])

    def test_handler_of_a_parent_class(self):
        app = self.make(Derived())
        app.errorhandler(Base)(lambda request, exc: 'base')
        self.assertEqual(request(app).text, 'base')

    def test_closest_class_wins(self):
        app = self.make(IndexError())
        app.errorhandler(Exception)(lambda request, exc: 'Exception')
        app.errorhandler(LookupError)(lambda request, exc: 'LookupError')
        app.errorhandler(ValueError)(lambda request, exc: 'ValueError')
        self.assertEqual(request(app).text, 'LookupError')

    def test_other_classes_do_not_matter(self):
        app = self.make(Base())
        app.errorhandler(Derived)(lambda request, exc: 'derived')
        app.errorhandler(ValueError)(lambda request, exc: 'value')
        res = request(app)
        self.assertEqual((res.status_code, res.text),
                         (500, 'Internal server error'))

    def test_handler_of_500_gets_what_is_unhandled(self):
        app = self.make(Base())
        app.errorhandler(500)(lambda request: ('custom', 500))
        res = request(app)
        self.assertEqual((res.status_code, res.text), (500, 'custom'))
        self.assertEqual(len(app.logged), 1)

    def test_handler_of_an_exception_that_returns_nothing(self):
        app = self.make(Base())
        app.errorhandler(Base)(nothing)
        self.assertEqual(request(app).status_code, 500)

    def test_failing_handler_is_a_plain_500(self):
        """S6: no response was sent."""
        for key in (Base, 500, 418):
            app = self.make(Base() if key != 418 else HTTPException(418))
            app.errorhandler(key)(fails)
            with self.subTest(key=key):
                res = request(app)
                self.assertEqual((res.status_code, res.text),
                                 (500, 'Internal server error'))
                self.assertTrue('on purpose' in [
                    str(exc) for exc in app.logged])

    def test_failing_handler_of_404_is_a_plain_500(self):
        app = Recorder()
        app.errorhandler(404)(fails)
        self.assertEqual(request(app).status_code, 500)

    def test_handler_may_abort(self):
        """S6: no response was sent."""
        def handler(request, *args):
            abort(403, 'no')

        for key in (Base, 500):
            app = self.make(Base())
            app.errorhandler(key)(handler)
            with self.subTest(key=key):
                res = request(app)
                self.assertEqual((res.status_code, res.text), (403, 'no'))

    def test_handlers_that_abort_in_turn_end(self):
        app = self.make(HTTPException(403))
        app.errorhandler(403)(lambda request: abort(404))
        app.errorhandler(404)(lambda request: abort(403))
        self.assertEqual(request(app).status_code, 403)
        self.assertEqual(app.logged, [])

    def test_handler_that_meets_the_same_error_is_not_asked_for_it(self):
        # as where the handler for 400 reads what is malformed
        app = Recorder()

        @app.get('/')
        async def index(request):
            return request.args

        @app.errorhandler(400)
        async def bad(request):
            return request.args

        res = request(app, '/?a=%zz')
        self.assertEqual((res.status_code, res.text), (400, 'Bad Request'))
        self.assertEqual(app.logged, [])

    def test_body_of_a_response_that_is_not_sent_is_closed(self):
        class Body:
            closed = 0

            def read(self, n):
                return b''

            def close(self):
                self.closed += 1

        app = Recorder()
        body = Body()

        @app.get('/')
        async def index(request):
            return body

        app.after_request(fails)
        self.assertEqual(request(app).status_code, 500)
        self.assertEqual(body.closed, 1)

    def test_async_handlers(self):
        app = self.make(Base())

        @app.errorhandler(Base)
        async def handler(request, exc):
            return 'async'

        @app.errorhandler(404)
        async def not_found(request):
            return 'async', 404

        self.assertEqual(request(app).text, 'async')
        self.assertEqual(request(app, '/unknown').text, 'async')

    def test_every_exception_of_a_connection_is_logged(self):
        app = self.make(Base())
        run(converse(app, b'GET / HTTP/1.1\r\nHost: a\r\n\r\n' * 2))
        self.assertEqual(len(app.logged), 2)


class Teapot(HTTPException):
    def __init__(self):
        super().__init__(418, 'short and stout')


class TestHTTPExceptionHandlers(unittest.TestCase):
    def setUp(self):
        self.app = Recorder()

        @self.app.get('/teapot')
        async def teapot(request):
            raise Teapot()

        @self.app.get('/abort')
        async def aborts(request):
            abort(403, 'no', {'X-Why': 'because'})

        self.app.get('/fails')(fails)

    def text(self, path, method='GET'):
        res = request(self.app, path, method)
        return res.status_code, res.text

    def test_one_for_all(self):
        @self.app.errorhandler(HTTPException)
        async def handler(request, exc):
            return 'mine: ' + exc.reason, exc.status_code

        self.assertEqual(self.text('/teapot'), (418, 'mine: short and stout'))
        self.assertEqual(self.text('/abort'), (403, 'mine: no'))
        self.assertEqual(self.text('/none'), (404, 'mine: Not found'))
        res = request(self.app, '/abort')
        self.assertEqual(res.headers['X-Why'], 'because')
        res = request(self.app, '/abort', 'POST')
        self.assertEqual(res.headers['Allow'], 'GET, HEAD, OPTIONS')
        self.assertEqual(self.text('/fails')[0], 500)
        self.assertEqual(len(self.app.logged), 1)

    def test_one_for_a_subclass(self):
        self.app.errorhandler(Teapot)(lambda request, exc: ('tea', 200))
        self.assertEqual(self.text('/teapot'), (200, 'tea'))
        self.assertEqual(self.text('/abort'), (403, 'no'))

    def test_that_of_the_status_comes_first(self):
        self.app.errorhandler(Teapot)(lambda request, exc: 'class')
        self.app.errorhandler(418)(lambda request: 'status')
        self.assertEqual(self.text('/teapot'), (200, 'status'))

    def test_those_of_all_exceptions_are_not_meant(self):
        self.app.errorhandler(Exception)(lambda request, exc: 'exception')
        self.assertEqual(self.text('/abort'), (403, 'no'))
        self.assertEqual(self.text('/fails'), (200, 'exception'))

    def test_none_leaves_the_answer_as_it_was(self):
        self.app.errorhandler(HTTPException)(nothing)
        self.assertEqual(self.text('/abort'), (403, 'no'))

    def test_handlers_of_a_status_see_the_exception(self):
        seen = []
        self.app.errorhandler(403)(lambda request: seen.append(request.error))
        self.app.errorhandler(500)(lambda request: seen.append(request.error))
        self.text('/abort')
        self.text('/fails')
        self.assertEqual([type(exc) for exc in seen],
                         [HTTPException, ValueError])

    def test_there_is_none_without_an_error(self):
        @self.app.get('/')
        async def index(request):
            return str(request.error)

        self.assertEqual(self.text('/'), (200, 'None'))


class TestTracebacks(unittest.TestCase):
    def get(self, debug):
        app = Recorder()
        app.debug = debug
        app.get('/')(fails)
        core.print = lambda *args: None
        try:
            return request(app)
        finally:
            del core.print

    def test_they_never_reach_the_client(self):
        for debug in (False, True):
            res = self.get(debug)
            self.assertEqual(res.status_code, 500)
            self.assertEqual(res.text, 'Internal server error')
            self.assertEqual(res.headers['Content-Type'],
                             'text/plain; charset=UTF-8')


class TestApplicationBag(unittest.TestCase):
    def test_each_application_has_its_own(self):
        app = Microdot()
        other = Microdot()
        app.g.db = 'here'
        self.assertFalse(hasattr(other.g, 'db'))

        @app.get('/')
        async def view(request):
            return request.app.g.db

        self.assertEqual(request(app).text, 'here')


class TestDispatchRequest(unittest.TestCase):
    def test_no_request_is_400(self):
        res = run(Microdot().dispatch_request(None))
        self.assertEqual((res.status_code, res.body), (400, b'Bad request'))

    def test_request_gives_a_response(self):
        app = Microdot()
        app.get('/')(lambda request: 'hello')
        req = Request(app, None, 'GET', '/', '1.1', {})
        res = run(app.dispatch_request(req))
        self.assertTrue(isinstance(res, Response))
        self.assertEqual((res.status_code, res.body), (200, b'hello'))
        self.assertFalse(res.is_head)

    def test_head_is_marked(self):
        app = Microdot()
        app.get('/')(lambda request: 'hello')
        res = run(app.dispatch_request(
            Request(app, None, 'HEAD', '/', '1.1', {})))
        self.assertTrue(res.is_head)

    def test_request_that_is_handled_again_is_judged_anew(self):
        app = Microdot()
        app.get('/')(lambda request: 'hello')
        req = Request(app, None, 'GET', '/', '1.1', {})
        for method, status in (('GET', 200), ('DELETE', 405), ('GET', 200),
                               ('OPTIONS', 200), ('DELETE', 405)):
            req.method = method
            res = run(app.dispatch_request(req))
            self.assertEqual(res.status_code, status)
            if status == 405:
                self.assertTrue('GET' in res.headers['Allow'])

    def test_large_body_is_413(self):
        app = Microdot()
        res = run(app.dispatch_request(Request(
            app, None, 'POST', '/', '1.1', {'Content-Length': '99999999'})))
        self.assertEqual(res.status_code, 413)

    def test_error_response_tells_the_handler_or_the_reason(self):
        app = Microdot()
        app.errorhandler(404)(lambda request: 'custom')
        self.assertEqual(run(app.error_response(None, 404, 'x')), 'custom')
        self.assertEqual(run(app.error_response(None, 405, 'x')), ('x', 405))
        self.assertEqual(run(app.error_response(None, 405)), ('N/A', 405))


class TestDebug(unittest.TestCase):
    def lines(self, debug):
        lines = []
        core.print = lambda *args: lines.append(
            ' '.join([str(arg) for arg in args]))
        self.addCleanup(delattr, core, 'print')
        app = Microdot()
        app.debug = debug
        app.get('/a')(lambda request: '')
        request(app, '/a?b')
        request(app, '/c')
        request(app, '/%1b[31m%0a')
        self.doCleanups()
        return lines

    def test_requests_are_printed(self):
        self.assertEqual(self.lines(True), [
            'GET /a 200', 'GET /c 404', 'GET /\\x1b[31m\\n 404'])

    def test_a_console_that_is_gone_costs_no_answer(self):
        def fail(*args):
            raise OSError(32)

        core.print = fail
        self.addCleanup(delattr, core, 'print')
        app = Microdot()
        app.debug = True
        app.get('/')(lambda request: 'x')
        self.assertEqual(request(app).text, 'x')
        self.doCleanups()

    def test_the_status_is_the_one_sent(self):
        lines = []
        core.print = lambda *args: lines.append(args[-1])
        self.addCleanup(delattr, core, 'print')
        app = Microdot()
        app.debug = True
        app.get('/')(lambda request: Response('', 200, {'X': 'a\nb'}))
        app.log_exception = lambda *args: None
        request(app)
        self.doCleanups()
        self.assertEqual(lines, ['500'])

    def test_requests_are_not_printed_by_default(self):
        self.assertEqual(self.lines(False), [])


class TestShutdown(unittest.TestCase):
    def test_shutdown_before_start_does_nothing(self):
        """S15: it was an AttributeError."""
        app = Microdot()
        app.shutdown()
        app.shutdown()


class TestVary(unittest.TestCase):
    def get(self, header, names):
        app = Microdot()

        @app.get('/')
        async def view(request):
            for name in names:
                add_vary(request, name)
            return '', {'Vary': header} if header else {}

        return [name.strip() for name in request(app).headers.get(
            'Vary', '').split(',')]

    def test_header_alone_is_unchanged(self):
        self.assertEqual(self.get('Foo, Bar', ()), ['Foo', 'Bar'])

    def test_set_alone_is_told(self):
        self.assertEqual(sorted(self.get(None, ('Foo', 'Bar'))),
                         ['Bar', 'Foo'])

    def test_both_are_merged(self):
        self.assertEqual(sorted(self.get('Foo,  Bar', ('Bar', 'Baz'))),
                         ['Bar', 'Baz', 'Foo'])

    def test_several_fields_are_merged(self):
        self.assertEqual(sorted(self.get(['Foo, Bar', 'Baz'], ('Bar',))),
                         ['Bar', 'Baz', 'Foo'])

    def test_neither(self):
        self.assertEqual(self.get(None, ()), [''])

    def test_errors_are_merged_too(self):
        app = Recorder()

        @app.get('/')
        async def view(request):
            add_vary(request, 'Foo')
            abort(404)

        self.assertEqual(request(app).headers['Vary'], 'Foo')


class TestFinishers(unittest.TestCase):
    def setUp(self):
        self.app = Recorder()
        self.seen = []
        self.app.get('/')(lambda request: 'view')

        @self.app.get('/error')
        async def error(request):
            raise KeyError('on purpose')

        @self.app.finishers.append
        def finish(request, response):
            self.seen.append((request and request.path, response.status_code))
            response.headers['X-Finished'] = 'yes'

    def test_they_see_every_answer(self):
        for method, path, status in (
                ('GET', '/', 200), ('POST', '/', 405), ('OPTIONS', '/', 200),
                ('GET', '/none', 404), ('GET', '/error', 500)):
            res = request(self.app, path, method)
            self.assertEqual(res.status_code, status)
            self.assertEqual(res.headers['X-Finished'], 'yes')
            self.assertEqual(self.seen[-1], (path, status))

    def test_a_malformed_request_is_none(self):
        res = run(self.app.dispatch_request(None))
        self.assertEqual(res.headers['X-Finished'], 'yes')
        self.assertEqual(self.seen, [(None, 400)])

    def test_those_of_mounted_applications_are_the_parents_too(self):
        for local in (False, True):
            parent = Microdot()
            parent.mount(self.app, '/child', local=local)
            for path in ('/child/', '/none'):
                res = request(parent, path)
                self.assertEqual(res.headers['X-Finished'], 'yes')

    def test_they_may_return_another_response(self):
        @self.app.finishers.append
        def other(request, response):
            return Response('other', 201)

        res = request(self.app, '/', 'HEAD')
        self.assertEqual(res.status_code, 201)
        self.assertFalse(res.body)

    def test_one_that_fails_makes_a_plain_500(self):
        closed = []

        class Body:
            def __iter__(self):
                return iter(['x'])

            def close(self):
                closed.append(True)

        self.app.get('/body')(lambda request: Body())

        @self.app.finishers.append
        def failing(request, response):
            raise KeyError('on purpose')

        res = request(self.app, '/body')
        self.assertEqual((res.status_code, res.text),
                         (500, 'Internal server error'))
        self.assertEqual(len(self.app.logged), 1)
        self.assertEqual(closed, [True])

    def test_what_has_been_answered_is_not_finished(self):
        self.app.get('/taken')(lambda request: Response.already_handled)
        request(self.app, '/taken')
        self.assertEqual(self.seen, [])
        self.assertFalse(Response.already_handled.headers)


class TestAbortInBodies(unittest.TestCase):
    def check(self, body):
        app = Recorder()
        app.get('/')(lambda request: body)
        res = request(app)
        self.assertEqual((res.status_code, res.text), (404, 'gone'))
        self.assertNotIn('Retry-After', res.headers)
        self.assertEqual(app.logged, [])

    def test_in_iter(self):
        class Body:
            def __iter__(self):
                abort(404, 'gone')
        self.check(Body())

    def test_in_aiter(self):
        class Body:
            def __aiter__(self):
                abort(404, 'gone')
        self.check(Body())


class TestWrapDispatch(unittest.TestCase):
    def test_the_first_is_the_outermost(self):
        app = Microdot()
        app.get('/')(lambda request: 'x')
        trace = []

        def make(name):
            async def wrapper(request, call_next):
                trace.append(name)
                res = await call_next(request)
                trace.append(name + str(res.status_code))
                return res
            return wrapper

        app.wrap_dispatch(make('a'))
        app.wrap_dispatch(make('b'))
        self.assertEqual(request(app, '/none').status_code, 404)
        self.assertEqual(trace, ['a', 'b', 'b404', 'a404'])

    def test_what_no_handler_takes_is_raised(self):
        app = Recorder()
        seen = []

        @app.get('/')
        async def view(request):
            raise KeyError('on purpose')

        @app.wrap_dispatch
        async def wrapper(request, call_next):
            try:
                return await call_next(request)
            except KeyError as exc:
                seen.append(type(exc))
                raise

        self.assertEqual(request(app).status_code, 500)
        self.assertEqual(seen, [KeyError])
        self.assertEqual(len(app.logged), 1)


if __name__ == '__main__':
    unittest.main()
