"""What the guide says of hostile input to uploads, CORS and CSRF holds."""

import asyncio
import pathlib
import re

import pytest

from microdot import Microdot
from microdot.cors import CORS
from microdot.csrf import CSRF
from microdot.multipart import FormDataIter, with_form_data
from microdot.test_client import TestClient
from peers import converse

DOCS = pathlib.Path(__file__).resolve().parents[2] / 'docs' / 'guide'


def read_table(page, title):
    """Return the rows of the table under a title, as tuples of cells."""
    lines = (DOCS / page).read_text().split('\n')
    rows = []
    for line in lines[lines.index(title):]:
        if line.startswith('   * - '):
            rows.append([line[7:]])
        elif line.startswith('     - '):
            rows[-1].append(line[7:])
        elif rows and line and not line.startswith(' '):
            break
    return [tuple(row) for row in rows[1:]]


def ask(app, method='POST', headers=None, body=None, **kwargs):
    return asyncio.run(TestClient(app, **kwargs).request(
        method, '/', headers, body))


# ---------------------------------------------------------------------- cors

def origins(cell):
    """Return the values of the header that a cell speaks of."""
    if cell == 'none, or empty':
        return [None, '']
    if cell == 'two of these headers':
        return [['https://example.com', 'https://evil.com']]
    if cell == 'one with a control character':
        return ['https://example.com\x01']
    return [cell.strip('`')]


@pytest.mark.parametrize(
    'cell, answer', read_table('cors.rst', 'What is not allowed'))
def test_cors(cell, answer):
    app = Microdot()
    CORS(app, ['https://example.com'], allow_credentials=True)
    app.get('/')(lambda request: 'x')
    for origin in origins(cell):
        headers = {} if origin is None else {'Origin': origin}
        if answer == '400':
            # (the test client would not send it)
            answered = asyncio.run(converse(app, (
                'GET / HTTP/1.1\r\nHost: a\r\nOrigin: %s\r\n\r\n'
                % origin).encode()))
            assert answered.startswith(b'HTTP/1.1 400 ')
            continue
        assert answer == '``Vary``'
        response = ask(app, 'GET', headers)
        assert response.status_code == 200
        assert [name for name in response.headers
                if name.startswith('Access-') or name == 'Vary'] == ['Vary']
        assert response.headers['Vary'] == 'Origin'


# ---------------------------------------------------------------------- csrf

def values(cell):
    """Return the values of a header that a cell speaks of."""
    if cell == 'any':
        return [None, 'same-origin', 'same-site', 'cross-site', '']
    named = {'none': [None], 'not listed': ['https://evil.com'],
             'anything else': ['x', ''], 'empty': ['']}
    found = []
    # (commas also are in values)
    for quoted, word in re.findall('``(.*?)``|([a-z ]+)', cell):
        word = word.strip().removeprefix('or ')
        found += [quoted] if quoted else named[word] if word else []
    return found


@pytest.mark.parametrize('site, origin, answer', read_table(
    'csrf.rst', 'What is refused'))
def test_csrf(site, origin, answer):
    app = Microdot()
    CSRF(app, CORS(allowed_origins=['https://example.com:8443']))
    app.post('/')(lambda request: 'x')
    for site_value in values(site):
        for origin_value in values(origin):
            headers = {name: value for name, value in (
                ('Sec-Fetch-Site', site_value), ('Origin', origin_value))
                if value is not None}
            status = ask(app, headers=headers, host='device.local').status_code
            assert status == (403 if answer == '403' else 200), headers
    assert answer in ('403', 'let through')


# ----------------------------------------------------------------- multipart

PART = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
FILE = PART.replace(b'"a"', b'"a"; filename="f"')
END = b'--b--\r\n'


def changed(old, new):
    return (PART + END).replace(old, new)


#: By the row: bodies, or pairs of a parameter of the type and a body.
FORMS = {
    'without a boundary in its type, or one that RFC 2046 does not allow': [
        ('', PART + END), ('boundary=', PART + END),
        ('boundary=b#', PART.replace(b'--b', b'--b#') + END),
        ('boundary=' + 'b' * 71, PART + END)],
    'whose type has a parameter twice, or a quote that does not end': [
        ('boundary=b; boundary=b', PART + END), ('boundary="b', PART + END)],
    'that ends before its last boundary': [PART, PART + END[:-4], b'--b'],
    'with lines that end in a bare LF': [changed(b'\r', b'')],
    'with text after a boundary': [PART + b'--bb\r\n' + END],
    'with a part without a name, or without ``Content-Disposition``': [
        changed(b'; name="a"', b''), changed(b'-Disposition', b'-Type')],
    'with a part that has a header or a parameter twice': [
        changed(b'"\r\n\r\n', b'"\r\nX: 1\r\nX: 1\r\n\r\n'),
        changed(b'"a"', b'"a"; name="a"')],
    'with folded lines or control characters in the head of a part': [
        changed(b'; ', b';\r\n '), changed(b'"a"', b'"a\0"'),
        changed(b'"a"', b'"a\x1b"')],
    'with a part that has a ``Content-Transfer-Encoding`` such as '
    '``base64``': [changed(
        b'\r\n\r\n', b'\r\nContent-Transfer-Encoding: base64\r\n\r\n')],
    'with a ``filename*`` that is badly encoded': [
        changed(b'"a"', b"\"a\"; filename*=utf-8''%zz"),
        changed(b'"a"', b"\"a\"; filename*=utf-8''%ff")],
    'with more parts than ``max_parts``': [
        PART * (FormDataIter.max_parts + 1) + END],
    'with a head of a part that does not end within ``max_header_size``': [
        b'--b\r\n' + b'x' * (FormDataIter.max_header_size + 4)],
    'with a text field longer than ``max_field_size``': [
        changed(b'x', b'x' * (FormDataIter.max_field_size + 1))],
    'with more text or files than ``with_form_data`` keeps': [
        FILE * (FormDataIter.max_files + 1) + END,
        changed(b'x', b'x' * (FormDataIter.max_form_size // 2 + 1)).replace(
            END, b'') * 2 + END],
    'whose client leaves in the middle': [],
}


def test_the_table_of_forms_is_complete():
    assert [row for row, _ in read_table(
        'multipart.rst', 'What is refused')] == list(FORMS)


@pytest.mark.parametrize('row, answer', read_table(
    'multipart.rst', 'What is refused'))
def test_forms(row, answer):
    app = Microdot()

    @app.post('/', max_content_length=10 ** 7)
    @with_form_data
    async def show(request):
        return 'x'

    for form in FORMS[row]:
        options, body = form if isinstance(form, tuple) else (
            'boundary=b', form)
        response = ask(app, headers={
            'Content-Type': 'multipart/form-data; ' + options}, body=body)
        assert str(response.status_code) == answer
        assert response.text.startswith(
            'Malformed form' if answer == '400' else 'See FormDataIter.max_')
    if not FORMS[row]:
        assert answer.startswith('nothing; ')
        with pytest.raises(ValueError):  # there is no answer
            ask(app, headers={'Content-Type':
                              'multipart/form-data; boundary=b',
                              'Content-Length': '99999'}, body=FILE)
