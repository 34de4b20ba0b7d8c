"""Settings on CPython: closer looks at files, and secrets that do not show."""

import pytest

from microdot.config import CommaSeparated, Config, Secret


@pytest.fixture
def config(tmp_path):
    def make(data, name='.env'):
        path = tmp_path / name
        path.write_bytes(data)
        return Config(path)

    return make


def test_a_missing_one_is_a_key_error_that_names_the_file(config):
    with pytest.raises(KeyError, match=r'MD_X.*\.env'):
        config(b'')('MD_X')
    with pytest.raises(KeyError, match='MD_X'):
        Config()('MD_X')


def test_what_does_not_fit_the_cast_is_named(config):
    for cast in (int, bool, lambda value: value + 1):
        with pytest.raises(ValueError, match='MD_X.*many'):
            config(b'MD_X=many')('MD_X', cast=cast)


@pytest.mark.parametrize('name, data', [
    ('.env', b'\xef\xbb\xbfMD_X=a'),
    ('a.json', b'\xef\xbb\xbf{"MD_X": "a"}')])
def test_a_byte_order_mark_is_left_out(config, name, data):
    assert config(data, name)('MD_X') == 'a'


@pytest.mark.parametrize('data', [b'{', b'[1]', b'"x"', b'', b'{"a": 1'])
def test_malformed_json_is_refused(config, data):
    with pytest.raises(ValueError):
        config(data, 'a.json')


def test_the_size_of_a_file_is_limited(config, monkeypatch):
    monkeypatch.setattr(Config, 'max_size', 10)
    assert config(b'MD_X=12345')('MD_X') == '12345'
    with pytest.raises(ValueError, match='max_size'):
        config(b'MD_X=123456')


def test_a_file_far_over_the_limit_is_refused(config):
    with pytest.raises(ValueError, match='max_size'):
        config(b'#' * (2 * Config.max_size))


def test_a_secret_does_not_show():
    secret = Secret('hunter2')
    assert 'hunter2' not in repr(secret) + '%r' % [secret]
    assert str(secret) == 'hunter2'


def test_an_empty_secret_is_false():
    assert bytes(Secret('ä')) == b'\xc3\xa4'
    assert Secret('x')
    assert not Secret('')


def test_comma_separated_items_may_have_quotes():
    assert CommaSeparated('"a", \'b\', c') == ['a', 'b', 'c']
