"""What send_file() tells browsers on CPython."""

import asyncio
import os
import time

import pytest

from microdot import Microdot, Response, send_file, static
from microdot.test_client import TestClient


@pytest.fixture
def file(tmp_path):
    """A file that was changed long ago."""
    path = tmp_path / 'digits.txt'
    path.write_text('0123456789')
    os.utime(path, (1000000000, 1000000000))
    return path


def serve(file, *args, **options):
    app = Microdot()

    @app.route('/', methods=['GET', 'POST'])
    def index(request):
        return send_file(file, *args, **options)

    return app


def ask(app, method='GET', **headers):
    headers = {name.replace('_', '-'): headers[name] for name in headers}
    return asyncio.run(TestClient(app).request(method, '/', headers))


def test_a_file_has_validators(file):
    for method in ('GET', 'HEAD'):
        res = ask(serve(file), method)
        assert res.status_code == 200
        assert res.headers['ETag'][0] == '"'
        assert res.headers['Last-Modified'] == \
            'Sun, 09 Sep 2001 01:46:40 GMT'
        assert res.headers['Accept-Ranges'] == 'bytes'
        assert res.headers['Content-Length'] == '10'


def test_the_tag_is_that_of_static(file):
    from microdot.static import serve_file
    app = Microdot()
    app.get('/')(lambda request: serve_file(request, str(file)))
    tag = ask(app).headers['ETag']
    assert tag == ask(serve(file)).headers['ETag']
    assert ask(app, If_None_Match=tag).status_code == 304


def test_what_a_client_has_is_not_sent(file):
    app = serve(file, max_age=5, download_name='a.txt')
    tag = ask(app).headers['ETag']
    for headers in ({'If_None_Match': tag}, {'If_None_Match': 'W/' + tag},
                    {'If_None_Match': '*'},
                    {'If_Modified_Since': 'Sun, 09 Sep 2001 01:46:40 GMT'}):
        for method in ('GET', 'HEAD'):
            res = ask(app, method, **headers)
            assert (res.status_code, res.body or b'') == (304, b'')
            assert res.headers['ETag'] == tag
            assert res.headers['Cache-Control'] == 'max-age=5'
            assert not [name for name in res.headers
                        if name.lower().startswith('content-')]


def test_what_has_changed_is_sent(file):
    app = serve(file)
    for headers in ({'If_None_Match': '"x"'},
                    {'If_Modified_Since': 'Sun, 09 Sep 2001 01:46:39 GMT'},
                    {'If_None_Match': '"x"', 'If_Modified_Since':
                        'Sun, 09 Sep 2001 01:46:40 GMT'}):
        assert ask(app, **headers).text == '0123456789'


def test_a_file_that_has_just_changed_has_a_weak_tag(file, monkeypatch):
    # (two seconds are soon over on a machine that pauses)
    monkeypatch.setattr(static, 'settle_time', 3600)
    os.utime(file, (time.time(), time.time()))
    assert ask(serve(file)).headers['ETag'].startswith('W/"new-')


@pytest.mark.parametrize('value, body, told', [
    ('bytes=0-3', '0123', 'bytes 0-3/10'), ('bytes=-3', '789', 'bytes 7-9/10'),
    ('bytes=8-99', '89', 'bytes 8-9/10')])
def test_a_range_is_cut_out(file, value, body, told):
    res = ask(serve(file), Range=value)
    assert (res.status_code, res.text) == (206, body)
    assert res.headers['Content-Range'] == told
    assert res.headers['Content-Length'] == str(len(body))


def test_head_has_no_ranges(file):
    res = ask(serve(file), 'HEAD', Range='bytes=0-3')
    assert (res.status_code, res.headers['Content-Length']) == (200, '10')


def test_a_range_that_is_not_there_is_refused(file):
    res = ask(serve(file), Range='bytes=10-')
    assert res.status_code == 416
    assert res.headers['Content-Range'] == 'bytes */10'


@pytest.mark.parametrize('headers, status, told', [
    ({'Range': 'bytes=10-'}, 416, 'bytes */10'),
    ({'If_Match': '"other"'}, 412, None)])
def test_refusals_go_to_the_error_handlers(file, headers, status, told):
    app = serve(file)
    seen = []

    @app.errorhandler(status)
    async def answer(request):
        return 'none of it', status

    @app.after_error_request
    async def after(request, response):
        seen.append((request.error.status_code, response.status_code))

    res = ask(app, **headers)
    assert (res.status_code, res.text) == (status, 'none of it')
    assert res.headers.get('Content-Range') == told
    assert seen == [(status, status)]

    @app.errorhandler(status)
    async def raises(request):
        raise KeyError('on purpose')

    app.log_exception = lambda request, exc: seen.append(repr(exc))
    assert ask(app, **headers).status_code == 500
    assert seen[1:] == ["KeyError('on purpose')"]


def test_a_name_that_is_no_utf8_is_told_as_far_as_it_is(file):
    name = os.fsdecode(b'a\xff\xc3\xa4.txt')
    assert ask(serve(file, download_name=name)).headers[
        'Content-Disposition'] == "attachment; filename=\"a?_.txt\"; " \
        "filename*=UTF-8''a%3F%C3%A4.txt"


def test_an_error_handler_may_send_a_file(file):
    app = serve(file)

    @app.errorhandler(416)
    async def answer(request):
        return send_file(file)  # 200, of which the range is none either

    res = ask(app, Range='bytes=10-')
    assert (res.status_code, res.headers['Content-Range']) == (
        416, 'bytes */10')

    @app.errorhandler(416)
    async def answer_416(request):
        return send_file(file, status_code=416)

    res = ask(app, Range='bytes=10-')
    assert (res.status_code, res.body) == (416, b'0123456789')


def test_what_is_to_run_after_a_file_runs_after_a_refusal(file):
    app = Microdot()
    seen = []

    @app.get('/')
    async def index(request):
        request.after_response(seen.append, 'request')
        res = send_file(file)
        res.after_response(seen.append, 'response')
        return res

    async def refused():
        async with TestClient(app) as client:
            return await client.get('/', {'Range': 'bytes=10-'})

    assert asyncio.run(refused()).status_code == 416
    assert seen == ['request', 'response']


def test_ranges_that_are_not_meant_are_ignored(file):
    tag = ask(serve(file)).headers['ETag']
    for headers in ({'Range': 'bytes=0-1,4-5'}, {'Range': 'lines=1-2'},
                    {'Range': 'bytes=0-1', 'If_Range': '"x"'}):
        assert ask(serve(file), **headers).text == '0123456789'
    res = ask(serve(file), Range='bytes=0-1', If_Range=tag)
    assert res.text == '01'


def test_only_get_and_head_have_conditions(file):
    res = ask(serve(file), 'POST', Range='bytes=0-1', If_None_Match='*')
    assert (res.status_code, res.text) == (200, '0123456789')


def test_another_status_has_none(file):
    res = ask(serve(file, 404), Range='bytes=0-1', If_None_Match='*')
    assert (res.status_code, res.text) == (404, '0123456789')
    assert 'ETag' not in res.headers


def test_a_stream_has_none(file):
    with open(file, 'rb') as stream:
        res = ask(serve('x.txt', stream=stream), If_None_Match='*')
    assert (res.status_code, res.text) == (200, '0123456789')
    assert 'ETag' not in res.headers


def test_a_body_put_in_its_place_has_none(file):
    app = serve(file)

    @app.after_request
    def replace(request, response):
        response.body.close()
        return 'other'

    assert ask(app, If_None_Match='*').text == 'other'


def test_a_tag_of_the_handler_stays(file):
    app = Microdot()

    @app.get('/')
    def index(request):
        res = send_file(file)
        res.headers['ETag'] = '"mine"'
        return res

    assert ask(app).headers['ETag'] == '"mine"'
    assert ask(app, If_None_Match='"mine"').status_code == 304


def test_files_that_are_not_sent_are_closed(file):
    app = Microdot()
    opened = []

    @app.get('/')
    def index(request):
        opened.append(send_file(file))
        return opened[-1]

    for headers in ({'If_None_Match': '*'}, {'Range': 'bytes=99-'}, {}):
        body = len(opened)
        ask(app, **headers)
        assert opened[body].body.closed


def test_what_is_to_run_after_it_runs(file):
    app = Microdot()
    ran = []

    @app.get('/')
    def index(request):
        res = send_file(file)
        res.after_response(ran.append, 1)
        return res

    async def both():
        async with TestClient(app) as client:
            for headers in ({}, {'If-None-Match': '*'}):
                await client.get('/', headers=headers)

    asyncio.run(both())
    assert ran == [1, 1]


def test_compressed_files_have_another_tag(file):
    packed = file.with_suffix('.txt.gz')
    packed.write_text('0123456789')
    os.utime(packed, (1000000000, 1000000000))
    plain = ask(serve(file)).headers['ETag']
    res = ask(serve(file, compressed=True, file_extension='.gz'))
    assert res.headers['ETag'] != plain
    assert res.headers['Content-Encoding'] == 'gzip'


@pytest.mark.parametrize('name, kind', [
    ('a.tiff', 'image/tiff'), ('a.tar', 'application/x-tar'),
    ('a.svgz', 'application/octet-stream'),
    ('data:text/html,x', 'application/octet-stream'),
    ('tiff', 'application/octet-stream'), ('a.TIFF', 'image/tiff')])
def test_other_types_are_those_of_the_system(name, kind):
    assert Response.send_file(name, stream=True).headers == {
        'Content-Type': kind}
