"""Applications mounted into others."""

import unittest

from helpers import change, run
from microdot.microdot import Microdot, Request, abort
from microdot.test_client import TestClient
from peers import Recorder

NEEDS_EVENT_LOOP = False


def request(app, path='/', method='GET', **kwargs):
    return run(TestClient(app).request(method, path, **kwargs))


def add_hooks(app, name, log):
    """Make an application note, under a name, what it does."""
    app.before_request(lambda request: log.append(name + ' before') and None)
    app.after_request(
        lambda request, response: log.append(name + ' after') and None)
    app.after_error_request(
        lambda request, response: log.append(name + ' error') and None)


class TestRoutes(unittest.TestCase):
    def test_routes_are_found_below_the_prefix(self):
        for prefix, pattern, path in (
                ('/sub', '/app', '/sub/app'), ('/sub', '/', '/sub/'),
                ('', '/app', '/app'), ('/a/b', '/c', '/a/b/c'),
                ('/sub', '/<x>', '/sub/y'), ('/<y>', '/app', '/z/app')):
            for local in (False, True):
                with self.subTest(prefix=prefix, pattern=pattern,
                                  local=local):
                    subapp = Microdot()
                    subapp.get(pattern)(lambda request, **kwargs: 'sub')
                    app = Microdot()
                    app.mount(subapp, url_prefix=prefix, local=local)
                    self.assertEqual(request(app, path).text, 'sub')
                    self.assertEqual(
                        request(app, path + '/x').status_code, 404)

    def test_arguments_of_prefix_and_pattern_are_given(self):
        subapp = Microdot()
        subapp.get('/<int:y>')(lambda request, x, y: [x, y])
        app = Microdot()
        app.mount(subapp, url_prefix='/<x>')
        self.assertEqual(request(app, '/a/5').json, ['a', 5])

    def test_methods_are_those_of_the_child(self):
        subapp = Microdot()
        subapp.post('/')(lambda request: request.body)
        app = Microdot()
        app.mount(subapp, '/sub')
        self.assertEqual(request(app, '/sub/', 'POST', body='x').text, 'x')
        res = request(app, '/sub/')
        self.assertEqual(res.status_code, 405)
        self.assertEqual(res.headers['Allow'], 'POST, OPTIONS')

    def test_later_routes_are_seen(self):
        """S40: mounting took a snapshot."""
        for local in (False, True):
            subapp = Microdot()
            app = Microdot()
            app.mount(subapp, '/sub', local=local)
            subapp.get('/later')(lambda request: 'later')
            self.assertEqual(request(app, '/sub/later').text, 'later')

    def test_later_routes_of_nested_children_are_seen(self):
        subsub, sub, app = Microdot(), Microdot(), Microdot()
        sub.mount(subsub, '/subsub')
        app.mount(sub, '/sub')
        subsub.get('/later')(lambda request: 'later')
        self.assertEqual(request(app, '/sub/subsub/later').text, 'later')
        self.assertEqual(request(sub, '/subsub/later').text, 'later')

    def test_child_may_be_mounted_twice(self):
        subapp = Microdot()
        subapp.get('/')(lambda request: request.url_prefix)
        app = Microdot()
        app.mount(subapp, '/a')
        app.mount(subapp, '/b')
        for prefix in ('/a', '/b'):
            self.assertEqual(request(app, prefix + '/').text, prefix)

    def test_child_works_alone(self):
        """S40: mounting emptied its handlers."""
        log = []
        subapp = Microdot()
        subapp.get('/')(lambda request: 'sub')
        subapp.errorhandler(404)(lambda request: ('none', 404))
        add_hooks(subapp, 'sub', log)
        Microdot().mount(subapp, '/sub')
        self.assertEqual(request(subapp).text, 'sub')
        self.assertEqual(log, ['sub before', 'sub after'])
        self.assertEqual(request(subapp, '/unknown').text, 'none')

    def test_prefix_and_subapp_are_told(self):
        for local in (False, True):
            seen = []
            apps = [Microdot(), Microdot(), Microdot()]
            for app in apps:
                @app.get('/who')
                async def who(request):
                    seen.append((request.app, request.subapp,
                                 request.url_prefix))
                    return ''
            app, sub, subsub = apps
            sub.mount(subsub, '/subsub', local=local)
            app.mount(sub, '/sub', local=local)
            for path in ('/sub/subsub/who', '/sub/who', '/who'):
                request(app, path)
            with self.subTest(local=local):
                self.assertEqual(seen, [(app, subsub, '/sub/subsub'),
                                        (app, sub, '/sub'), (app, None, '')])

    def test_routes_have_prefixes(self):
        subapp = Microdot()
        subapp.get('/a')(len)
        app = Microdot()
        app.mount(subapp, '/sub')
        methods, pattern, handler, prefix, owner = app.routes[0][:5]
        self.assertEqual(pattern.url_pattern, '/sub/a')
        self.assertIs(handler, len)
        self.assertEqual(prefix, '/sub')
        self.assertIs(owner, subapp)

    def test_route_may_take_more(self):
        subapp = Microdot()

        @subapp.post('/', max_content_length=3000)
        async def view(request):
            return str(request.content_length)

        app = Microdot()
        app.mount(subapp, '/sub')
        change(self, Request, 'max_content_length', 2000)
        self.assertEqual(
            request(app, '/sub/', 'POST', body=b'x' * 3000).text, '3000')


class TestSharedHandlers(unittest.TestCase):
    def make(self):
        self.log = []
        self.subapp = Recorder()
        add_hooks(self.subapp, 'sub', self.log)
        self.subapp.get('/')(lambda request: 'sub')
        self.app = Recorder()
        add_hooks(self.app, 'app', self.log)
        self.app.get('/')(lambda request: 'app')

    def test_hooks_of_the_child_apply_to_all(self):
        self.make()
        self.app.mount(self.subapp, '/sub')
        for path in ('/', '/sub/'):
            self.log.clear()
            request(self.app, path)
            self.assertEqual(self.log, ['app before', 'sub before',
                                        'app after', 'sub after'])
        self.log.clear()
        request(self.app, '/unknown')
        self.assertEqual(self.log, ['app error', 'sub error'])

    def test_later_hooks_of_the_child_apply(self):
        """S40: mounting took a snapshot."""
        self.make()
        self.app.mount(self.subapp, '/sub')
        self.subapp.before_request(lambda request: 'early')
        self.assertEqual(request(self.app).text, 'early')

    def test_error_handlers_of_the_child_replace(self):
        self.make()
        self.app.errorhandler(404)(lambda request: ('app', 404))
        self.subapp.errorhandler(404)(lambda request: ('sub', 404))
        self.app.mount(self.subapp, '/sub')
        for path in ('/unknown', '/sub/unknown'):
            self.assertEqual(request(self.app, path).text, 'sub')

    def test_later_error_handlers_of_the_child_apply(self):
        self.make()
        self.app.mount(self.subapp, '/sub')
        self.subapp.errorhandler(404)(lambda request: ('sub', 404))
        self.assertEqual(request(self.app, '/unknown').text, 'sub')

    def test_hooks_of_two_levels(self):
        self.make()
        top = Recorder()
        add_hooks(top, 'top', self.log)
        self.app.mount(self.subapp, '/sub')
        top.mount(self.app, '/app')
        request(top, '/app/sub/')
        self.assertEqual(self.log, [
            'top before', 'app before', 'sub before', 'top after',
            'app after', 'sub after'])


class TestLocalHandlers(unittest.TestCase):
    def make(self):
        self.log = []
        self.apps = []
        for name in ('app', 'sub', 'subsub'):
            app = Recorder()
            add_hooks(app, name, self.log)
            app.get('/')(lambda request: 'ok')
            app.get('/aborts')(lambda request: abort(418))
            app.get('/fails')(fails)
            self.apps.append(app)
        app, sub, subsub = self.apps
        sub.mount(subsub, '/subsub', local=True)
        app.mount(sub, '/sub', local=True)
        return self.apps

    def test_hooks_apply_to_the_child_only(self):
        """S40: those of the application between were skipped."""
        app, sub, subsub = self.make()
        for path, expected in (
                ('/', ['app before', 'app after']),
                ('/sub/', ['app before', 'sub before', 'sub after',
                           'app after']),
                ('/sub/subsub/', ['app before', 'sub before', 'subsub before',
                                  'subsub after', 'sub after', 'app after'])):
            with self.subTest(path=path):
                self.log.clear()
                self.assertEqual(request(app, path).text, 'ok')
                self.assertEqual(self.log, expected)

    def test_error_hooks_apply_to_the_child_only(self):
        app, sub, subsub = self.make()
        for path, expected in (
                ('/aborts', ['app error']),
                ('/sub/aborts', ['sub error', 'app error']),
                ('/sub/subsub/aborts', ['subsub error', 'sub error',
                                        'app error'])):
            with self.subTest(path=path):
                self.log.clear()
                self.assertEqual(request(app, path).status_code, 418)
                self.assertEqual(self.log[-len(expected):], expected)
                self.assertEqual([entry for entry in self.log
                                  if 'error' in entry], expected)

    def test_innermost_error_handler_wins(self):
        app, sub, subsub = self.make()
        for level in (app, sub, subsub):
            level.errorhandler(418)(
                lambda request, level=level: str(self.apps.index(level)))
        for path, expected in (('/aborts', '0'), ('/sub/aborts', '1'),
                               ('/sub/subsub/aborts', '2')):
            self.assertEqual(request(app, path).text, expected)

    def test_outer_error_handler_serves_inner_applications(self):
        app, sub, subsub = self.make()
        sub.errorhandler(418)(lambda request: 'sub')
        app.errorhandler(ValueError)(lambda request, exc: 'app')
        self.assertEqual(request(app, '/sub/subsub/aborts').text, 'sub')
        self.assertEqual(request(app, '/aborts').status_code, 418)
        self.assertEqual(request(app, '/sub/subsub/fails').text, 'app')

    def test_closest_class_wins_over_the_innermost_application(self):
        app, sub, subsub = self.make()
        app.errorhandler(ValueError)(lambda request, exc: 'app')
        sub.errorhandler(Exception)(lambda request, exc: 'sub')
        self.assertEqual(request(app, '/sub/fails').text, 'app')

    def test_handler_of_a_subclass_is_local(self):
        app, sub, subsub = self.make()
        sub.errorhandler(Exception)(lambda request, exc: 'sub')
        self.assertEqual(request(app, '/sub/fails').text, 'sub')
        self.assertEqual(request(app, '/fails').status_code, 500)

    def test_child_answers_what_it_lacks(self):
        """S40: its handler of 404 was never used."""
        app, sub, subsub = self.make()
        app.errorhandler(404)(lambda request: ('app', 404))
        sub.errorhandler(404)(lambda request: ('sub', 404))
        for path, expected in (
                ('/unknown', 'app'), ('/sub/unknown', 'sub'),
                ('/sub', 'sub'), ('/subway', 'app'),
                ('/sub/subsub/unknown', 'sub')):
            with self.subTest(path=path):
                self.assertEqual(request(app, path).text, expected)
        subsub.errorhandler(404)(lambda request: ('subsub', 404))
        self.assertEqual(request(app, '/sub/subsub/unknown').text, 'subsub')
        self.assertEqual(request(app, '/sub/subsubway').text, 'sub')

    def test_handler_of_405_is_local(self):
        app, sub, subsub = self.make()
        app.errorhandler(405)(lambda request: ('app', 405))
        sub.errorhandler(405)(lambda request: ('sub', 405))
        self.assertEqual(request(app, '/sub/', 'PUT').text, 'sub')
        self.assertEqual(request(app, '/', 'PUT').text, 'app')

    def test_before_hook_may_answer_for_the_child_only(self):
        app, sub, subsub = self.make()
        sub.before_request(lambda request: ('no', 401))
        self.assertEqual(request(app, '/sub/').status_code, 401)
        self.assertEqual(request(app, '/sub/subsub/').status_code, 401)
        self.assertEqual(request(app, '/').status_code, 200)

    def test_get_request_handlers_tells_them(self):
        app, sub, subsub = self.make()
        self.assertEqual(
            app.get_request_handlers(None, 'before_request'),
            app.before_request_handlers)


def fails(request):
    raise ValueError('on purpose')


class TestLifeCycle(unittest.TestCase):
    def test_handlers_of_children_run(self):
        for local in (False, True):
            log = []
            app, sub = Microdot(), Microdot()
            sub.on_startup(lambda: log.append('sub up') and None)
            sub.on_shutdown(lambda: log.append('sub down') and None)
            app.on_startup(lambda: log.append('app up') and None)
            app.mount(sub, '/sub', local=local)
            app.on_shutdown(lambda: log.append('app down') and None)

            async def session():
                async with TestClient(app):
                    log.append('running')

            run(session())
            self.assertEqual(log, ['app up', 'sub up', 'running', 'app down',
                                   'sub down'])


if __name__ == '__main__':
    unittest.main()
