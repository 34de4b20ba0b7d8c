"""RFC 9110, sections 12 to 14, for files: a row for what a server must or
should do."""

import os
import unittest

import microdot.static
from helpers import change, run
from microdot import Microdot
from microdot.microdot import Request, http_date
from microdot.static import serve_file, static
from microdot.test_client import TestClient

FOLDER = '/tmp/microdot-9110-%x' % int.from_bytes(os.urandom(6), 'big')
DATE = 'Last-Modified'
#: Section, what is said there; headers, where TAG, WEAK and DATE stand for
#: those of the file; status; headers of the answer.
GETS = [
    ('12.5.3', 'without Accept-Encoding any coding will do; plain is best',
     {}, 200, {'Content-Encoding': None}),
    ('12.5.3', 'a coding that is named may be sent',
     {'Accept-Encoding': 'gzip'}, 200, {'Content-Encoding': 'gzip'}),
    ('8.4.1', 'codings are compared without regard to case',
     {'Accept-Encoding': 'GZip'}, 200, {'Content-Encoding': 'gzip'}),
    ('12.5.3', 'an asterisk stands for those that are not named',
     {'Accept-Encoding': '*'}, 200, {'Content-Encoding': 'gzip'}),
    ('12.4.2', 'a weight of 0 is a refusal',
     {'Accept-Encoding': 'gzip;q=0'}, 200, {'Content-Encoding': None}),
    ('12.4.2', 'however it is written',
     {'Accept-Encoding': 'gzip ; q=0.000, *'}, 200,
     {'Content-Encoding': None}),
    ('12.4.2', 'a small one is none',
     {'Accept-Encoding': 'gzip;q=0.001'}, 200, {'Content-Encoding': 'gzip'}),
    ('12.5.3', 'what matches none is sent plain',
     {'Accept-Encoding': 'br, zstd'}, 200, {'Content-Encoding': None}),
    ('12.5.3', 'an empty one wants no coding',
     {'Accept-Encoding': ''}, 200, {'Content-Encoding': None}),
    ('12.5.5', 'Vary says what the choice depends on',
     {'Accept-Encoding': 'gzip'}, 200, {'Vary': 'Accept-Encoding'}),
    ('12.5.5', 'also where nothing was chosen',
     {}, 200, {'Vary': 'Accept-Encoding'}),
    ('15.4.5', 'and in a 304',
     {'If-None-Match': '*'}, 304, {'Vary': 'Accept-Encoding'}),
    ('8.8.3.3', 'each coding has its own strong tag',
     {'Accept-Encoding': 'gzip', 'If-None-Match': 'TAG'}, 200, {}),
    ('13.1.1', 'If-Match with the tag', {'If-Match': 'TAG'}, 200, {}),
    ('13.1.1', 'in a list', {'If-Match': '"x", TAG'}, 200, {}),
    ('13.1.1', 'any', {'If-Match': '*'}, 200, {}),
    ('13.1.1', 'another', {'If-Match': '"x"'}, 412, {}),
    ('13.1.1', 'compared strongly', {'If-Match': 'WEAK'}, 412, {}),
    ('13.1.2', 'If-None-Match with the tag', {'If-None-Match': 'TAG'}, 304,
     {'ETag': 'TAG', 'Content-Type': None, 'Content-Length': None}),
    ('13.1.2', 'compared weakly', {'If-None-Match': 'WEAK'}, 304, {}),
    ('13.1.2', 'in a list', {'If-None-Match': '"x",TAG'}, 304, {}),
    ('13.1.2', 'any', {'If-None-Match': '*'}, 304, {}),
    ('13.1.2', 'another', {'If-None-Match': '"x"'}, 200, {}),
    ('13.1.3', 'If-Modified-Since then', {'If-Modified-Since': 'DATE'}, 304,
     {'ETag': 'TAG'}),
    ('13.1.3', 'before', {'If-Modified-Since': http_date(0)}, 200, {}),
    ('5.6.7', 'in an old form',
     {'If-Modified-Since': 'Sun Nov  6 08:49:37 2094'}, 304, {}),
    ('5.6.7', 'in the other', {'If-Modified-Since':
     'Sunday, 06-Nov-70 08:49:37 GMT'}, 304, {}),
    ('13.1.3', 'ignored beside If-None-Match',
     {'If-Modified-Since': 'DATE', 'If-None-Match': '"x"'}, 200, {}),
    ('13.1.3', 'ignored beside If-None-Match that has it',
     {'If-Modified-Since': http_date(0), 'If-None-Match': 'TAG'}, 304, {}),
    ('13.1.3', 'ignored when it is no date',
     {'If-Modified-Since': 'yesterday'}, 200, {}),
    ('13.1.4', 'If-Unmodified-Since then', {'If-Unmodified-Since': 'DATE'},
     200, {}),
    ('13.1.4', 'before', {'If-Unmodified-Since': http_date(0)}, 412, {}),
    ('13.1.4', 'ignored beside If-Match',
     {'If-Unmodified-Since': http_date(0), 'If-Match': 'TAG'}, 200, {}),
    ('13.1.4', 'ignored when it is no date',
     {'If-Unmodified-Since': 'tomorrow'}, 200, {}),
    ('13.2.2', 'If-Match comes first',
     {'If-Match': '"x"', 'If-None-Match': 'TAG'}, 412, {}),
    ('13.2.2', 'then If-None-Match',
     {'If-Match': 'TAG', 'If-None-Match': 'TAG'}, 304, {}),
    ('13.2.2', 'both before Range',
     {'If-None-Match': 'TAG', 'Range': 'bytes=0-1'}, 304, {}),
    ('13.2.2', 'also where that cannot be',
     {'If-Match': '"x"', 'Range': 'bytes=999-'}, 412, {}),
    ('13.1.5', 'If-Range with the tag',
     {'If-Range': 'TAG', 'Range': 'bytes=0-1'}, 206, {}),
    ('13.1.5', 'compared strongly',
     {'If-Range': 'WEAK', 'Range': 'bytes=0-1'}, 200, {}),
    ('13.1.5', 'another', {'If-Range': '"x"', 'Range': 'bytes=0-1'}, 200, {}),
    ('13.1.5', 'the very date',
     {'If-Range': 'DATE', 'Range': 'bytes=0-1'}, 206, {}),
    ('13.1.5', 'another date',
     {'If-Range': http_date(0), 'Range': 'bytes=0-1'}, 200, {}),
    ('13.1.5', 'ignored without Range', {'If-Range': '"x"'}, 200, {}),
    ('14.2', 'a range', {'Range': 'bytes=0-1'}, 206,
     {'Content-Range': 'bytes 0-1/45', 'Content-Length': '2', 'ETag': 'TAG'}),
    ('14.1.2', 'to the end', {'Range': 'bytes=40-'}, 206,
     {'Content-Range': 'bytes 40-44/45'}),
    ('14.1.2', 'beyond it', {'Range': 'bytes=40-99'}, 206,
     {'Content-Range': 'bytes 40-44/45'}),
    ('14.1.2', 'the last ones', {'Range': 'bytes=-5'}, 206,
     {'Content-Range': 'bytes 40-44/45'}),
    ('14.1.2', 'more than there are', {'Range': 'bytes=-99'}, 206,
     {'Content-Range': 'bytes 0-44/45'}),
    ('14.1', 'units are compared without regard to case',
     {'Range': 'BYTES=0-1'}, 206, {}),
    ('14.2', 'an unknown unit is ignored', {'Range': 'lines=0-1'}, 200, {}),
    ('14.1.1', 'what is malformed is ignored', {'Range': 'bytes=1-0'}, 200,
     {}),
    ('14.2', 'several may be ignored', {'Range': 'bytes=0-1,3-4'}, 200,
     {'Content-Range': None}),
    ('15.5.17', 'none that is there', {'Range': 'bytes=45-'}, 416,
     {'Content-Range': 'bytes */45'}),
    ('14.3', 'Accept-Ranges says that ranges are known', {}, 200,
     {'Accept-Ranges': 'bytes'}),
]


class TestFiles(unittest.TestCase):
    def setUp(self):
        # as if the files had been there for long
        change(self, microdot.static, 'settle_time', 0)
        for name in ('/tmp', FOLDER):
            try:
                os.mkdir(name)
            except OSError:
                pass
        for name, data in (('/page.html', b'plain' * 9),
                           ('/page.html.gz', b'compressed')):
            with open(FOLDER + name, 'wb') as file:
                file.write(data)
            self.addCleanup(os.remove, FOLDER + name)
        self.app = Microdot()
        static(self.app, '/f', FOLDER, gzip=True)

        @self.app.route('/own', methods=['POST'])
        def own(request):
            return serve_file(request, FOLDER + '/page.html')

    def ask(self, method, headers, path='/f/page.html'):
        return run(TestClient(self.app).request(method, path, headers))

    def filled(self, value):
        plain = self.ask('HEAD', {}).headers
        return value and value.replace('TAG', plain['ETag']).replace(
            'WEAK', 'W/' + plain['ETag']).replace('DATE', plain[DATE])

    def test_of_get(self):
        for section, what, headers, status, wanted in GETS:
            with self.subTest(section=section, what=what):
                res = self.ask('GET', {
                    name: self.filled(headers[name]) for name in headers})
                self.assertEqual((what, res.status_code), (what, status))
                for name in wanted:
                    self.assertEqual(
                        (what, res.headers.get(name)),
                        (what, self.filled(wanted[name])))

    def test_of_head(self):
        """Section 14.2: Range means nothing; the others what they do."""
        for section, what, headers, status, wanted in GETS:
            if 'Range' in headers and status in (206, 416):
                status = 200
                wanted = {'Content-Range': None}
            with self.subTest(section=section, what=what):
                res = self.ask('HEAD', {
                    name: self.filled(headers[name]) for name in headers})
                self.assertEqual((what, res.status_code), (what, status))
                self.assertFalse(res.body)
                for name in wanted:
                    self.assertEqual(
                        (what, res.headers.get(name)),
                        (what, self.filled(wanted[name])))

    def test_of_other_methods(self):
        """Sections 13.1.3 and 14.2: these are for GET and HEAD."""
        for headers in ({'If-Modified-Since': 'DATE'},
                        {'Range': 'bytes=0-1'}):
            res = self.ask('POST', {
                name: self.filled(headers[name]) for name in headers}, '/own')
            self.assertEqual((res.status_code, len(res.body)), (200, 45))

    def test_what_is_refused_anyway_is_not_judged(self):
        """Section 13.2.1"""
        for path, method, status in (
                ('/f/missing', 'GET', 404), ('/f/page.html', 'PUT', 405)):
            for name in ('If-Match', 'If-None-Match'):
                res = self.ask(method, {name: '"x"'}, path)
                self.assertEqual(res.status_code, status)

    def test_the_parts_are_those_of_the_file(self):
        whole = self.ask('GET', {}).body
        for text, part in (('0-0', whole[:1]), ('7-11', whole[7:12]),
                           ('-3', whole[-3:]), ('44-', whole[44:])):
            res = self.ask('GET', {'Range': 'bytes=' + text})
            self.assertEqual(res.body, part)

    def test_a_list_has_a_limit(self):
        res = self.ask('GET', {'If-Match': ',' * Request.max_members})
        self.assertEqual(res.status_code, 431)
