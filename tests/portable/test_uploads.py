"""Bodies of requests, saved as files."""

import os
import unittest

import microdot.uploads as uploads
from helpers import change, run
from microdot.microdot import Request
from microdot.test_client import TestClient
from peers import Recorder, converse

FOLDER = '/tmp/microdot-uploads-%x' % int.from_bytes(os.urandom(6), 'big')
NAME = FOLDER + '/saved'


class Full:
    """A file for which there is no room."""

    def __init__(self, file, number):
        self.file = file
        self.number = number

    def write(self, data):
        raise OSError(self.number, 'on purpose')

    def close(self):
        self.file.close()


class FullAtTheEnd(Full):
    def write(self, data):
        return self.file.write(data)

    def close(self):
        self.file.close()
        raise OSError(self.number, 'on purpose')


class TestSave(unittest.TestCase):
    def setUp(self):
        for name in ('/tmp', FOLDER):
            try:
                os.mkdir(name)
            except OSError:
                pass  # it is there
        self.addCleanup(self.clean)
        # one that a body has to stay on the stream for
        change(self, Request, 'max_body_length', 100)
        change(self, Request, 'max_content_length', 5000)

    def clean(self):
        for name in os.listdir(FOLDER):
            os.remove(FOLDER + '/' + name)
        os.rmdir(FOLDER)

    def make(self, **options):
        app = Recorder()

        @app.post('/')
        async def save(request):
            return '%d bytes' % await request.save(NAME, **options)

        return app

    def post(self, app, body, **options):
        res = run(TestClient(app).post('/', body=body, **options))
        return res.status_code, res.text

    def files(self):
        """Return the files there are, with their contents."""
        found = {}
        for name in os.listdir(FOLDER):
            with open(FOLDER + '/' + name, 'rb') as f:
                found[name] = f.read()
        return found

    def test_small_and_large_bodies_are_written(self):
        for size in (0, 1, 100, 101, 3000, 5000):
            with self.subTest(size=size):
                body = b'0123456789' * (size // 10) + b'x' * (size % 10)
                self.assertEqual(self.post(self.make(), body),
                                 (200, '%d bytes' % size))
                self.assertEqual(self.files(), {'saved': body})

    def test_a_chunked_body_is_written(self):
        wire = b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked' \
            b'\r\n\r\n' + 30 * (b'5\r\nabcde\r\n') + b'0\r\n\r\n'
        self.assertIn(b'150 bytes', run(converse(self.make(), wire)))
        self.assertEqual(self.files(), {'saved': b'abcde' * 30})

    def test_over_its_limit_it_is_refused_and_nothing_is_left(self):
        app = self.make(max_size=200)
        for size, status in ((199, 200), (200, 200), (201, 413), (4999, 413)):
            self.clean()
            os.mkdir(FOLDER)
            with self.subTest(size=size):
                res = self.post(app, b'x' * size)
                self.assertEqual(res[0], status)
                self.assertEqual(len(self.files()), status == 200)
        self.assertIn('max_size', res[1])
        self.assertEqual(app.logged, [])

    def test_a_chunked_one_too(self):
        head = b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked' \
            b'\r\n\r\n'
        for count, status in ((40, b'200'), (41, b'413'), (400, b'413')):
            with self.subTest(count=count):
                got = run(converse(
                    self.make(max_size=200),
                    head + count * (b'5\r\nabcde\r\n') + b'0\r\n\r\n'))
                self.assertEqual(got[9:12], status)
                self.assertEqual(self.files(), {'saved': b'abcde' * 40})

    def test_the_limit_of_the_route_counts_too(self):
        self.assertEqual(self.post(self.make(), b'x' * 5001)[0], 413)
        self.assertEqual(self.files(), {})

    def test_an_old_file_stays_until_the_new_one_is_whole(self):
        self.post(self.make(), b'old')
        app = self.make()
        got = run(converse(app, b'POST / HTTP/1.1\r\nHost: a\r\n'
                           b'Content-Length: 3000\r\n\r\n' + b'x' * 2000))
        self.assertEqual(got, b'')
        self.assertEqual(self.files(), {'saved': b'old'})
        self.assertEqual(app.logged, [])
        self.post(self.make(max_size=1), b'new')
        self.assertEqual(self.files(), {'saved': b'old'})
        self.post(self.make(), b'new')
        self.assertEqual(self.files(), {'saved': b'new'})

    def test_without_room_it_is_507_and_nothing_is_left(self):
        self.addCleanup(setattr, uploads, 'open', open)
        for kind in (Full, FullAtTheEnd):
            for number, status in ((28, 507), (122, 507), (5, 500)):
                uploads.open = lambda *args: kind(open(*args), number)
                app = self.make()
                with self.subTest(kind=kind, number=number):
                    self.assertEqual(self.post(app, b'x' * 300)[0], status)
                    self.assertEqual(len(app.logged), status == 500)
                    self.assertEqual(self.files(), {})

    def test_what_cannot_be_written_is_an_error(self):
        app = Recorder()

        @app.post('/')
        async def save(request):
            return str(await request.save(FOLDER + '/missing/a'))

        self.assertEqual(self.post(app, b'x')[0], 500)
        self.assertEqual(self.files(), {})

    def test_a_body_that_was_read_has_nothing_left(self):
        app = Recorder()

        @app.post('/')
        async def save(request):
            await request.stream.read(10)
            return str(await request.save(NAME))

        self.assertEqual(self.post(app, b'x' * 150), (200, '140'))

    def test_the_second_time_it_is_refused(self):
        for size in (50, 150):
            app = Recorder()

            @app.post('/')
            async def save(request):
                await request.save(NAME)
                return str(await request.save(NAME))

            self.assertEqual(self.post(app, b'x' * size)[0], 500)
            self.assertEqual(len(app.logged), 1)
            self.assertEqual(self.files(), {'saved': b'x' * size})


if __name__ == '__main__':
    unittest.main()
