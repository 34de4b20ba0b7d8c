"""microdot.urls.URL."""

import pytest

from microdot.urls import URL


def test_parts_are_attributes():
    url = URL('https://bob:p%40w@Example.com:8443/a/b?q=1&q=2#top')
    assert url.scheme == 'https'
    assert url.netloc == 'bob:p%40w@Example.com:8443'
    assert (url.host, url.port) == ('example.com', 8443)
    assert (url.username, url.password) == ('bob', 'p@w')
    assert (url.path, url.query, url.fragment) == ('/a/b', 'q=1&q=2', 'top')
    assert url.args.getlist('q') == ['1', '2']


def test_what_is_missing_is_empty_or_none():
    url = URL('/a')
    assert (url.scheme, url.netloc, url.query, url.fragment) == ('',) * 4
    assert url.host is url.port is url.username is url.password is None
    assert url.args == {}
    assert URL('http://[::1]/').host == '::1'


def test_it_is_its_text():
    url = URL('/a?b=c')
    assert str(url) == '/a?b=c'
    assert url == '/a?b=c'
    assert url == URL('/a?b=c')
    assert url != URL('/a')
    assert url != 5
    assert {url: 1}[URL('/a?b=c')] == 1
    assert URL(url) == url


def test_it_does_not_show_a_password():
    assert repr(URL('http://bob:secret@x/')) == "URL('http://bob:***@x/')"
    assert repr(URL('/a')) == "URL('/a')"


def test_it_does_not_change():
    url = URL('/a')
    with pytest.raises(AttributeError):
        url.path = '/b'
    with pytest.raises(AttributeError):
        url.other = 1


@pytest.mark.parametrize('text, encoded', [
    ('/a b', '/a%20b'), ('/\xfc', '/%C3%BC'), ('/a%20b', '/a%20b'),
    ('/50%', '/50%25'), ('/?a=b c', '/?a=b%20c'), ('/?a=?/', '/?a=?/'),
    ('/#\u20ac', '/#%E2%82%AC'), ('/a"<>\\^`{|}', '/a%22%3C%3E%5C%5E%60%7B'
                                                  '%7C%7D'),
    (' http://x ', 'http://x')])
def test_what_must_not_be_in_one_is_encoded(text, encoded):
    assert str(URL(text)) == encoded


@pytest.mark.parametrize('text', [
    'http://a\nb', '/a\r\n', '/\0', '/\x7f', 'http://a b/', 'http://a\\b/',
    'http://a:x/', 'http://a:65536/', 'http://[::1/', 'http://[x]/',
    'http://a:b:c/', 'http://a"b/'])
def test_what_is_none_is_refused(text):
    with pytest.raises(ValueError):
        URL(text)


@pytest.mark.parametrize('text, parts, result', [
    ('http://a/b', {'scheme': 'https'}, 'https://a/b'),
    ('http://a:80/b', {'host': 'c'}, 'http://c:80/b'),
    ('http://a:80/b', {'port': None}, 'http://a/b'),
    ('http://a/b', {'port': 81}, 'http://a:81/b'),
    ('http://a/b', {'host': '::1', 'port': 5}, 'http://[::1]:5/b'),
    ('http://a/b', {'netloc': 'c:5'}, 'http://c:5/b'),
    ('http://a/b', {'username': 'x', 'password': 'y:@'},
     'http://x:y%3A%40@a/b'),
    ('http://x:y@a/b', {'username': None, 'password': None}, 'http://a/b'),
    ('http://x:y%40@a/b', {'host': 'c'}, 'http://x:y%40@c/b'),
    ('http://a/b?c=d#e', {'path': '/f?g#h'}, 'http://a/f%3Fg%23h?c=d#e'),
    ('http://a/b', {'path': 'c'}, 'http://a/c'),
    ('/b?c', {'query': None, 'fragment': 'x'}, '/b#x'),
    ('/b', {'query': 'a=b c#d'}, '/b?a=b%20c%23d'),
    ('/b', {'scheme': 'https', 'host': 'a'}, 'https://a/b'),
    ('/b', {'path': '/\n'}, '/%0A'), ('/b', {}, '/b')])
def test_parts_are_replaced(text, parts, result):
    url = URL(text)
    assert str(url.replace(**parts)) == result
    assert str(url) == text


@pytest.mark.parametrize('parts', [
    {'path': '//evil.example'}, {'host': 'a/b'}, {'host': 'a@b'},
    {'host': 'a b'}, {'host': 'a:5'}, {'netloc': 'a/b'}, {'netloc': 'a?b'},
    {'scheme': 'a b'}, {'scheme': 'javascript:x'}, {'port': 'x'},
    {'port': 65536}])
def test_parts_that_would_not_be_parts_are_refused(parts):
    with pytest.raises(ValueError):
        URL('/a').replace(**parts)


def test_there_are_no_other_parts():
    with pytest.raises(TypeError, match='no part colour'):
        URL('/a').replace(colour='red')


@pytest.mark.parametrize('text, names, result', [
    ('/a', {'b': 1}, '/a?b=1'), ('/a?b=1', {'b': 2}, '/a?b=2'),
    ('/a?b=1&c=&b=3', {'b': 2}, '/a?c=&b=2'),
    ('/a', {'b': [1, 'x y']}, '/a?b=1&b=x+y'), ('/a?b=1', {'b': []}, '/a'),
    ('/a?x=%20', {'b': '\xe9&='}, '/a?x=+&b=%C3%A9%26%3D'),
    ('http://a/#f', {'b': 1}, 'http://a/?b=1#f'), ('/a?b', {}, '/a?b=')])
def test_a_query_takes_names(text, names, result):
    assert str(URL(text).include_query(**names)) == result
    assert str(URL(text).include_query(names)) == result


def test_a_query_loses_names():
    url = URL('/a?b=1&c=2&b=3&d')
    assert str(url.remove_query('b', 'd', 'x')) == '/a?c=2'
    assert str(url.remove_query()) == '/a'
