"""What docs/start/board.rst says of files that are copied by hand holds.

A folder has the core and the files of one row of the page, and nothing else;
MicroPython serves with it, and does what that row tells.
"""
import http.client
import re
import shutil
import subprocess

import pytest

import servers
from servers import TOP

SOURCES = TOP / 'src' / 'microdot'
PAGE = (TOP / 'docs' / 'start' / 'board.rst').read_text()
SCRIPT = """
import sys

from microdot import Microdot, Response

app = Microdot()


@app.get('/cookies')
async def cookies(request):
    response = Response(request.cookies['a'])
    response.set_cookie('b', 'c')
    response.delete_cookie('d')
    return response


@app.get('/file')
async def file(request):
    return Response.send_file(__file__)


@app.get('/download')
async def download(request):
    return Response.send_file(__file__, download_name='x.py')


@app.get('/mount')
async def mount(request):
    app.mount(Microdot(), '/sub')
    return 'done'


@app.get('/pattern')
async def pattern(request):
    app.get('/<re:[a-z]+:name>')(print)
    return 'done'


@app.get('/url')
async def url(request):
    return app.url_for('url') + request.url_for('url')


@app.get('/json')
async def json(request):
    return str(request.get_json())


@app.get('/line', max_body_length=0)
async def line(request):
    return await request.stream.readline()


@app.get('/save')
async def save(request):
    await request.save(sys.argv[1] + '/saved')
    return 'done'


@app.get('/form')
async def form(request):
    from microdot.multipart import FileUpload
    await FileUpload('name', None, request.stream.read).save(
        sys.argv[1] + '/saved')
    return 'done'


@app.get('/middleware')
async def middleware(request):
    @app.middleware
    async def nothing(request, call_next):
        return await call_next(request)

    return 'done'


@app.get('/after')
async def after(request):
    request.after_response(print, 'after')
    return 'done'


app.run('127.0.0.1', int(sys.argv[2]), debug=True)
"""
#: By what a row begins with: what the program is asked for.
PATHS = {'request.cookies': ['/cookies'], 'send_file()': ['/file',
                                                          '/download'],
         'mount()': ['/mount'], '<re:...>': ['/pattern'],
         'url_for()': ['/url'], 'request.get_json()': ['/json', '/line'],
         'request.save()': ['/save'], 'save()': ['/form'],
         '@app.middleware': ['/middleware'],
         'after_response()': ['/after']}
ROWS = {row[0]: re.findall('``([a-z]+)``', row[2]) for row in re.findall(
    r'^   \* - ``(.*?)``(.*)\n     - (.*)$',
    PAGE.partition('What needs a file')[2].partition('any other')[0], re.M)}


def ask(folder, paths, shown=''):
    """Serve with what is in a folder. Return the answers and what was
    printed, when a text is in that."""
    script = folder / 'program.py'
    script.write_text(SCRIPT)
    answers = []
    with servers.serve(servers.boards()[0], script=script, path=folder,
                       before=[str(folder)]) as child:
        for path in paths:
            client = http.client.HTTPConnection('127.0.0.1', child.port,
                                                timeout=20)
            client.request('GET', path, b'[1]', {
                'Cookie': 'a=b', 'Content-Type': 'application/json'})
            answers.append(client.getresponse().status)
            client.close()
        servers.wait_until(lambda: shown in child.output, shown)
        return answers, child.output


def copy(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        shutil.copy(SOURCES / (name + '.py'), folder)


def test_the_rows_are_those_that_are_tried():
    assert set(ROWS) == set(PATHS)


@pytest.fixture(params=['beside the core', 'in a folder'])
def put(request, tmp_path):
    """Returns a function that copies the core, and the files with the given
    names, as they may be."""
    def put(*names):
        if request.param == 'in a folder':
            copy(tmp_path / 'microdot', '__init__', 'microdot', *names)
        else:
            copy(tmp_path, 'microdot', *names)
    return put


@pytest.mark.parametrize('use', sorted(PATHS))
def test_a_row_names_what_is_needed(use, put, tmp_path):
    put(*ROWS[use])
    answers, output = ask(tmp_path, PATHS[use])
    assert answers == [200] * len(answers)
    assert 'Error' not in output


@pytest.mark.parametrize('use', sorted(PATHS))
def test_the_console_names_what_is_missing(use, put, tmp_path):
    *names, missing = ROWS[use]
    put(*names)
    text = ('or no methods.py' if missing == 'methods'
            else "no module named 'microdot.%s'" % missing)
    answers, output = ask(tmp_path, PATHS[use], text)
    # (what runs after a response can only fail then)
    assert answers[-1] == (200 if use == 'after_response()' else 500)


def test_what_the_console_says_is_on_the_page(put, tmp_path):
    put()
    answers, output = ask(tmp_path, ['/cookies'])
    text = 'AttributeError: no cookies, or no methods.py'
    assert text in output
    assert '``%s``' % text in PAGE


def test_extensions_work_beside_the_core(tmp_path):
    copy(tmp_path, 'microdot', 'methods', 'cookies', 'session', 'helpers',
         'sse', 'websocket')
    shutil.copy(TOP / 'libs' / 'micropython' / 'hmac.py', tmp_path)
    (tmp_path / 'uses.py').write_text(
        'import microdot\n'
        'from microdot import session, sse, websocket\n'
        'from microdot.microdot import Microdot\n'
        'assert Microdot is microdot.Microdot\n'
        'session.Session(Microdot(), "x" * 32)\n'
        'print("works")\n')
    done = subprocess.run(
        [*servers.boards()[0].command, tmp_path / 'uses.py'], timeout=60,
        env={'MICROPYPATH': '%s:.frozen' % tmp_path}, capture_output=True,
        text=True)
    assert (done.returncode, done.stdout) == (0, 'works\n')
