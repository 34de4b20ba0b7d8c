"""Messages that are shown once."""

import unittest

import microdot.flash
from helpers import change, run
from microdot.flash import flash, get_flashed
from microdot.microdot import Microdot
from microdot.session import Session
from microdot.test_client import TestClient

NEEDS_EVENT_LOOP = False
KEY = '0123456789abcdef0123456789abcdef'


def make_app(**options):
    app = Microdot()
    Session(app, KEY, **options)

    @app.post('/')
    async def save(request):
        for category in request.args:
            flash(request, request.args[category], category)
        return 'saved'

    @app.get('/')
    async def show(request):
        return {'flashed': [list(each) for each in get_flashed(request)]}

    @app.get('/same')
    async def same(request):
        flash(request, 'a')
        return {'flashed': [list(each) for each in get_flashed(request)]}

    return app


class TestFlash(unittest.TestCase):
    def setUp(self):
        self.client = TestClient(make_app())

    def shown(self, path='/'):
        return run(self.client.get(path)).json['flashed']

    def test_a_message_is_shown_once(self):
        run(self.client.post('/?success=Saved'))
        self.assertEqual(self.shown(), [['success', 'Saved']])
        self.assertEqual(self.shown(), [])

    def test_messages_are_pairs(self):
        app = make_app()

        @app.get('/pairs')
        async def pairs(request):
            flash(request, 'Saved', 'success')
            flash(request, 'Seen')
            return str(get_flashed(request) == [
                ('success', 'Saved'), ('message', 'Seen')])

        self.assertEqual(run(TestClient(app).get('/pairs')).text, 'True')

    def test_messages_of_several_requests_are_kept_in_order(self):
        run(self.client.post('/?a=1'))
        run(self.client.post('/?b=2'))
        self.assertEqual(self.shown(), [['a', '1'], ['b', '2']])

    def test_one_may_be_shown_by_the_same_request(self):
        self.assertEqual(self.shown('/same'), [['message', 'a']])
        self.assertEqual(self.shown(), [])

    def test_no_cookie_is_set_where_there_is_nothing_to_show(self):
        res = run(self.client.get('/'))
        self.assertNotIn('Set-Cookie', res.headers)

    def test_it_works_with_auto_save(self):
        self.client = TestClient(make_app(auto_save=True))
        run(self.client.post('/?a=1'))
        self.assertEqual(self.shown(), [['a', '1']])
        self.assertEqual(self.shown(), [])

    def test_as_many_as_the_limit_are_kept(self):
        change(self, microdot.flash, 'max_flashed', 2)
        for number in '12':
            run(self.client.post('/?a=' + number))
        self.assertEqual(self.shown(), [['a', '1'], ['a', '2']])

    def test_one_over_the_limit_drops_the_oldest(self):
        change(self, microdot.flash, 'max_flashed', 2)
        for number in '123':
            run(self.client.post('/?a=' + number))
        self.assertEqual(self.shown(), [['a', '2'], ['a', '3']])

    def test_far_over_the_limit_the_session_does_not_grow(self):
        for number in range(40):
            run(self.client.post('/?a=%d' % number))
        self.assertEqual(
            self.shown(), [['a', str(number)] for number in range(30, 40)])

    def test_without_a_session_it_is_a_value_error(self):
        app = Microdot()

        @app.get('/')
        async def index(request):
            try:
                flash(request, 'a')
            except ValueError:
                return 'refused'

        self.assertEqual(run(TestClient(app).get('/')).text, 'refused')
