"""The registry of types of routes, as CPython has it."""

import re

from microdot import URLPattern


def test_each_type_has_an_expression(monkeypatch):
    monkeypatch.setattr(URLPattern, 'segment_parsers',
                        dict(URLPattern.segment_parsers))
    monkeypatch.setattr(URLPattern, 'segment_patterns',
                        dict(URLPattern.segment_patterns))
    URLPattern.register_type('hex', '[0-9a-f]+', lambda text: int(text, 16))
    assert URLPattern.segment_patterns['hex'] == '[0-9a-f]+'
    assert {'string', 'path', 'int', 'float', 'hex'} <= set(
        URLPattern.segment_patterns)
    assert URLPattern('/<hex:n>').match('/ff') == {'n': 255}


def test_expressions_and_parsers_agree():
    for text in ('1', '-1', '1.5', '1.', 'a', '', '-', '.5', '1e5'):
        for name in ('int', 'float'):
            parsed = URLPattern.segment_parsers[name](text)
            matched = re.fullmatch(URLPattern.segment_patterns[name], text)
            assert (parsed is not None) == bool(matched), (name, text)
