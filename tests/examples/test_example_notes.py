"""The notes, and the steps by which the tutorial comes to them."""

import asyncio
import difflib
import importlib
import re
import shutil
import subprocess
import sys

import pytest

from browser import browser, needs_browser  # noqa: F401
from command import Command
from microdot import password
from microdot.jinja import Template
from microdot.test_client import TestClient
from servers import TOP

NOTES = TOP / 'examples' / 'notes'
TUTORIAL = TOP / 'docs' / 'start' / 'tutorial'
#: The states of the application, by the number of the chapter.
STEPS = {**{number: TUTORIAL / ('step%d' % number) for number in range(1, 6)},
         6: NOTES}
OWN = ('app', 'database')


def copy(number, folder):
    """Copy a step, so that what it writes is not in the checkout."""
    return shutil.copytree(
        STEPS[number], folder / 'notes', ignore=shutil.ignore_patterns(
            '__pycache__', '*.sqlite*', '.env'))


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Import the application of a step."""
    monkeypatch.setattr(password, 'default_iterations', 1000)
    monkeypatch.setattr(Template, 'jinja_env', None)

    def load(number):
        monkeypatch.syspath_prepend(copy(number, tmp_path))
        importlib.invalidate_caches()
        return importlib.import_module('app').app

    yield load
    for name in OWN:
        sys.modules.pop(name, None)


def use(app, function):
    """Run ``function(client)`` while the application is up."""
    async def main():
        async with TestClient(app) as client:
            await function(client)
    asyncio.run(main())


async def sign_up(client, name='ada'):
    response = await client.post('/signup', form={
        'name': name, 'password': 'correct horse'})
    assert response.headers['Location'] == '/'


def test_first_step_answers_as_json(load):
    async def check(client):
        response = await client.post('/notes', json={'text': 'Buy milk'})
        assert response.status_code == 201
        response = await client.post('/notes', json={'text': ''})
        assert response.status_code == 422
        response = await client.get('/')
        assert response.json == {
            'notes': ['Water the plants', 'Call Ada', 'Buy milk']}
        assert (await client.get('/notes/2')).text == 'Buy milk'
        assert (await client.get('/notes/3')).status_code == 404

    use(load(1), check)


@pytest.mark.parametrize('number', range(2, 7))
def test_step_adds_shows_and_deletes(load, number):
    async def check(client):
        if number >= 4:
            await sign_up(client)
        response = await client.post(
            '/notes', form={'text': 'Tea & <b>cake</b>'})
        assert response.headers['Location'] == '/'
        for form in {'text': ''}, {'text': 501 * 'x'}, {'other': 'x'}:
            response = await client.post('/notes', form=form)
            assert response.status_code == 422
        assert (await client.post('/notes')).status_code == 415
        text = (await client.get('/')).text
        assert 'Tea &amp; &lt;b&gt;cake&lt;/b&gt;' in text
        which = text.count('<li>')
        assert which == (3 if number == 2 else 1)
        response = await client.post('/notes/%d/delete' % which)
        assert response.headers['Location'] == '/'
        assert 'cake' not in (await client.get('/')).text
        response = await client.post('/notes/%d/delete' % which)
        assert response.status_code == 404
        response = await client.get('/static/style.css')
        assert response.headers['Content-Type'].startswith('text/css')

    use(load(number), check)


def test_database_outlives_the_program(load, tmp_path):
    async def add(client):
        await client.post('/notes', form={'text': 'kept'})

    async def check(client):
        assert 'kept' in (await client.get('/')).text

    app = load(3)
    use(app, add)
    use(app, check)
    assert (tmp_path / 'notes' / 'notes.sqlite').exists()


@pytest.mark.parametrize('number', [4, 5, 6])
def test_step_lets_in_who_has_the_password(load, number):
    async def check(client):
        response = await client.get('/')
        assert response.headers['Location'] == '/login?next=/'
        for name, secret in ('', 'correct horse'), ('ada', 'short'):
            response = await client.post(
                '/signup', form={'name': name, 'password': secret})
            assert response.status_code == 422
        await sign_up(client)
        await client.post('/logout')
        assert (await client.get('/')).status_code == 302
        form = {'name': 'ada', 'password': 'wrong'}
        for _ in range(10):
            response = await client.post('/login', form=form)
            assert response.status_code == 403
        response = await client.post('/login', form=form)
        assert response.status_code == 429

    use(load(number), check)


@pytest.mark.parametrize('number', [4, 5, 6])
def test_step_keeps_users_apart(load, number):
    async def check(client):
        await sign_up(client)
        await client.post('/notes', form={'text': 'secret'})
        other = TestClient(client.app)
        await sign_up(other, 'grace')
        assert 'secret' not in (await other.get('/')).text
        assert (await other.post('/notes/1/delete')).status_code == 404
        assert 'secret' in (await client.get('/')).text

    use(load(number), check)


def test_last_step_passes_the_tests_that_it_has(tmp_path):
    folder = copy(6, tmp_path)
    result = subprocess.run(
        [sys.executable, '-m', 'unittest'], cwd=folder, timeout=120,
        env={'PYTHONPATH': str(TOP / 'src')}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout
    assert 'Ran 7 tests' in result.stdout


def test_health_is_told(load):
    async def check(client):
        response = await client.get('/health')
        assert response.json == {'status': 'ok', 'failed': []}
        assert 'Content-Security-Policy' in response.headers

    use(load(6), check)


def test_files_are_those_of_the_step_before_unless_the_chapter_says():
    for number, names in {
            3: ['static/style.css', 'templates/base.html',
                'templates/list.html', 'templates/notes.html'],
            4: ['static/style.css', 'templates/list.html',
                'templates/notes.html'],
            5: ['database.py', 'static/style.css', 'templates/base.html',
                'templates/list.html', 'templates/login.html',
                'templates/signup.html'],
            6: ['static/live.js', 'static/style.css', 'templates/base.html',
                'templates/list.html', 'templates/login.html',
                'templates/notes.html', 'templates/signup.html']}.items():
        for name in names:
            assert (STEPS[number] / name).read_bytes() == (
                STEPS[number - 1] / name).read_bytes(), (number, name)


@needs_browser
def test_open_page_follows_what_another_does(tmp_path, browser):  # noqa: F811
    folder = copy(6, tmp_path)
    with Command('run', '--port', '0', cwd=folder) as command:
        url = 'http://%s:%s/' % command.address()
        one = browser.open(url + 'signup')
        one.fill('[name=name]', 'ada')
        one.fill('[name=password]', 'correct horse')
        one.click('main button')
        one.wait_for('!!document.querySelector("#notes")')
        two = browser.open(url)
        two.wait_for('!!document.querySelector("#notes")')
        two.fill('[name=text]', 'from the other window')
        two.click('main button')
        one.wait_for('document.body.innerText.includes('
                     '"from the other window")')
        one.click('#notes button')
        two.wait_for('!document.body.innerText.includes('
                     '"from the other window")')


# ------------------------------------------------------------------- chapters

CHAPTERS = ('answer', 'pages', 'database', 'users', 'live', 'ready')
INCLUDE = re.compile(r'^\.\. literalinclude:: (\S+)\n((?:   :.*\n)*)',
                     re.MULTILINE)


def code_of(path):
    """Return a file without the text at its top that says how to run it."""
    text = path.read_text()
    return re.sub(r'\A""".*?"""\n', '', text, flags=re.DOTALL)


def included(text, options):
    """Return the lines that a ``literalinclude`` shows of a text."""
    lines = text.split('\n')
    if 'pyobject' in options:
        start = next(number for number, line in enumerate(lines)
                     if line.startswith('def ' + options['pyobject']))
        end = next((number for number in range(start + 1, len(lines))
                    if lines[number][:1].strip()), len(lines))
        return lines[start:end]
    start = 0
    if 'start-at' in options:
        start = next(number for number, line in enumerate(lines)
                     if options['start-at'] in line)
    for name, more in ('end-before', 0), ('end-at', 1):
        if name in options:
            return lines[start:more + next(
                number for number in range(start + 1, len(lines))
                if options[name] in lines[number])]
    return lines[start:]


def inclusions(text):
    """Yield the files that a chapter includes, each with the options."""
    for match in INCLUDE.finditer(text):
        yield (TUTORIAL / match[1]).resolve(), dict(
            line.strip()[1:].split(': ', 1)
            for line in match[2].splitlines())


@pytest.mark.parametrize('number', range(2, 7))
def test_chapter_marks_the_lines_that_are_new(number):
    text = (TUTORIAL / (CHAPTERS[number - 1] + '.rst')).read_text()
    for path, options in inclusions(text):
        if 'emphasize-lines' not in options:
            continue
        before = STEPS[number - 1] / path.relative_to(STEPS[number])
        old = before.read_text().split('\n')
        lines = included(path.read_text(), options)
        marked = set()
        for part in options['emphasize-lines'].split(', '):
            first, _, last = part.partition('-')
            marked.update(range(int(first), int(last or first) + 1))
        new = {count + 1 for tag, _, _, first, end in difflib.SequenceMatcher(
            None, old, lines, False).get_opcodes() if tag != 'equal'
            for count in range(first, end) if lines[count].strip()}
        assert marked == new, path


@pytest.mark.parametrize('number', range(1, 7))
def test_chapter_shows_each_line_that_is_new(number):
    text = (TUTORIAL / (CHAPTERS[number - 1] + '.rst')).read_text()
    shown = {}
    for path, options in inclusions(text):
        shown.setdefault(path, []).extend(
            included(path.read_text(), options))
    whole = {(TUTORIAL / target).resolve() for target in re.findall(
        r':download:`[^`]*<([^>]+\.(?:html|css))>`', text)}
    missing = []
    for path in sorted(STEPS[number].rglob('*')):
        name = path.relative_to(STEPS[number])
        if path in whole or path.suffix not in (
                '.py', '.html', '.js', '.css'):
            continue
        before = STEPS.get(number - 1, TUTORIAL / 'none') / name
        old = before.read_text().split('\n') if before.exists() else []
        missing += [
            '%s: %s' % (name, line)
            for line in code_of(path).split('\n')
            if line.strip() and not line.startswith('# ---')
            and line not in old
            and line not in shown.get(path, ())
            and '``%s``' % line not in text]
    assert missing == []


def code(lines):
    """Return lines without empty ones and those that divide a file."""
    return [line for line in lines
            if line.strip() and not line.startswith('# ---')]


def parts_of(number, name):
    """Return the parts of a file that a chapter shows, in its order."""
    text = (TUTORIAL / (CHAPTERS[number - 1] + '.rst')).read_text()
    return [code(included(path.read_text(), options))
            for path, options in inclusions(text) if path.name == name]


def split(lines, beginning):
    """Return the lines above the first with a beginning, and the others."""
    place = next(number for number, line in enumerate(lines)
                 if line.startswith(beginning))
    return lines[:place], lines[place:]


def replace_above(lines, beginning, new):
    return new + split(lines, beginning)[1]


def replace_from(lines, beginning, end, new):
    above, below = split(lines, beginning)
    return above + new + (split(below, end)[1] if end else [])


def add_above(lines, beginning, new):
    above, below = split(lines, beginning)
    return above + new + below


def follow_database(app, database):
    head, handlers = parts_of(3, 'app.py')
    app = replace_above(app, '@app.get', head)
    return (replace_from(app, '@app.get', 'if __name__', handlers),
            split(parts_of(3, 'database.py')[0], 'import contextlib')[1])


def follow_users(app, database):
    head, users, notes = parts_of(4, 'database.py')
    database = replace_above(database, '@contextlib', head)
    database = add_above(database, 'def list_notes', users)
    database = replace_from(database, 'def list_notes', None, notes)
    head, users, notes = parts_of(4, 'app.py')
    app = replace_above(app, '@app.get', head)
    app = add_above(app, '@app.get', users)
    return (replace_from(app, "@app.get('/')", 'if __name__', notes),
            database)


def follow_live(app, database):
    hub, tell, changes, show_list, events = parts_of(5, 'app.py')
    imports = re.findall('``(from [^`]*)``',
                         (TUTORIAL / 'live.rst').read_text())
    for line, below in zip(imports, ('from microdot.session',
                                     'from microdot.static')):
        app = add_above(app, below, [line])
    app = replace_from(app, 'login = ', 'Template.', hub)
    app = add_above(app, "@app.get('/')", tell)
    app = replace_from(app, "@app.post('/notes')", 'if __name__', changes)
    app = add_above(app, "@app.post('/notes')", show_list)
    return add_above(app, 'if __name__', events), database


def follow_ready(app, database):
    app = replace_above(app, 'def page', parts_of(6, 'app.py')[0])
    return app, add_above(database, 'def add_user',
                          parts_of(6, 'database.py')[0])


@pytest.mark.parametrize('number, follow', [
    (3, follow_database), (4, follow_users), (5, follow_live),
    (6, follow_ready)])
def test_doing_what_the_chapter_says_gives_its_step(number, follow):
    """The functions do with the parts what the text around them says."""
    def read(number, name):
        path = STEPS[number] / name
        return code(code_of(path).split('\n')) if path.exists() else []

    app, database = follow(read(number - 1, 'app.py'),
                           read(number - 1, 'database.py'))
    assert app == read(number, 'app.py')
    assert database == read(number, 'database.py')
