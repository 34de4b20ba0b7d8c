"""Files for browsers: validators, ranges, and whole folders."""

import os
import unittest

import microdot.static
from helpers import change, run
from microdot.microdot import HTTPException, Microdot, http_date, send_file
from microdot.static import (
    matches_etag,
    parse_date,
    parse_range,
    safe_path,
    serve_file,
    static,
)
from microdot.test_client import TestClient

FOLDER = '/tmp/microdot-static-%x' % int.from_bytes(os.urandom(6), 'big')
FILES = {'a.txt': b'0123456789', 'empty.txt': b'', '.secret': b'no',
         'sub/index.html': b'<p>sub', 'sub/b.css': b'body {}',
         'index.html': b'<p>top', 'page.html': b'plain' * 9,
         'page.html.gz': b'compressed'}


class WithFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for name in ('/tmp', FOLDER, FOLDER + '/sub', FOLDER + '/none'):
            try:
                os.mkdir(name)
            except OSError:
                pass
        for name, data in FILES.items():
            with open(FOLDER + '/' + name, 'wb') as f:
                f.write(data)
        # as if they had been there for long
        cls.settle_time = microdot.static.settle_time
        microdot.static.settle_time = 0

    @classmethod
    def tearDownClass(cls):
        microdot.static.settle_time = cls.settle_time
        for name in FILES:
            os.remove(FOLDER + '/' + name)
        for name in ('/sub', '/none', ''):
            os.rmdir(FOLDER + name)


def get(app, path, headers=None, method='GET'):
    return run(TestClient(app).request(method, path, headers))


class TestWire(unittest.TestCase):
    def test_dates(self):
        for text, value in (
                ('Sun, 06 Nov 1994 08:49:37 GMT', (1994, 11, 6, 8, 49, 37)),
                (http_date(0), parse_date(http_date(0))),
                ('Sunday, 06-Nov-94 08:49:37 GMT', (1994, 11, 6, 8, 49, 37)),
                ('Sunday, 06-Nov-11 08:49:37 GMT', (2011, 11, 6, 8, 49, 37)),
                ('Sun Nov  6 08:49:37 1994', (1994, 11, 6, 8, 49, 37)),
                ('Sun, 06 Nov 1994 08:49:37', None),
                ('Sun Nov 6 08:49 1994', None),
                ('Sun, +6 Nov 1994 08:49:37 GMT', None),
                ('Sun, 06 Nov 1994 08:49:3\xb2 GMT', None),
                ('Sun, 06 Nov 1994 08:49:37 CET', None),
                ('Sun, 06 Abc 1994 08:49:37 GMT', None),
                ('Sun, 06 anF 1994 08:49:37 GMT', None),
                ('Sun, xx Nov 1994 08:49:37 GMT', None),
                ('Sun, 06 Nov 1994 08:49:3x GMT', None),
                ('', None), ('x', None), (' ' * 29, None), ('9' * 29, None),
                ('x' * 5000, None)):
            with self.subTest(text=text[:40]):
                self.assertEqual(parse_date(text), value)

    def test_entity_tags(self):
        for value, matches in (
                ('"a"', True), ('W/"a"', True), ('"b", "a"', True),
                ('"b",W/"a"', True), ('*', True), (' * ', True),
                ('"b"', False), ('a', False), ('', False), ('"a', False),
                ('"*"', False), ('w/"a"', False), ('"aa"', False)):
            with self.subTest(value=value):
                self.assertEqual(matches_etag(value, '"a"'), matches)

    def test_ranges(self):
        for value, size, expected in (
                ('bytes=0-3', 10, (0, 3)), ('bytes=9-9', 10, (9, 9)),
                ('bytes=5-', 10, (5, 9)), ('bytes=-3', 10, (7, 9)),
                ('bytes=-10', 10, (0, 9)), ('bytes=-11', 10, (0, 9)),
                ('bytes=0-10', 10, (0, 9)), ('bytes=0-99999', 10, (0, 9)),
                ('Bytes = 0-3 ', 10, (0, 3)),
                ('bytes=10-', 10, 416), ('bytes=10-12', 10, 416),
                ('bytes=-0', 10, 416), ('bytes=0-', 0, 416),
                ('bytes=-5', 0, 416), ('bytes=0-0', 0, 416),
                ('bytes=3-2', 10, None), ('bytes=', 10, None),
                ('bytes=-', 10, None), ('bytes', 10, None), ('', 10, None),
                ('bytes=0-1,3-4', 10, None), ('lines=0-1', 10, None),
                ('bytes=a-b', 10, None), ('bytes=+1-2', 10, None),
                ('bytes=1_0-', 10, None), ('bytes=--5', 10, None),
                ('bytes=0 - 3', 10, None), ('bytes=\u0661-', 10, None),
                ('bytes=' + '9' * 5000 + '-', 10, None),
                ('bytes=' + '9' * 39 + '-', 10, 416),
                ('bytes=0-' + '9' * 30, 10, (0, 9))):
            with self.subTest(value=value[:40]):
                if expected == 416:
                    with self.assertRaises(HTTPException) as context:
                        parse_range(value, size)
                    exc = context.exception
                    self.assertEqual(exc.status_code, 416)
                    self.assertEqual(exc.headers,
                                     {'Content-Range': 'bytes */%d' % size})
                else:
                    self.assertEqual(parse_range(value, size), expected)


class TestServeFile(WithFiles):
    def setUp(self):
        self.app = Microdot()

        @self.app.get('/<name>')
        async def view(request, name):
            return serve_file(request, FOLDER + '/' + name, max_age=60,
                              gzip=True)

    def test_headers(self):
        res = get(self.app, '/a.txt')
        self.assertEqual(res.status_code, 200)
        self.assertEqual(res.body, b'0123456789')
        self.assertEqual(res.headers['Content-Length'], '10')
        self.assertEqual(res.headers['Content-Type'],
                         'text/plain; charset=UTF-8')
        self.assertEqual(res.headers['Cache-Control'], 'max-age=60')
        self.assertEqual(res.headers['Accept-Ranges'], 'bytes')
        self.assertTrue(parse_date(res.headers['Last-Modified']))
        self.assertTrue(res.headers['ETag'].endswith('-a"'))

    def test_head_has_the_same_ones(self):
        res = get(self.app, '/a.txt')
        head = get(self.app, '/a.txt', method='HEAD')
        self.assertEqual(head.status_code, 200)
        self.assertFalse(head.body)
        for name in ('Content-Length', 'ETag', 'Last-Modified',
                     'Content-Type', 'Cache-Control'):
            self.assertEqual(head.headers[name], res.headers[name])

    def test_what_has_not_changed(self):
        res = get(self.app, '/a.txt')
        etag = res.headers['ETag']
        modified = res.headers['Last-Modified']
        old = 'Sun, 06 Nov 1994 08:49:37 GMT'
        new = 'Fri, 31 Dec 2100 23:59:59 GMT'
        for headers, status in (
                ({'If-None-Match': etag}, 304),
                ({'If-None-Match': 'W/' + etag}, 304),
                ({'If-None-Match': '"x", ' + etag}, 304),
                ({'If-None-Match': '*'}, 304),
                ({'If-None-Match': '"x"'}, 200),
                ({'If-Modified-Since': modified}, 304),
                ({'If-Modified-Since': new}, 304),
                ({'If-Modified-Since': old}, 200),
                ({'If-Modified-Since': 'yesterday'}, 200),
                # the tag alone decides where both are
                ({'If-None-Match': '"x"', 'If-Modified-Since': new}, 200),
                ({'If-None-Match': etag, 'If-Modified-Since': old}, 304),
                # and comes before the range
                ({'If-None-Match': etag, 'Range': 'bytes=0-1'}, 304)):
            for method in ('GET', 'HEAD'):
                with self.subTest(headers=headers, method=method):
                    res = get(self.app, '/a.txt', headers, method)
                    self.assertEqual(res.status_code, status)
                    self.assertEqual(res.headers['ETag'], etag)
                    if status == 304:
                        self.assertFalse(res.body)
                        self.assertFalse('Content-Length' in res.headers)
                        self.assertFalse('Content-Type' in res.headers)
                        self.assertEqual(res.headers['Cache-Control'],
                                         'max-age=60')

    def test_a_file_just_changed_has_a_weak_tag(self):
        settled = get(self.app, '/a.txt').headers['ETag']
        change(self, microdot.static, 'settle_time', 3600)
        res = get(self.app, '/a.txt')
        etag = res.headers['ETag']
        self.assertTrue(etag.startswith('W/"'))
        for value, status in ((etag, 304), (etag[2:], 304), (settled, 200)):
            res = get(self.app, '/a.txt', {'If-None-Match': value})
            self.assertEqual(res.status_code, status)

    def test_its_weak_tag_does_not_match_once_the_file_has_settled(self):
        change(self, microdot.static, 'settle_time', 3600)
        etag = get(self.app, '/a.txt').headers['ETag']
        microdot.static.settle_time = 0
        res = get(self.app, '/a.txt', {'If-None-Match': etag})
        self.assertEqual(res.status_code, 200)

    def test_parts_of_a_file_just_changed_are_not_joined(self):
        change(self, microdot.static, 'settle_time', 3600)
        headers = get(self.app, '/a.txt').headers
        for name in ('ETag', 'Last-Modified'):
            res = get(self.app, '/a.txt', {'Range': 'bytes=0-3',
                                           'If-Range': headers[name]})
            self.assertEqual(res.status_code, 200)

    def test_short_names_of_fat_are_not_served(self):
        for name in ('HTPASS~1', 'htpass~1.htp', 'A~12', '~1', 'x/SECRET~1',
                     'SECRET~1/x', 'backup~9.tar.gz'):
            with self.subTest(name=name):
                with self.assertRaises(HTTPException) as caught:
                    safe_path(name)
                self.assertEqual(caught.exception.status_code, 404)

    def test_names_that_are_not_short_are_served(self):
        for name in ('a~', 'a~b.txt', 'a.b~1', 'longer-name~1', '~', 'a1'):
            with self.subTest(name=name):
                self.assertEqual(safe_path(name), name)

    def test_a_changed_file_has_another_tag(self):
        etag = get(self.app, '/a.txt').headers['ETag']
        try:
            with open(FOLDER + '/a.txt', 'wb') as f:
                f.write(b'01234567890')
            res = get(self.app, '/a.txt', {'If-None-Match': etag})
            self.assertEqual(res.status_code, 200)
            self.assertNotEqual(res.headers['ETag'], etag)
        finally:
            with open(FOLDER + '/a.txt', 'wb') as f:
                f.write(FILES['a.txt'])

    def test_ranges(self):
        for value, body, told in (
                ('bytes=0-3', b'0123', 'bytes 0-3/10'),
                ('bytes=5-', b'56789', 'bytes 5-9/10'),
                ('bytes=-3', b'789', 'bytes 7-9/10'),
                ('bytes=0-', b'0123456789', 'bytes 0-9/10')):
            with self.subTest(value=value):
                res = get(self.app, '/a.txt', {'Range': value})
                self.assertEqual(res.status_code, 206)
                self.assertEqual(res.body, body)
                self.assertEqual(res.headers['Content-Range'], told)
                self.assertEqual(res.headers['Content-Length'],
                                 str(len(body)))
                # which has no ranges (RFC 9110, section 14.2)
                head = get(self.app, '/a.txt', {'Range': value}, 'HEAD')
                self.assertEqual(head.status_code, 200)
                self.assertEqual(head.headers['Content-Length'], '10')
                self.assertNotIn('Content-Range', head.headers)
                self.assertFalse(head.body)

    def test_ranges_that_are_ignored(self):
        for value in ('bytes=0-1,3-4', 'bytes=3-2', 'x', 'bytes=a-'):
            res = get(self.app, '/a.txt', {'Range': value})
            self.assertEqual((res.status_code, res.body),
                             (200, b'0123456789'))
            self.assertFalse('Content-Range' in res.headers)

    def test_ranges_that_are_not_there(self):
        res = get(self.app, '/a.txt', {'Range': 'bytes=10-'})
        self.assertEqual(res.status_code, 416)
        self.assertEqual(res.headers['Content-Range'], 'bytes */10')
        res = get(self.app, '/empty.txt', {'Range': 'bytes=0-'})
        self.assertEqual(res.headers['Content-Range'], 'bytes */0')

    def test_ranges_of_what_has_changed(self):
        res = get(self.app, '/a.txt')
        etag = res.headers['ETag']
        for value, status in (
                (etag, 206), (res.headers['Last-Modified'], 206),
                ('"x"', 200), (etag[:-1], 200), ('W/' + etag, 200),
                ('Fri, 31 Dec 2100 23:59:59 GMT', 200), ('', 200)):
            with self.subTest(value=value):
                res = get(self.app, '/a.txt',
                          {'Range': 'bytes=0-3', 'If-Range': value})
                self.assertEqual(res.status_code, status)

    def test_compressed_ones(self):
        plain = get(self.app, '/page.html')
        self.assertEqual(plain.body, FILES['page.html'])
        for value, taken in (
                ('gzip', True), ('deflate, GZIP;q=0.5', True), ('*', True),
                ('gzip;q=1.0', True), ('', False), ('br', False),
                ('gzip;q=0', False), ('gzip; q=0.000', False),
                ('xgzip', False)):
            with self.subTest(value=value):
                res = get(self.app, '/page.html', {'Accept-Encoding': value})
                self.assertEqual(res.headers['Vary'], 'Accept-Encoding')
                self.assertEqual(res.headers['Content-Type'],
                                 'text/html; charset=UTF-8')
                if taken:
                    self.assertEqual(res.body, b'compressed')
                    self.assertEqual(res.headers['Content-Encoding'], 'gzip')
                    self.assertNotEqual(res.headers['ETag'],
                                        plain.headers['ETag'])
                else:
                    self.assertEqual(res.body, FILES['page.html'])
        res = get(self.app, '/a.txt', {'Accept-Encoding': 'gzip'})
        self.assertEqual(res.body, b'0123456789')

    def test_what_is_no_file(self):
        for name in ('missing', 'sub', 'x' * 300):
            self.assertEqual(get(self.app, '/' + name).status_code, 404)


class TestFolders(WithFiles):
    def make(self, **options):
        app = Microdot()
        static(app, '/s', FOLDER, **options)
        return app

    def test_files(self):
        app = self.make(max_age=5)
        for path, name in (('/s/a.txt', 'a.txt'),
                           ('/s/sub/b.css', 'sub/b.css'),
                           ('/s/sub%2Fb.css', 'sub/b.css')):
            res = get(app, path)
            self.assertEqual((res.status_code, res.body), (200, FILES[name]))
            self.assertEqual(res.headers['Cache-Control'], 'max-age=5')
        self.assertEqual(get(app, '/s/a.txt', method='HEAD').status_code, 200)
        res = get(app, '/s/a.txt', method='POST')
        self.assertEqual(res.status_code, 405)
        self.assertEqual(res.headers['Allow'], 'GET, HEAD, OPTIONS')

    def test_paths_that_lead_nowhere(self):
        for html in (False, True):
            app = self.make(html=html)
            for path in (
                    '/s/missing', '/s/..', '/s/../a.txt',
                    '/s/../../etc/passwd',
                    '/s/%2e%2e/%2e%2e/etc/passwd', '/s/..%2f..%2fetc/passwd',
                    '/s/sub/../a.txt', '/s/sub/%2E%2E/a.txt', '/s/./a.txt',
                    '/s//a.txt', '/s//etc/passwd', '/s/%2Fetc/passwd',
                    '/s/.secret', '/s/%2esecret', '/s/sub/.', '/s/a.txt/',
                    '/s/a.txt/x', '/s/a.txt%0a', '/s/..%5ca.txt',
                    '/s/sub%5Cb.css', '/s/c:a.txt', '/s/a.txt::$DATA',
                    '/s/a.txt%7f', '/s/none', '/s/none/', '/s/sub//b.css',
                    '/s/' + 'x' * 300, '/s/' + 'x/' * 300):
                with self.subTest(path=path[:40], html=html):
                    self.assertEqual(get(app, path).status_code, 404)
            self.assertEqual(get(app, '/s/a.txt%00').status_code, 400)

    def test_pages_of_folders(self):
        app = self.make(html=True)
        self.assertEqual(get(app, '/s/').body, b'<p>top')
        self.assertEqual(get(app, '/s/sub/').body, b'<p>sub')
        self.assertEqual(get(app, '/s/sub/index.html').body, b'<p>sub')
        res = get(app, '/s/sub?a=b')
        self.assertEqual(res.status_code, 307)
        self.assertEqual(res.headers['Location'], './sub/?a=b')
        app = self.make()
        for path in ('/s/', '/s/sub', '/s/sub/'):
            self.assertEqual(get(app, path).status_code, 404)

    def test_links_do_not_lead_out(self):
        if not hasattr(os, 'symlink'):
            self.skipTest('there are no links')
        outside = FOLDER + '-outside'
        with open(outside, 'wb') as f:
            f.write(b'outside')
        link = FOLDER + '/link.txt'
        os.symlink(outside, link)
        try:
            self.assertEqual(get(self.make(), '/s/link.txt').status_code, 404)
            app = self.make(follow_symlinks=True)
            self.assertEqual(get(app, '/s/link.txt').body, b'outside')
        finally:
            os.remove(link)
            os.remove(outside)

    def test_other_routes_come_first(self):
        app = Microdot()
        child = Microdot()
        static(child, '/', FOLDER, html=True)
        app.mount(child)
        static(app, '/', FOLDER)
        for path in ('/a.txt', '/<x>/b.css', '/'):
            app.get(path)(lambda request, x='': 'route')
        for path, text in (('/a.txt', 'route'), ('/sub/b.css', 'route'),
                           ('/', 'route'), ('/sub/', '<p>sub')):
            self.assertEqual(get(app, path).text, text)
        self.assertEqual(app.url_for('static', path='a.txt'), '/a.txt')

    def test_a_folder_of_a_host_comes_before_other_routes(self):
        app = Microdot()
        app.get('/a.txt')(lambda request: 'all')
        child = Microdot()
        static(child, '/', FOLDER)
        child.get('/sub/b.css')(lambda request: 'host')
        app.mount(child, host='host.example')
        for host, path, text in (
                ('host.example', '/a.txt', '0123456789'),
                ('host.example', '/sub/b.css', 'host'),
                ('other.example', '/a.txt', 'all')):
            self.assertEqual(get(app, path, {'Host': host}).text, text)

    def test_prefixes(self):
        for prefix in ('', '/', '/x/y', '/x/'):
            app = Microdot()
            static(app, prefix, FOLDER)
            path = prefix.rstrip('/') + '/a.txt'
            self.assertEqual(get(app, path).body, b'0123456789')

    def test_a_missing_folder_is_an_error(self):
        for name in (FOLDER + '/missing', FOLDER + '/a.txt'):
            with self.assertRaises(ValueError):
                static(Microdot(), '/s', name)


class TestSeveralFolders(WithFiles):
    def make(self, *folders, **options):
        app = Microdot()
        static(app, '/', [FOLDER + folder for folder in folders], **options)
        return app

    def check(self, app, *rows):
        for path, accept, status, text in rows:
            with self.subTest(path=path, accept=accept):
                res = get(app, path, {'Accept': accept} if accept else None)
                self.assertEqual((res.status_code, res.text), (status, text))

    def test_the_first_that_has_a_file_counts(self):
        app = self.make('/sub', '/none', '')
        self.check(app, ('/b.css', '', 200, 'body {}'),
                   ('/index.html', '', 200, '<p>sub'),
                   ('/a.txt', '', 200, '0123456789'),
                   ('/sub/b.css', '', 200, 'body {}'),
                   ('/x', '', 404, 'Not found'),
                   ('/sub', '', 404, 'Not found'), ('/', '', 404, 'Not found'))

    def test_pages_of_folders_are_looked_for_in_each(self):
        app = self.make('/none', '', html=True)
        self.check(app, ('/', '', 200, '<p>top'), ('/sub/', '', 200, '<p>sub'))
        self.assertEqual(get(app, '/sub').status_code, 307)

    def test_ranges_that_are_not_there_are_said(self):
        res = get(self.make('', '/sub'), '/a.txt', {'Range': 'bytes=99-'})
        self.assertEqual(res.status_code, 416)

    def test_a_folder_that_is_missing_is_an_error(self):
        with self.assertRaises(ValueError):
            self.make('', '/missing')

    def test_pages_that_are_not_there_have_a_fallback(self):
        app = self.make('/sub', '', fallback='page.html', max_age=60)
        page = 'plain' * 9
        html = 'text/html,application/xhtml+xml,*/*;q=0.8'
        self.check(app, ('/anything', html, 200, page),
                   ('/any/thing/', html, 200, page), ('/', '', 200, page),
                   ('/', html, 200, page), ('/b.css', html, 200, 'body {}'),
                   ('/missing.css', html, 404, 'Not found'),
                   ('/anything', '*/*', 404, 'Not found'),
                   ('/anything', 'image/png', 404, 'Not found'),
                   ('/anything', '', 404, 'Not found'),
                   ('/.secret', html, 404, 'Not found'),
                   ('/.secret/x', html, 404, 'Not found'))
        res = get(app, '/anything', {'Accept': html})
        self.assertEqual(res.headers['Cache-Control'], 'max-age=0')
        self.assertEqual(res.headers['Content-Type'],
                         'text/html; charset=UTF-8')
        known = get(app, '/anything', {
            'Accept': html, 'If-None-Match': res.headers['ETag']})
        self.assertEqual(known.status_code, 304)
        self.assertEqual(get(app, '/b.css').headers['Cache-Control'],
                         'max-age=60')

    def test_pages_of_folders_come_before_the_fallback(self):
        app = self.make('', fallback='page.html', html=True)
        self.check(app, ('/', '', 200, '<p>top'),
                   ('/sub/', 'text/html', 200, '<p>sub'),
                   ('/none/', 'text/html', 200, 'plain' * 9))

    def test_what_is_not_there_has_a_page(self):
        app = self.make('/none', '', not_found='sub/index.html')
        self.check(app, ('/missing.css', '', 404, '<p>sub'),
                   ('/', '', 404, '<p>sub'), ('/.secret', '', 404, '<p>sub'),
                   ('/a.txt', '', 200, '0123456789'))
        res = get(app, '/x', {'Range': 'bytes=0-0', 'If-None-Match': '*'})
        self.assertEqual((res.status_code, res.text), (404, '<p>sub'))
        self.assertEqual(res.headers['Content-Type'],
                         'text/html; charset=UTF-8')
        self.assertEqual(get(app, '/x', method='HEAD').status_code, 404)

    def test_a_fallback_and_a_page_for_the_rest(self):
        app = self.make('', fallback='index.html', not_found='page.html')
        self.check(app, ('/x', 'text/html', 200, '<p>top'),
                   ('/x.js', 'text/html', 404, 'plain' * 9))

    def test_files_that_are_missing_are_an_error(self):
        for name in ('fallback', 'not_found'):
            for file in ('missing.html', 'sub'):
                with self.subTest(name=name, file=file):
                    with self.assertRaises(ValueError):
                        self.make('', **{name: file})


class TestTypes(WithFiles):
    def test_files_of_the_web_have_types(self):
        for extension, content_type in (
                ('mjs', 'text/javascript; charset=UTF-8'),
                ('wasm', 'application/wasm'), ('woff2', 'font/woff2'),
                ('webp', 'image/webp'), ('jpeg', 'image/jpeg'),
                ('htm', 'text/html; charset=UTF-8'),
                ('pdf', 'application/pdf'), ('mp4', 'video/mp4'),
                ('mp3', 'audio/mpeg'),
                ('xml', 'application/xml; charset=UTF-8'),
                ('csv', 'text/csv; charset=UTF-8'),
                ('map', 'application/json'),
                ('webmanifest', 'application/manifest+json'),
                ('md', 'text/markdown; charset=UTF-8'),
                ('zip', 'application/zip'), ('gz', 'application/gzip'),
                ('JPEG', 'image/jpeg'), ('xyzzy', 'application/octet-stream')):
            with self.subTest(extension=extension):
                app = Microdot()
                name = FOLDER + '/file.' + extension
                with open(name, 'wb') as f:
                    f.write(b'data')
                try:
                    app.get('/sent')(lambda request: send_file(name))
                    static(app, '/s', FOLDER)
                    for path in ('/sent', '/s/file.' + extension):
                        self.assertEqual(
                            get(app, path).headers['Content-Type'],
                            content_type)
                finally:
                    os.remove(name)


if __name__ == '__main__':
    unittest.main()
