"""RFC 9110, sections 12 and 13, for responses that are made: a row for what a
server must or should do."""
import asyncio
import gzip

import pytest

from microdot import Microdot, Response
from microdot.compress import Compress
from microdot.test_client import TestClient

BODY = b'text ' * 500


def make_app():
    app = Microdot()
    Compress(app)

    @app.get('/')
    async def plain(request):
        return BODY, {'Content-Type': 'text/plain'}

    @app.route('/tagged', methods=['GET', 'POST'])
    async def tagged(request):
        return Response(BODY, headers={'Content-Type': 'text/plain'}).etag()

    return app


def ask(path, headers, method='GET'):
    return asyncio.run(TestClient(make_app()).request(method, path, headers))


@pytest.mark.parametrize('section, value, coding', [
    ('12.5.3: without it any will do', None, None),
    ('12.5.3: one that is named', 'gzip', 'gzip'),
    ('8.4.1: without regard to case', 'GZIP', 'gzip'),
    ('8.4.1.3: the old name', 'x-gzip', 'gzip'),
    ('12.5.3: an asterisk', '*', 'gzip'),
    ('12.4.2: a refusal', 'gzip;q=0', None),
    ('12.4.2: a refusal beside an asterisk', '*, gzip;q=0', None),
    ('12.4.2: a refusal of the rest', 'identity, *;q=0', None),
    ('12.4.2: a small weight', 'gzip;q=0.001', 'gzip'),
    ('12.4.2: less than plain', 'gzip;q=0.5, identity;q=1', None),
    ('12.4.2: white space', 'deflate , gzip ;q=1.0', 'gzip'),
    ('12.5.3: nothing that is known', 'compress', None),
    ('12.5.3: empty', '', None)])
def test_codings(section, value, coding):
    for path in '/', '/tagged':
        res = ask(path, {} if value is None else {'Accept-Encoding': value})
        assert res.status_code == 200
        found = res.headers.get('Content-Encoding')
        # (others may be installed, which an asterisk means too)
        assert found == coding or '*' in (value or '') and found in (
            'br', 'zstd')
        assert 'Accept-Encoding' in res.headers['Vary']  # 12.5.5
        if found == 'gzip' and res.body != BODY:
            assert gzip.decompress(res.body) == BODY


@pytest.mark.parametrize('section, headers, status', [
    ('13.1.1', {'If-Match': 'TAG'}, 200),
    ('13.1.1', {'If-Match': '*'}, 200),
    ('13.1.1', {'If-Match': '"x", TAG'}, 200),
    ('13.1.1', {'If-Match': '"x"'}, 412),
    ('13.1.1: strongly', {'If-Match': 'W/TAG'}, 412),
    ('13.1.2', {'If-None-Match': 'TAG'}, 304),
    ('13.1.2', {'If-None-Match': '*'}, 304),
    ('13.1.2', {'If-None-Match': '"x", TAG'}, 304),
    ('13.1.2: weakly', {'If-None-Match': 'W/TAG'}, 304),
    ('13.1.2', {'If-None-Match': '"x"'}, 200),
    ('13.2.2: the order', {'If-Match': '"x"', 'If-None-Match': 'TAG'}, 412),
    ('13.2.2: the order', {'If-Match': 'TAG', 'If-None-Match': 'TAG'}, 304)])
def test_tags(section, headers, status):
    tag = ask('/tagged', {}).headers['ETag']
    assert tag[0] == '"'
    headers = {name: value.replace('TAG', tag)
               for name, value in headers.items()}
    for method in 'GET', 'HEAD':
        res = ask('/tagged', headers, method)
        assert res.status_code == status
        if status == 304:
            assert not res.body
            assert res.headers['ETag'].removeprefix('W/') == tag  # 15.4.5
    if status == 304:
        # for other methods the handler has done its work already
        assert ask('/tagged', headers, 'POST').status_code == 200


def test_a_coded_one_has_a_weak_tag_of_the_same_value():
    """Section 8.8.1"""
    tag = ask('/tagged', {}).headers['ETag']
    res = ask('/tagged', {'Accept-Encoding': 'gzip'})
    assert res.headers['ETag'] == 'W/' + tag
    assert ask('/tagged', {'Accept-Encoding': 'gzip',
                           'If-None-Match': 'W/' + tag}).status_code == 304
