"""Code around the handling of requests."""

import unittest

import microdot.microdot as core
from helpers import change, run
from microdot.helpers import add_vary
from microdot.microdot import Microdot, Request, Response, abort
from microdot.test_client import TestClient

NEEDS_EVENT_LOOP = False


def request(app, path='/', method='GET', **kwargs):
    return run(TestClient(app).request(method, path, **kwargs))


def traced(app, name, trace):
    @app.middleware
    async def middleware(request, call_next):
        trace.append(name)
        res = await call_next(request)
        trace.append(name + str(res.status_code))
        return res


class TestMiddleware(unittest.TestCase):
    def setUp(self):
        self.app = Microdot()
        self.trace = []

        @self.app.get('/')
        async def index(request):
            self.trace.append('view')
            return 'view'

        @self.app.get('/error')
        async def error(request):
            raise KeyError('on purpose')

    def test_a_method_that_is_overridden_is_called(self):
        trace = self.trace

        class Overriding(Microdot):
            async def dispatch_request(self, req, error=None):
                trace.append('mine')
                return await super().dispatch_request(req, error)

        app = Overriding()
        app.get('/')(lambda request: 'view')

        @app.middleware
        async def around(request, call_next):
            trace.append('middleware')
            return await call_next(request)

        self.assertEqual(request(app, '/').text, 'view')
        self.assertEqual(trace, ['mine', 'middleware'])

    def test_the_decorator_returns_the_function(self):
        async def f(request, call_next):
            pass
        self.assertTrue(self.app.middleware(f) is f)

    def test_the_first_is_the_outermost(self):
        traced(self.app, 'a', self.trace)
        traced(self.app, 'b', self.trace)
        self.assertEqual(request(self.app).text, 'view')
        self.assertEqual(self.trace, ['a', 'b', 'view', 'b200', 'a200'])

    def test_hooks_are_inside(self):
        traced(self.app, 'a', self.trace)
        self.app.before_request(lambda req: self.trace.append('before'))
        self.app.after_request(lambda req, res: self.trace.append('after'))
        request(self.app)
        self.assertEqual(
            self.trace, ['a', 'before', 'view', 'after', 'a200'])

    def test_it_sees_what_no_route_matches(self):
        traced(self.app, 'a', self.trace)
        self.assertEqual(request(self.app, '/none').status_code, 404)
        res = request(self.app, '/', 'DELETE')
        self.assertEqual(res.status_code, 405)
        self.assertEqual(res.headers['Allow'], 'GET, HEAD, OPTIONS')
        self.assertEqual(request(self.app, '/', 'OPTIONS').status_code, 200)
        self.assertEqual(self.trace, ['a', 'a404', 'a', 'a405', 'a', 'a200'])

    def test_it_sees_bodies_that_are_refused(self):
        traced(self.app, 'a', self.trace)
        self.app.post('/')(lambda request: '')
        change(self, Request, 'max_content_length', 2000)
        res = request(self.app, '/', 'POST', body='x' * 2001)
        self.assertEqual(res.status_code, 413)
        self.assertEqual(self.trace, ['a', 'a413'])

    def test_it_sees_the_answers_of_error_handlers(self):
        traced(self.app, 'a', self.trace)
        self.app.errorhandler(KeyError)(lambda request, exc: ('oh', 409))
        self.assertEqual(request(self.app, '/error').text, 'oh')
        self.assertEqual(self.trace, ['a', 'a409'])

    def test_it_may_answer_itself(self):
        @self.app.middleware
        async def answer(request, call_next):
            return {'a': 1}, 201

        res = request(self.app)
        self.assertEqual((res.status_code, res.json), (201, {'a': 1}))
        self.assertEqual(self.trace, [])

    def test_it_may_change_the_response(self):
        @self.app.middleware
        async def change(request, call_next):
            res = await call_next(request)
            res.headers['X-Seen'] = 'yes'
            res.body = b'changed'
            return res

        res = request(self.app)
        self.assertEqual(res.headers['X-Seen'], 'yes')
        self.assertEqual(res.headers['Content-Length'], '7')
        self.assertEqual(res.text, 'changed')

    def test_it_may_replace_the_response(self):
        @self.app.middleware
        async def replace(request, call_next):
            await call_next(request)
            return 'another', {'X-A': 'b'}

        res = request(self.app)
        self.assertEqual((res.text, res.headers['X-A']), ('another', 'b'))

    def test_it_may_change_the_request(self):
        @self.app.middleware
        async def method(request, call_next):
            request.method = request.headers.get('X-Method', request.method)
            return await call_next(request)

        res = request(self.app, '/', headers={'X-Method': 'POST'})
        self.assertEqual(res.status_code, 405)

    def test_it_may_ask_twice(self):
        @self.app.middleware
        async def again(request, call_next):
            await call_next(request)
            return await call_next(request)

        self.assertEqual(request(self.app).text, 'view')
        self.assertEqual(self.trace, ['view', 'view'])

    def echo(self, middleware):
        self.app.middleware(middleware)

        @self.app.post('/')
        async def echo(request):
            return request.body + await request.stream.read()

        return request(self.app, '/', 'POST', body='text').text

    def test_the_body_is_not_yet_there(self):
        async def look(request, call_next):
            self.trace.append(request.body)
            return await call_next(request)

        self.assertEqual(self.echo(look), 'texttext')
        self.assertEqual(self.trace, [b''])

    def test_it_may_load_the_body(self):
        async def load(request, call_next):
            await request.load(request.max_content_length)
            self.trace.append(request.body)
            return await call_next(request)

        self.assertEqual(self.echo(load), 'texttext')
        self.assertEqual(self.trace, [b'text'])

    def test_a_body_that_it_takes_is_gone(self):
        async def take(request, call_next):
            self.trace.append(await request.stream.read())
            return await call_next(request)

        self.assertEqual(self.echo(take), '')
        self.assertEqual(self.trace, [b'text'])

    def test_plain_functions(self):
        @self.app.middleware
        def plain(request, call_next):
            return call_next(request)

        self.assertEqual(request(self.app).text, 'view')

    def test_objects(self):
        class Middleware:
            async def __call__(self, request, call_next):
                return await call_next(request)

        self.app.middleware(Middleware())
        self.assertEqual(request(self.app).text, 'view')

    def test_a_response_to_head_has_no_body(self):
        traced(self.app, 'a', self.trace)
        res = request(self.app, '/', 'HEAD')
        self.assertEqual(res.headers['Content-Length'], '4')
        self.assertFalse(res.body)

    def test_vary_of_the_request_is_told(self):
        @self.app.middleware
        async def answer(request, call_next):
            add_vary(request, 'Cookie')
            return 'x', {'Vary': 'Origin'}

        self.assertEqual(
            sorted(request(self.app).headers['Vary'].split(', ')),
            ['Cookie', 'Origin'])

    def test_what_a_middleware_sets_others_see(self):
        @self.app.middleware
        async def outer(request, call_next):
            request.g.trace = ['outer']
            res = await call_next(request)
            self.trace.extend(request.g.trace)
            return res

        @self.app.middleware
        async def inner(request, call_next):
            request.g.trace.append('inner')
            return await call_next(request)

        request(self.app)
        self.assertEqual(self.trace, ['view', 'outer', 'inner'])


class TestErrors(unittest.TestCase):
    def setUp(self):
        self.app = Microdot()
        self.trace = []
        self.logged = []
        self.app.log_exception = self.log

        @self.app.get('/')
        async def index(request):
            raise KeyError('on purpose')

    def log(self, req, exc):
        self.logged.append(exc)

    def test_it_may_catch_an_exception(self):
        @self.app.middleware
        async def catch(request, call_next):
            try:
                return await call_next(request)
            except KeyError as exc:
                return 'caught ' + exc.args[0], 418

        res = request(self.app)
        self.assertEqual((res.status_code, res.text),
                         (418, 'caught on purpose'))
        self.assertEqual(self.logged, [])

    def test_an_exception_passes_through_to_a_500(self):
        ended = []

        @self.app.middleware
        async def through(request, call_next):
            try:
                return await call_next(request)
            finally:
                ended.append(True)

        handled = []
        self.app.after_error_request(
            lambda req, res: handled.append(res.status_code))
        res = request(self.app)
        self.assertEqual((res.status_code, res.text),
                         (500, 'Internal server error'))
        self.assertEqual(ended, [True])
        self.assertEqual([type(exc) for exc in self.logged], [KeyError])
        self.assertEqual(handled, [500])

    def test_the_handler_of_500_answers_once(self):
        @self.app.middleware
        async def through(request, call_next):
            return await call_next(request)

        @self.app.errorhandler(500)
        async def error(request):
            self.trace.append(type(request.error))
            return 'mine', 500

        self.assertEqual(request(self.app).text, 'mine')
        self.assertEqual(self.trace, [KeyError])

    def test_a_failing_error_handler_passes_through(self):
        @self.app.errorhandler(KeyError)
        async def error(request, exc):
            raise ZeroDivisionError

        @self.app.middleware
        async def catch(request, call_next):
            try:
                return await call_next(request)
            except ZeroDivisionError:
                return 'caught'

        self.assertEqual(request(self.app).text, 'caught')

    def test_its_own_exception_is_answered(self):
        @self.app.middleware
        async def fail(request, call_next):
            raise ValueError

        self.app.errorhandler(ValueError)(lambda request, exc: ('value', 400))
        res = request(self.app)
        self.assertEqual((res.status_code, res.text), (400, 'value'))

    def test_abort_inside_is_an_answer_to_those_outside(self):
        traced(self.app, 'a', self.trace)

        @self.app.middleware
        async def refuse(request, call_next):
            abort(403, 'no', {'X-Why': 'because'})

        self.app.errorhandler(403)(lambda request: ('mine', 403))
        res = request(self.app)
        self.assertEqual((res.status_code, res.text), (403, 'mine'))
        self.assertEqual(res.headers['X-Why'], 'because')
        self.assertEqual(self.trace, ['a', 'a403'])

    def test_none_is_no_answer(self):
        @self.app.middleware
        async def forgets(request, call_next):
            await call_next(request)

        self.app.get('/fine')(lambda request: '')
        self.assertEqual(request(self.app, '/fine').status_code, 500)
        self.assertEqual([type(exc) for exc in self.logged], [TypeError])

    def test_a_body_that_is_dropped_is_closed(self):
        class Body:
            closed = 0

            def read(self, n):
                return b''

            def close(self):
                self.closed += 1

        body = Body()
        self.app.get('/body')(lambda request: body)

        @self.app.middleware
        async def fail(request, call_next):
            await call_next(request)
            raise ValueError

        self.assertEqual(request(self.app, '/body').status_code, 500)
        self.assertEqual(body.closed, 1)

    def test_a_body_that_is_replaced_is_closed(self):
        class Body:
            closed = 0
            left = 2

            def read(self, n):
                self.left -= 1
                return b'piece' if self.left else b''

            def close(self):
                self.closed += 1

        @self.app.middleware
        async def replace(request, call_next):
            res = await call_next(request)
            return {'/text': 'text', '/body': Response(res.body),
                    '/same': res}[request.path]

        for path, text in (('/text', 'text'), ('/body', 'piece'),
                           ('/same', 'piece')):
            body = Body()
            self.app.get(path)(lambda request: body)
            self.assertEqual(request(self.app, path).text, text)
            self.assertEqual(body.closed, 1)

    def test_an_unknown_expectation_is_seen(self):
        traced(self.app, 'a', self.trace)
        res = request(self.app, '/', headers={'Expect': 'miracles'})
        self.assertEqual(res.status_code, 417)
        self.assertEqual(self.trace, ['a', 'a417'])

    def test_a_malformed_request_is_not_shown(self):
        traced(self.app, 'a', self.trace)
        res = run(self.app.dispatch_request(
            None, core.HTTPException(400, 'Bad request')))
        self.assertEqual(res.status_code, 400)
        self.assertEqual(self.trace, [])

    def test_what_has_been_answered_stays_so(self):
        async def through(request, call_next):
            return await call_next(request)

        self.app.middleware(through)
        self.app.get('/taken')(lambda request: Response.already_handled)
        res = run(self.app.dispatch_request(Request(
            self.app, None, 'GET', '/taken', '1.1', {})))
        self.assertTrue(res is Response.already_handled)

    def test_the_shared_response_is_not_changed(self):
        @self.app.middleware
        async def outer(request, call_next):
            res = await call_next(request)
            res.headers['X-Outer'] = '1'
            res.set_cookie('a', 'b')
            return res

        @self.app.middleware
        async def inner(request, call_next):
            if request.path == '/here':
                return Response.already_handled
            return await call_next(request)

        self.app.get('/taken')(lambda request: Response.already_handled)
        for path in ('/taken', '/here'):
            res = run(self.app.dispatch_request(Request(
                self.app, None, 'GET', path, '1.1', {})))
            self.assertTrue(res is Response.already_handled)
            self.assertEqual(dict(res.headers), {})

    def test_what_has_been_answered_is_not_answered_again(self):
        @self.app.middleware
        async def replace(request, call_next):
            await call_next(request)
            return 'again'

        self.app.get('/taken')(lambda request: Response.already_handled)
        res = run(self.app.dispatch_request(Request(
            self.app, None, 'GET', '/taken', '1.1', {})))
        self.assertTrue(res is Response.already_handled)


class TestMount(unittest.TestCase):
    def make(self, local, order):
        parent = Microdot()
        child = Microdot()
        trace = []

        @parent.get('/')
        async def index(request):
            return 'parent'

        @child.get('/')
        async def child_index(request):
            return 'child'

        @child.get('/post')
        async def other(request):
            return ''

        steps = {
            'mount': lambda: parent.mount(child, '/child', local=local),
            'child': lambda: traced(child, 'c', trace),
            'parent': lambda: traced(parent, 'p', trace)}
        for step in order:
            steps[step]()
        return parent, trace

    def test_that_of_a_child_applies_to_all(self):
        for order in (('mount', 'parent', 'child'),
                      ('parent', 'child', 'mount')):
            parent, trace = self.make(False, order)
            request(parent, '/')
            request(parent, '/child/')
            self.assertEqual(trace, ['p', 'c', 'c200', 'p200'] * 2)

    def test_that_of_a_local_child_applies_to_its_own(self):
        for order in (('mount', 'parent', 'child'), ('mount', 'child'),
                      ('child', 'mount'), ('child', 'mount', 'parent')):
            parent, trace = self.make(True, order)
            outer = 'parent' in order
            request(parent, '/')
            self.assertEqual(trace, ['p', 'p200'] if outer else [])
            trace[:] = []
            for path, method, status in (
                    ('/child/', 'GET', 200), ('/child/none', 'GET', 404),
                    ('/child/post', 'POST', 405)):
                self.assertEqual(
                    request(parent, path, method).status_code, status)
                inner = ['c', 'c%d' % status]
                self.assertEqual(
                    trace, ['p'] + inner + ['p%d' % status] if outer
                    else inner)
                trace[:] = []

    def test_grandchildren(self):
        top = Microdot()
        middle = Microdot()
        bottom = Microdot()
        trace = []
        bottom.get('/')(lambda request: '')
        middle.get('/')(lambda request: '')
        top.mount(middle, '/m', local=True)
        middle.mount(bottom, '/b', local=True)
        traced(bottom, 'b', trace)
        request(top, '/m/')
        self.assertEqual(trace, [])
        request(top, '/m/b/')
        self.assertEqual(trace, ['b', 'b200'])
        traced(middle, 'm', trace)
        trace[:] = []
        request(top, '/m/b/')
        self.assertEqual(trace, ['m', 'b', 'b200', 'm200'])

    def test_what_is_local_within_a_child_that_is_not(self):
        for first in (True, False):
            top = Microdot()
            middle = Microdot()
            bottom = Microdot()
            trace = []
            bottom.get('/')(lambda request: '')
            middle.get('/')(lambda request: '')
            if first:
                traced(bottom, 'b', trace)
            middle.mount(bottom, '/b', local=True)
            top.mount(middle, '/m')
            if not first:
                traced(bottom, 'b', trace)
            request(top, '/m/')
            self.assertEqual(trace, [])
            request(top, '/m/b/')
            self.assertEqual(trace, ['b', 'b200'])

    def test_it_is_found_for_the_request_as_it_was_changed(self):
        parent, trace = self.make(True, ('mount', 'child'))

        @parent.middleware
        async def override(request, call_next):
            request.method = request.headers.get('X-Method', request.method)
            return await call_next(request)

        parent.post('/child/')(lambda request: 'post')
        res = request(parent, '/child/', 'POST')
        self.assertEqual((res.text, trace), ('post', []))
        res = request(parent, '/child/', 'POST', headers={'X-Method': 'GET'})
        self.assertEqual((res.text, trace), ('child', ['c', 'c200']))

    def test_what_a_local_one_aborts_with_has_local_handlers(self):
        parent, trace = self.make(True, ('mount', 'child'))
        child = parent.mounts[0][0]
        seen = []

        @child.middleware
        async def guard(request, call_next):
            seen.append((request.subapp is child, request.url_prefix))
            abort(401)

        child.errorhandler(401)(lambda request: ('local', 401))
        self.assertEqual(request(parent, '/child/').text, 'local')
        self.assertEqual(request(parent, '/').text, 'parent')
        self.assertEqual(seen, [(True, '/child')])

    def test_an_application_of_its_own_keeps_its_own(self):
        parent, trace = self.make(True, ('mount', 'child'))
        child = parent.mounts[0][0]
        request(child, '/')
        self.assertEqual(trace, ['c', 'c200'])


class TestRoutes(unittest.TestCase):
    """Middleware around one route."""

    def setUp(self):
        self.app = Microdot()
        self.trace = []
        self.logged = []
        self.app.log_exception = lambda req, exc: self.logged.append(exc)

    def named(self, name):
        async def middleware(request, call_next):
            self.trace.append(name)
            res = await call_next(request)
            self.trace.append(name + str(res.status_code))
            res.headers['X-' + name] = 'seen'
            return res

        return middleware

    def test_it_is_around_that_route_alone(self):
        self.app.get('/a/<int:x>', middleware=[self.named('a')])(
            lambda request, x: 'a%d' % x)
        self.app.get('/b')(lambda request: 'b')
        res = request(self.app, '/a/5')
        self.assertEqual((res.text, res.headers['X-a']), ('a5', 'seen'))
        self.assertNotIn('X-a', request(self.app, '/b').headers)
        self.assertEqual(request(self.app, '/a/x').status_code, 404)
        self.assertEqual(request(self.app, '/a/5', 'POST').status_code, 405)
        self.assertEqual(self.trace, ['a', 'a200'])

    def test_the_first_is_the_outermost(self):
        traced(self.app, 'app', self.trace)
        self.app.before_request(lambda request: self.trace.append('before'))
        self.app.after_request(lambda request, res: self.trace.append('after'))
        self.app.get('/', middleware=[self.named('a'), self.named('b')])(
            lambda request: self.trace.append('view') or 'x')
        request(self.app)
        self.assertEqual(self.trace, [
            'app', 'before', 'a', 'b', 'view', 'b200', 'a200', 'after',
            'app200'])

    def test_every_decorator_takes_it(self):
        for method in ('get', 'post', 'put', 'patch', 'delete', 'query'):
            getattr(self.app, method)('/', middleware=[self.named('a')])(
                lambda request: 'x')
            res = request(self.app, '/', method.upper())
            self.assertEqual(res.headers['X-a'], 'seen')

    def test_it_may_answer_itself(self):
        async def refuse(request, call_next):
            return 'no', 403

        self.app.get('/', middleware=[self.named('a'), refuse])(
            lambda request: self.trace.append('view') or 'x')
        res = request(self.app)
        self.assertEqual((res.status_code, res.text), (403, 'no'))
        self.assertEqual(self.trace, ['a', 'a403'])

    def test_a_plain_function_may_be_one(self):
        self.app.get('/', middleware=[lambda request, call_next: 'mine'])(
            lambda request: 'x')
        self.assertEqual(request(self.app).text, 'mine')

    def test_an_error_is_a_response_and_answered_once(self):
        for name in ('before_request', 'after_request', 'after_error_request'):
            self.hook(name)
        self.app.errorhandler(KeyError)(
            lambda request, exc: ('handled', 418))

        @self.app.get('/<what>', middleware=[self.named('a')])
        async def fail(request, what):
            if what == 'abort':
                abort(404, 'gone')
            raise KeyError(what)

        for what, status, text in (('abort', 404, 'gone'),
                                   ('raise', 418, 'handled')):
            self.trace = []
            res = request(self.app, '/' + what)
            self.assertEqual((res.status_code, res.text, res.headers['X-a']),
                             (status, text, 'seen'))
            self.assertEqual(self.trace, [
                'before_request', 'a', 'after_error_request',
                'a%d' % status])
        self.assertEqual(self.logged, [])

    def hook(self, name):
        getattr(self.app, name)(lambda *args: self.trace.append(name))

    def test_an_exception_that_nobody_handles_passes_through(self):
        self.app.get('/', middleware=[self.named('a')])(
            lambda request: {}['x'])
        self.hook('after_request')
        self.hook('after_error_request')
        self.assertEqual(request(self.app).status_code, 500)
        self.assertEqual(len(self.logged), 1)
        self.assertEqual(self.trace, ['a', 'after_error_request'])

    def test_it_may_catch_an_exception(self):
        async def catch(request, call_next):
            try:
                return await call_next(request)
            except KeyError:
                return 'caught'

        self.hook('after_request')
        self.hook('after_error_request')
        self.app.get('/', middleware=[catch])(lambda request: {}['x'])
        self.assertEqual(request(self.app).text, 'caught')
        self.assertEqual((self.logged, self.trace), ([], ['after_request']))

    def test_after_an_error_it_may_be_asked_again(self):
        @self.app.middleware
        async def twice(request, call_next):
            await call_next(request)
            return await call_next(request)

        self.hook('after_request')
        tried = []

        @self.app.get('/')
        async def view(request):
            tried.append(1)
            if len(tried) == 1:
                abort(404)
            return 'second'

        self.assertEqual(request(self.app).text, 'second')
        self.assertEqual(self.trace, ['after_request'])

    def test_a_stream_passes_through(self):
        self.app.get('/', middleware=[self.named('a')])(
            lambda request: iter(['x', 'y']))
        self.assertEqual(request(self.app).text, 'xy')

    def test_its_name_and_limit_stay(self):
        @self.app.post('/', middleware=[self.named('a')],
                       max_content_length=3)
        async def short(request):
            return request.body

        self.assertEqual(self.app.routes[0].max_content_length, 3)
        self.assertEqual(self.app.routes[0].name, 'short')
        res = request(self.app, '/', 'POST', body=b'abcd')
        self.assertEqual(res.status_code, 413)
        self.assertEqual(self.trace, [])

    def test_it_goes_with_a_mounted_application(self):
        parent = Microdot()
        self.app.get('/', middleware=[self.named('a')])(lambda request: 'x')
        parent.mount(self.app, '/child')
        self.assertEqual(request(parent, '/child/').headers['X-a'], 'seen')

    def test_what_has_been_answered_stays_so(self):
        self.app.get('/taken', middleware=[self.named('a')])(
            lambda request: Response.already_handled)
        res = run(self.app.dispatch_request(Request(
            self.app, None, 'GET', '/taken', '1.1', {})))
        self.assertTrue(res is Response.already_handled)


class TestBeforeRouting(unittest.TestCase):
    def setUp(self):
        self.app = Microdot()
        self.app.get('/de/<path:path>')(
            lambda request, path: 'de ' + path)
        self.app.get('/<path:path>')(lambda request, path: 'other ' + path)

    def test_it_may_change_the_path(self):
        @self.app.middleware(before_routing=True)
        async def language(request, call_next):
            if request.headers.get('Accept-Language') == 'de':
                request.path = '/de' + request.path
            return await call_next(request)

        res = request(self.app, '/a', headers={'Accept-Language': 'de'})
        self.assertEqual(res.text, 'de a')
        self.assertEqual(request(self.app, '/a').text, 'other a')

    def test_others_may_not(self):
        for decorator in (self.app.middleware, self.app.middleware()):
            @decorator
            async def change(request, call_next):
                request.path = '/de/x'
                return await call_next(request)

        self.assertEqual(request(self.app, '/a').text, 'other a')

    def test_a_path_that_it_leaves_alone_keeps_its_slashes(self):
        @self.app.middleware(before_routing=True)
        async def look(request, call_next):
            return await call_next(request)

        self.app.get('/x/<y>/z')(lambda request, y: 'y ' + y)
        self.app.routes.insert(0, self.app.routes.pop())
        self.assertEqual(request(self.app, '/x/a%2Fb/z').text, 'y a/b')

    def test_dots_that_it_makes_are_refused(self):
        @self.app.middleware(before_routing=True)
        async def lead_out(request, call_next):
            request.path = '/de/../a'
            return await call_next(request)

        self.assertEqual(request(self.app, '/a').status_code, 404)

    def test_the_decorator_returns_the_function(self):
        async def f(request, call_next):
            return 'x'

        self.assertTrue(self.app.middleware(before_routing=True)(f) is f)


class TestMapPieces(unittest.TestCase):
    def ask(self, result, f=bytes.upper if hasattr(bytes, 'upper') else None,
            method='GET'):
        app = Microdot()
        app.logged = []
        app.log_exception = lambda request, exc: app.logged.append(str(exc))

        @app.middleware
        async def middleware(request, call_next):
            response = await call_next(request)
            response.map_pieces(f)
            return response

        @app.get('/')
        async def index(request):
            return result

        res = run(TestClient(app).request(method, '/'))
        self.logged = app.logged
        return res

    def test_a_body_in_memory_is_one_piece(self):
        for body, expected in (('ab', b'AB'), (b'ab', b'AB'), ('', b'')):
            res = self.ask((body, {'Content-Type': 'text/plain'}))
            self.assertEqual(res.body or b'', expected)
            self.assertEqual(res.headers['Content-Length'],
                             str(len(expected)))

    def test_the_length_is_that_of_what_is_sent(self):
        res = self.ask(('ab', {'Content-Length': '2'}),
                       lambda piece: piece * 3)
        self.assertEqual(res.body, b'ababab')
        self.assertEqual(res.headers['Content-Length'], '6')

    def test_each_piece_of_a_stream_is_seen_in_bytes(self):
        seen = []

        def see(piece):
            seen.append(piece)
            return piece + b'.'

        res = self.ask(iter(['a', b'b', 'c']), see)
        self.assertEqual((res.body, seen), (b'a.b.c.', [b'a', b'b', b'c']))

    def test_pieces_can_be_left_out(self):
        res = self.ask(iter(['a', 'b', 'c']),
                       lambda piece: b'' if piece == b'b' else piece)
        self.assertEqual(res.body, b'ac')

    def test_files_have_no_length_in_advance(self):
        res = self.ask(Response.send_file(__file__),
                       lambda piece: piece.replace(b'e', b''))
        self.assertEqual(res.status_code, 200)
        self.assertTrue('Content-Length' not in res.headers)
        with open(__file__, 'rb') as file:
            self.assertEqual(res.body, file.read().replace(b'e', b''))

    def test_the_body_is_closed(self):
        closed = []

        class Body:
            def __iter__(self):
                return self

            def __next__(self):
                raise StopIteration

            def close(self):
                closed.append(True)

        for method in ('GET', 'HEAD'):
            self.ask(Body(), method=method)
        self.assertEqual(closed, [True, True])


if __name__ == '__main__':
    unittest.main()
