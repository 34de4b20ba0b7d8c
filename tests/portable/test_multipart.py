"""Forms with files: what handlers get, and what becomes of the files."""

import io
import os
import unittest

import microdot.multipart as multipart
from helpers import change, run
from microdot.microdot import HTTPException, Request, abort
from microdot.multipart import (
    FileUpload,
    FormDataIter,
    MultipartError,
    getlist,
    with_form_data,
)
from microdot.test_client import TestClient
from peers import Recorder

NEEDS_EVENT_LOOP = False
HAS_FILES = hasattr(os, 'urandom')
TYPE = 'multipart/form-data; boundary=b'
LARGE = b'0123456789' * 110


def part(name, value, *more):
    """Return a part of a body, for the boundary b."""
    lines = ['--b', 'Content-Disposition: form-data; name="%s"' % name]
    if more:
        lines[-1] += '; filename="%s"' % more[0]
        lines += more[1:]
    return '\r\n'.join(lines).encode() + b'\r\n\r\n' + (
        value if isinstance(value, bytes) else value.encode()) + b'\r\n'


def body(*parts):
    return b''.join(parts) + b'--b--\r\n'


def post(handler, data, content_type=TYPE, path='/', **kwargs):
    """Return the response of a handler to a form."""
    app = Recorder()
    app.post('/', max_content_length=100000)(handler)
    app.get('/')(handler)
    headers = {'Content-Type': content_type} if content_type else {}
    method = kwargs.pop('method', 'POST')
    res = run(TestClient(app).request(method, path, headers, data, **kwargs))
    res.app = app
    return res


async def show(request):
    """Say what is in a form."""
    found = []
    async for name, value in FormDataIter(request):
        if isinstance(value, FileUpload):
            found.append([name, value.filename, value.content_type,
                          len(await value.read())])
        else:
            found.append([name, value])
    return found


@with_form_data
async def whole(request):
    form = request.form and sorted(dict(request.form).items())
    files = []
    for name in sorted(request.files or ()):
        upload = request.files[name]
        files.append([name, upload.filename, upload.content_type, upload.size,
                      len(await upload.read())])
    return {'form': form, 'files': files}


class LimitsTestCase(unittest.TestCase):
    """Puts the settings back that a test changes."""

    def setUp(self):
        # One LARGE file is kept in memory, two of them stay on the stream.
        self.change(Request, 'max_body_length', 2000)

    def change(self, cls, name, value):
        change(self, cls, name, value)

    def folder(self):
        """Use a new folder for temporary files, soon, and return its path."""
        path = '/tmp/microdot-%s' % ''.join(
            ['%02x' % byte for byte in os.urandom(8)])
        os.mkdir(path)
        self.addCleanup(os.rmdir, path)  # fails if something is left
        self.change(FileUpload, 'temp_dir', path)
        self.change(FileUpload, 'max_memory_size', 1000)
        return path


class TestFormDataIter(LimitsTestCase):
    def test_fields_and_files_in_order(self):
        res = post(show, body(
            part('z', '1'), part('f', 'hello', 'f.txt',
                                 'Content-Type: text/plain; charset=x'),
            part('a', '\u20ac\r\n'), part('a', ''), part('g', b'', '')))
        self.assertEqual(res.json, [
            ['z', '1'], ['f', 'f.txt', 'text/plain; charset=x', 5],
            ['a', '\u20ac\r\n'], ['a', ''], ['g', '', None, 0]])

    def test_form_of_the_test_client(self):
        res = post(show, None, None, form=[('a', 'x'), ('b', ['1', '2'])],
                   files={'f': ('\u20ac.txt', LARGE)})
        self.assertEqual(res.json, [
            ['a', 'x'], ['b', '1'], ['b', '2'],
            ['f', '\u20ac.txt', 'text/plain', len(LARGE)]])

    def test_ways_to_say_the_type(self):
        """S17, S18: most of these hung, or were not seen."""
        data = body(part('a', 'x'))
        for content_type in (
                'multipart/form-data;boundary=b',
                'multipart/form-data; boundary="b"',
                'Multipart/Form-Data ; Boundary=b',
                'multipart/form-data; charset=utf-8; boundary=b; x="y;z"'):
            with self.subTest(content_type=content_type):
                self.assertEqual(post(show, data, content_type).json,
                                 [['a', 'x']])
        for boundary in ("0aZ'()+_,-./:=? z", '=' * 70, '----WebKit7MA4YWx'):
            res = post(show, data.replace(b'--b', b'--' + boundary.encode()),
                       'multipart/form-data; boundary="%s"' % boundary)
            self.assertEqual(res.json, [['a', 'x']])

    def test_other_requests_have_no_parts(self):
        for content_type, data in (
                ('application/json', b'{}'), (None, b'x'), ('', b'x'),
                ('application/x-www-form-urlencoded', b'a=b'),
                ('text/plain; "', b'x'), ('multipart/mixed; boundary=b',
                                          body(part('a', 'x')))):
            with self.subTest(content_type=content_type):
                self.assertEqual(post(show, data, content_type).json, [])

    def test_no_body_is_no_form(self):
        """S17: it hung."""
        for method in ('POST', 'GET'):
            for content_type in (TYPE, 'multipart/form-data'):
                self.assertEqual(
                    post(show, None, content_type, method=method).json, [])

    def hostile(self):
        small = part('a', 'x')
        bad = 'multipart/form-data; boundary='
        yield ('no boundary', body(small), 'multipart/form-data', 400)
        yield ('empty boundary', body(small), bad, 400)
        yield ('quoted empty boundary', body(small), bad + '""', 400)
        yield ('quote without end', body(small), bad + '"b', 400)
        yield ('two boundaries', body(small), bad + 'b; boundary=c', 400)
        yield ('boundary of 71', body(small), bad + 'b' * 71, 400)
        yield ('boundary with a line end', body(small), bad + '"b\xe9"',
               400)
        yield ('space at the end', body(small), bad + '"b "', 400)
        yield ('another boundary', body(small), bad + 'c', 400)
        yield ('only a line end', b'\r\n', TYPE, 400)
        yield ('not a form', b'hello', TYPE, 400)
        yield ('truncated', small, TYPE, 400)
        yield ('truncated in a file', part('f', LARGE, 'f'), TYPE, 400)
        yield ('truncated in a delimiter', body(small)[:-4], TYPE, 400)
        yield ('text after a boundary', small + b'--bc\r\n' + body(small),
               TYPE, 400)
        yield ('no name', b'--b\r\nContent-Disposition: form-data\r\n\r\nx'
               b'\r\n--b--', TYPE, 400)
        yield ('two names', body(small.replace(b'"a"', b'"a"; name="b"')),
               TYPE, 400)
        yield ('coding', body(part(
            'f', 'eA==', 'f', 'Content-Transfer-Encoding: base64')),
               TYPE, 400)
        yield ('NUL in a file name', body(part('f', 'x', 'a\0b')), TYPE,
               400)
        yield ('folded head', body(small.replace(b'; ', b';\r\n ')), TYPE,
               400)
        yield ('bare LF', body(small).replace(b'\r', b''), TYPE, 400)
        yield ('six parts', body(*[small] * 6), TYPE, 413)
        yield ('parts without end', small * 60, TYPE, 413)
        yield ('head without end', b'--b\r\n' + b'x' * 2500, TYPE, 413)
        yield ('long name', body(part('n' * 200, '')), TYPE, 413)
        yield ('long field', body(part('a', 'x' * 301)), TYPE, 413)
        yield ('field without end', part('a', LARGE), TYPE, 413)
        yield ('long fields', body(*[part('a', 'x' * 299)] * 3), TYPE, 413)
        yield ('three files', body(*[part('f', 'x', 'f')] * 3), TYPE, 413)

    def test_hostile_bodies(self):
        """S17, S18: some hung, some were answered with 500."""
        self.change(FormDataIter, 'max_parts', 5)
        self.change(FormDataIter, 'max_header_size', 200)
        self.change(FormDataIter, 'max_field_size', 300)
        self.change(FormDataIter, 'max_form_size', 700)
        self.change(FormDataIter, 'max_files', 2)
        self.change(FileUpload, 'max_memory_size', 100000)
        for name, data, content_type, status in self.hostile():
            for handler in (whole, show):
                if handler is show and name in ('long fields', 'three files'):
                    continue  # these are limits of what is kept
                for wire in (data, iter([data])):
                    with self.subTest(name=name):
                        res = post(handler, wire, content_type)
                        self.assertEqual(res.status_code, status)
                        self.assertEqual(
                            res.text[:20],
                            'Malformed form' if status == 400
                            else 'See FormDataIter.max')
                        self.assertEqual(res.app.logged, [])

    def test_text_before_and_after_does_not_matter(self):
        data = body(part('a', 'x'))
        for wire in (b'hello\r\n' + data, data + b'more', b'\r\n' + data,
                     data + LARGE):
            self.assertEqual(post(show, wire).json, [['a', 'x']])

    def test_content_that_looks_like_a_boundary(self):
        """S18: it was answered with 400."""
        value = 'x--b\r\n-b\r\n--c--b--\r\n'
        self.assertEqual(post(show, body(part('a', value))).json,
                         [['a', value]])

    def test_text_that_is_not_utf_8(self):
        """S18: it was answered with 500."""
        self.assertEqual(post(show, body(part('a', b'\xe9'))).json,
                         [['a', '\xe9']])

    def test_body_in_chunks(self):
        data = body(part('a', 'x'), part('f', LARGE, 'f.bin'))
        pieces = [data[i:i + 1000] for i in range(0, len(data), 1000)]
        self.assertEqual(post(show, iter(pieces)).json,
                         [['a', 'x'], ['f', 'f.bin', None, len(LARGE)]])

    def test_any_size_of_buffer(self):
        data = body(part('a', 'x'), part('f', '0123456789', 'f.bin'),
                    part('b', 'y'))
        for size in (1, 2, 3, 7, 50, 5000):
            self.change(FormDataIter, 'buffer_size', size)
            with self.subTest(size=size):
                self.assertEqual(post(show, data).json, [
                    ['a', 'x'], ['f', 'f.bin', None, 10], ['b', 'y']])

    def test_files_may_be_read_in_part_or_not_at_all(self):
        data = body(part('f', LARGE, 'f'), part('g', LARGE, 'g'),
                    part('a', 'x'))

        async def some(request):
            pieces = []
            async for _, value in FormDataIter(request):
                if isinstance(value, FileUpload):
                    if value.filename == 'f':
                        pieces.append((await value.read(4)).decode())
                        pieces.append((await value.read(0)).decode())
                        pieces.append((await value.read(3)).decode())
                else:
                    pieces.append(value)
            return pieces

        self.assertEqual(post(some, data).json, ['0123', '', '456', 'x'])

    def test_reading_gives_no_more_than_is_asked_for(self):
        async def sizes(request):
            sizes = []
            async for _, value in FormDataIter(request):
                while True:
                    data = await value.read(7)
                    if not data:
                        break
                    sizes.append(len(data))
            return [max(sizes), sum(sizes)]

        self.assertEqual(post(sizes, body(part('f', LARGE, 'f'))).json,
                         [7, len(LARGE)])

    def test_file_that_was_passed_by_is_an_error(self):
        async def keep(request):
            kept = []
            async for _, value in FormDataIter(request):
                kept.append(value)
            for method in (kept[0].read, kept[0].copy):
                try:
                    await method()
                except ValueError:
                    kept.append(None)
            return '%d' % len(kept)

        self.assertEqual(post(keep, body(part('f', 'x', 'f'),
                                         part('a', 'x'))).text, '4')

    def test_iterator_may_be_left_and_taken_up(self):
        async def two(request):
            form = FormDataIter(request)
            found = []
            async for name, value in form:
                found.append(value)
                break
            async for name, value in form:
                found.append(value)
            async for name, value in form:
                found.append('never')
            async for name, value in FormDataIter(request):
                found.append('never')
            return found

        self.assertEqual(
            post(two, body(*[part('a', str(i)) for i in range(3)])).json,
            ['0', '1', '2'])

    def test_error_comes_again(self):
        async def insist(request):
            form = FormDataIter(request)
            count = 0
            for _ in range(3):
                try:
                    async for _ in form:
                        pass
                except MultipartError:
                    count += 1
            return '%d' % count

        self.assertEqual(post(insist, part('a', 'x') + b'--b?').text, '3')

    def test_client_that_leaves(self):
        self.change(Request, 'max_body_length', 100)

        async def seen(request):
            try:
                return await show(request)
            finally:
                request.app.ended = True

        app = Recorder()
        app.post('/', max_content_length=100000)(seen)
        data = body(part('f', LARGE, 'f'))
        with self.assertRaises(ValueError):  # there is no answer
            run(TestClient(app).post('/', {
                'Content-Type': TYPE, 'Content-Length': str(len(data))},
                data[:-100]))
        self.assertTrue(app.ended)
        self.assertEqual(app.logged, [])


class TestLimits(LimitsTestCase):
    """At the limit, one over, far over."""

    def check(self, handler, name, make, value, far):
        self.change(FormDataIter, name, value)
        self.change(FileUpload, 'max_memory_size', 100000)
        for size, status in ((value, 200), (value + 1, 413), (far, 413)):
            with self.subTest(size=size):
                res = post(handler, make(size))
                self.assertEqual(res.status_code, status)
                if status == 413:
                    self.assertEqual(res.text, 'See FormDataIter.' + name)

    def test_parts(self):
        self.check(show, 'max_parts', lambda n: body(*[part('', '')] * n), 10,
                   100)

    def test_header_size(self):
        # the line end after the boundary, and what is around the name
        rest = len(part('', '')) - len('--b' + '\r\n\r\n' + '\r\n')
        self.check(show, 'max_header_size',
                   lambda n: body(part('n' * (n - rest), '')), 100, 3000)

    def test_field_size(self):
        self.check(show, 'max_field_size',
                   lambda n: body(part('a', 'x' * n)), 500, 2000)

    def test_form_size(self):
        self.check(whole, 'max_form_size', lambda n: body(
            part('ab', 'x' * 100), part('cde', 'x' * (n - 106), 'f'),
            part('f', 'x' * (n - 106))), 300, 1000)

    def test_files(self):
        self.check(whole, 'max_files',
                   lambda n: body(*[part('f', 'x', 'f')] * n), 3, 50)

    def test_total(self):
        self.change(FileUpload, 'max_memory_size', 100000)
        app = Recorder()
        app.post('/')(whole)
        self.change(Request, 'max_content_length', 2000)
        for size, status in ((2000, 200), (2001, 413), (3500, 413)):
            data = body(part('f', b'', 'f'))
            data = body(part('f', b'x' * (size - len(data)), 'f'))
            res = run(TestClient(app).post('/', {'Content-Type': TYPE}, data))
            self.assertEqual(res.status_code, status)

    def test_what_is_held_of_a_slow_head(self):
        held = []

        class Slow:
            content_type = TYPE

            def __init__(self):
                self.stream = self
                self.count = 0

            async def read(self, n):
                self.count += 1
                if self.count == 1:
                    return b'--b\r\n'
                held.append(len(form._parser._data))
                return b'x'

        form = FormDataIter(Slow())
        with self.assertRaises(HTTPException):
            run(form.__anext__())
        self.assertEqual(max(held), FormDataIter.max_header_size + 3)


class TestNames(unittest.TestCase):
    def test_both_kinds_of_forms_give_the_same_key(self):
        # as browsers encode a quote and a line end in a name (WHATWG HTML,
        # section 4.10.21.8); a back-slash is one
        keys = []

        @with_form_data
        async def multipart(request):
            keys.append([(key, request.form[key]) for key in request.form])
            return 'done'

        async def urlencoded(request):
            keys.append([(key, request.form[key]) for key in request.form])
            return 'done'

        for name, encoded in (
                ('a%22b', 'a%22b'), ('a%0D%0Ab', 'a%0D%0Ab'),
                ('a\\', 'a%5C'), ('a%5Cb', 'a%255Cb'),
                ('\u00e4 +', '%C3%A4+%2B')):
            post(multipart, body(part(name, 'x')))
            post(urlencoded, encoded.encode() + b'=x',
                 'application/x-www-form-urlencoded')
            self.assertEqual(keys[-1], keys[-2])
            self.assertEqual(len(keys[-1]), 1)


class TestFileUpload(LimitsTestCase):
    def upload(self, content=b'', filename='f.txt'):
        stream = io.BytesIO(content)

        async def read(n=-1):
            return stream.read(n)

        return FileUpload(filename, 'text/plain', read)

    def test_attributes(self):
        upload = self.upload()
        self.assertEqual((upload.filename, upload.content_type),
                         ('f.txt', 'text/plain'))
        self.assertIsNone(upload.size)
        self.assertIsNone(upload.file)

    def test_part_headers(self):
        async def headers(request):
            async for _, value in FormDataIter(request):
                return value.headers

        self.assertEqual(
            post(headers, body(part('f', 'x', 'a/f', 'X-Y: z'))).json, {
                'x-y': 'z', 'content-disposition':
                'form-data; name="f"; filename="a/f"'})

    def test_safe_names(self):
        for filename, safe in (
                ('a-b_c.1.txt', 'a-b_c.1.txt'), ('azAZ09', 'azAZ09'),
                ('a@[`{/:,', 'a_______'), ('', 'file'), ('..', 'file'),
                ('...', 'file'), ('.htaccess', 'htaccess'), ('-rf', 'rf'),
                ('a b;c|d.txt', 'a_b_c_d.txt'), ('a\0b\nc', 'a_b_c'),
                ('../a', '_a'), ('..\\a', '_a'), ('/etc/passwd',
                                                  '_etc_passwd'),
                ('C:x', 'C_x'), ('a.txt:evil', 'a.txt_evil'), ('a.', 'a'),
                ('a...', 'a'), ('\u20ac\xe9\U0001f600.png', '___.png'),
                ('\u202egpj.exe', '_gpj.exe'), ('NUL', '_NUL'),
                ('con.txt', '_con.txt'), ('Com1.a.b', '_Com1.a.b'),
                ('conf', 'conf'), ('%2e%2e%2f', '_2e_2e_2f'), ('~', '_'),
                ('$(rm x)', '__rm_x_'), ('a' * 64, 'a' * 64),
                ('a' * 65, 'a' * 64), ('a' * 300 + '.jpeg',
                                       'a' * 59 + '.jpeg'),
                ('a.' + 'b' * 300, 'a.' + 'b' * 53 + '.' + 'b' * 8),
                ('nul.' + 'b' * 60, '_' + ('nul.' + 'b' * 60)[1:])):
            with self.subTest(filename=filename[:20]):
                name = self.upload(filename=filename).safe_name
                self.assertEqual(name, safe)
                self.assertTrue(len(name) <= 64)

    def test_copy_in_memory(self):
        async def main():
            for content in (b'', b'x', b'x' * 10):
                upload = self.upload(content)
                self.assertIs(await upload.copy(10), upload)
                self.assertIsInstance(upload.file, io.BytesIO)
                self.assertEqual(upload.size, len(content))
                self.assertIs(await upload.copy(), upload)
                self.assertEqual(await upload.read(3), content[:3])
                self.assertEqual(await upload.read(), content[3:])
                for _ in range(2):
                    await upload.close()
                with self.assertRaises(ValueError):
                    await upload.read()
        run(main())

    @unittest.skipIf(not HAS_FILES, 'no random numbers')
    def test_copy_on_disk(self):
        self.folder()

        async def main():
            for size in (11, 12, 1100):
                content = LARGE
                upload = self.upload(content[:size])
                self.assertIs(await upload.copy(10), upload)
                self.assertFalse(isinstance(upload.file, io.BytesIO))
                self.assertEqual(upload.size, size)
                self.assertEqual(await upload.read(3), b'012')
                self.assertEqual(await upload.read(), content[3:size])
                self.assertEqual(await upload.read(), b'')
                for _ in range(2):
                    await upload.close()
        run(main())

    def test_default_limit_of_memory(self):
        self.change(FileUpload, 'max_memory_size', 3)
        upload = self.upload(b'abc')
        run(upload.copy())
        self.assertIsInstance(upload.file, io.BytesIO)

    @unittest.skipIf(not HAS_FILES, 'no random numbers')
    def test_save_to_a_path(self):
        path = self.folder() + '/x'

        async def main():
            for content in (b'', b'abc', LARGE):
                for copied in (False, True):
                    upload = self.upload(content)
                    if copied:
                        await upload.copy(10)
                    await upload.save(path)
                    await upload.close()
                    with open(path, 'rb') as file:
                        self.assertEqual(file.read(), content)
            os.remove(path)
        run(main())

    def test_save_to_a_file(self):
        upload = self.upload(LARGE)
        file = io.BytesIO(b'')
        file.write(b'>')
        run(upload.save(file))
        file.write(b'<')  # is left open
        self.assertEqual(file.getvalue(), b'>' + LARGE + b'<')

    def test_save_what_is_left(self):
        async def main():
            upload = self.upload(b'abcdef')
            await upload.read(2)
            file = io.BytesIO()
            await upload.save(file)
            self.assertEqual(file.getvalue(), b'cdef')
        run(main())

    @unittest.skipIf(not HAS_FILES, 'no random numbers')
    def test_without_room_it_is_507_and_nothing_is_left(self):
        import microdot.uploads as uploads
        folder = self.folder()

        class Full:
            """Has no room for what is in its buffer when it is closed."""

            def __init__(self, name, mode):
                self.file = open(name, mode)
                self.write = self.file.write

            def close(self):
                self.file.close()
                raise OSError(28, 'on purpose')

        async def save(request):
            async for _, value in FormDataIter(request):
                await value.save(folder + '/x')

        self.addCleanup(setattr, uploads, 'open', open)
        uploads.open = Full
        res = post(save, body(part('f', LARGE, 'f')))
        self.assertEqual(res.status_code, 507)
        self.assertEqual(res.app.logged, [])
        self.assertEqual(os.listdir(folder), [])

    @unittest.skipIf(not HAS_FILES, 'no random numbers')
    def test_without_room_for_a_temporary_file_it_is_507(self):
        folder = self.folder()
        opened = []

        class Full:
            def write(self, data):
                raise OSError(self.number, 'on purpose')

            def close(self):
                opened.remove(self)
                raise OSError(28, 'on purpose')

        def open_temporary(folder):
            with open(folder + '/tmp', 'w'):
                file = Full()
            opened.append(file)
            return file, folder + '/tmp'

        self.change(FileUpload, 'temp_dir', folder)
        self.change(FileUpload, 'max_memory_size', 1000)
        self.change(multipart, '_open_temporary', open_temporary)
        for number, status in ((28, 507), (122, 507), (5, 500)):
            Full.number = number
            with self.subTest(number=number):
                res = post(whole, body(part('f', LARGE, 'f')))
                self.assertEqual(res.status_code, status)
                self.assertEqual(len(res.app.logged), status == 500)
                self.assertEqual((os.listdir(folder), opened), ([], []))

    @unittest.skipIf(not HAS_FILES, 'no random numbers')
    def test_an_old_file_stays_until_the_new_one_is_whole(self):
        folder = self.folder()
        path = folder + '/x'
        with open(path, 'wb') as file:
            file.write(b'old')

        async def save(request):
            async for _, value in FormDataIter(request):
                await value.save(path)
            return 'done'

        for wire, status, content in (
                (part('f', LARGE, 'f'), 400, b'old'),
                (body(part('f', LARGE, 'f')), 200, LARGE),
                (body(part('f', b'', 'f')), 200, b'')):
            self.assertEqual(post(save, wire).status_code, status)
            with open(path, 'rb') as file:
                self.assertEqual(file.read(), content)
            self.assertEqual(os.listdir(folder), ['x'])
        os.remove(path)

    def test_file_that_cannot_be_written(self):
        class Full:
            def write(self, data):
                raise OSError(28, 'ENOSPC')

        async def save(request):
            async for _, value in FormDataIter(request):
                await value.save(Full())

        res = post(save, body(part('f', LARGE, 'f')))
        self.assertEqual(res.status_code, 500)
        self.assertEqual(res.text, 'Internal server error')
        self.assertEqual([exc.errno for exc in res.app.logged], [28])

    def test_missing_folder(self):
        self.change(FileUpload, 'temp_dir', '/nonexistent')
        self.change(FileUpload, 'max_memory_size', 1000)
        res = post(whole, body(part('f', LARGE, 'f')))
        self.assertEqual(res.status_code, 500)
        self.assertEqual(res.text, 'Internal server error')


class TestWithFormData(LimitsTestCase):
    def test_forms(self):
        data = body(part('foo', 'bar'), part('f', '1234', 'f.txt',
                                             'Content-Type: text/plain'),
                    part('baz', 'baz'), part('g', '', ''))
        res = post(whole, data)
        self.assertEqual(res.json, {
            'form': [['baz', 'baz'], ['foo', 'bar']],
            'files': [['f', 'f.txt', 'text/plain', 4, 4],
                      ['g', '', None, 0, 0]]})

    def test_form_is_a_plain_dict(self):
        @with_form_data
        async def plain(request):
            self.assertEqual(dict(request.form), {'foo': 'bar', 'baz': 'baz'})
            self.assertEqual(dict(request.files), {})

        @with_form_data
        def sync(request):
            self.assertEqual(dict(request.form), {'foo': 'bar', 'baz': 'baz'})

        for handler in (plain, sync):
            res = post(handler, body(part('foo', 'bar'), part('baz', 'baz')))
            self.assertEqual(res.status_code, 204)

    def test_plain_functions_have_the_content_as_a_file(self):
        @with_form_data
        def sync(request):
            return request.files['f'].file.read()

        self.assertEqual(post(sync, body(part('f', 'hello', 'f'))).text,
                         'hello')

    def test_repeated_names(self):
        """S18: all but the last were lost."""
        @with_form_data
        async def lists(request):
            values = []
            for value in getlist(request, 'a'):
                values.append(value if isinstance(value, str) else
                              (await value.read()).decode())
            first = request.files['a']
            return [values, request.form['a'], first.filename,
                    getlist(request, 'b'), getlist(request, 'c')]

        self.assertEqual(
            post(lists, body(part('a', '1'), part('a', '2', 'x'),
                             part('b', '3'), part('a', '4'),
                             part('a', '5', 'y'))).json,
            [['1', '2', '4', '5'], '1', 'x', ['3'], []])

    def test_repeated_names_of_other_forms(self):
        @with_form_data
        async def lists(request):
            return [getlist(request, 'a'), getlist(request, 'b')]

        self.assertEqual(
            post(lists, b'a=1&a=2',
                 'application/x-www-form-urlencoded').json, [['1', '2'], []])
        self.assertEqual(post(lists, b'', None).json, [[], []])

    def test_other_requests_are_left_as_they_are(self):
        @with_form_data
        async def other(request):
            return '%s %s' % (request.form, request.files)

        for method, content_type, data in (
                ('POST', 'application/json', b'{}'), ('GET', None, None),
                ('POST', None, b'x')):
            self.assertEqual(
                post(other, data, content_type, method=method).text,
                'None None')
        # forms without fields
        for method, data in (
                ('POST', None), ('GET', None), ('POST', b'--b--\r\n')):
            self.assertEqual(post(other, data, TYPE, method=method).text,
                             '{} {}')

    def test_arguments_are_passed_on(self):
        app = Recorder()

        @app.post('/<x>')
        @with_form_data
        async def handler(request, x):
            return x + request.form['a']

        res = run(TestClient(app).post('/y', {'Content-Type': TYPE},
                                       body(part('a', 'z'))))
        self.assertEqual(res.text, 'yz')

    def test_sizes_of_buffer_and_memory(self):
        self.change(FormDataIter, 'buffer_size', 100)
        self.change(FileUpload, 'max_memory_size', 200)
        if HAS_FILES:
            self.folder()
            res = post(whole, body(part('f', 'x' * 398, 'f')))
            self.assertEqual(res.json['files'], [['f', 'f', None, 398, 398]])
        res = post(whole, body(part('f', 'x' * 200, 'f')))
        self.assertEqual(res.json['files'], [['f', 'f', None, 200, 200]])

    @unittest.skipIf(not HAS_FILES, 'no random numbers')
    def test_files_are_gone_after_the_handler(self):
        self.folder()
        self.change(FormDataIter, 'max_field_size', 1000)
        kept = []

        async def fine(request):
            kept.append(request.files['f'])

        async def failing(request):
            kept.append(request.files['f'])
            raise ValueError('x')

        async def aborting(request):
            kept.append(request.files['f'])
            abort(403)

        files = [part('f', LARGE, 'f'), part('g', LARGE, 'g'),
                 part('h', 'x', 'h')]
        end = b'--b--\r\n'
        for handler, rest, status in (
                (fine, end, 204), (failing, end, 500), (aborting, end, 403),
                (fine, b'', 400), (fine, end[:-4], 400),
                (fine, part('x', 'y' * 1001) + end, 413)):
            res = post(with_form_data(handler), b''.join(files) + rest)
            self.assertEqual(res.status_code, status)
            self.assertEqual(len(res.app.logged), int(status == 500))
        for upload in kept:
            with self.assertRaises(ValueError):
                run(upload.read())

    @unittest.skipIf(not HAS_FILES, 'no random numbers')
    def test_files_are_gone_after_the_client(self):
        self.folder()
        self.change(Request, 'max_body_length', 100)
        app = Recorder()
        app.post('/', max_content_length=100000)(whole)
        data = body(part('f', LARGE, 'f'), part('g', LARGE, 'g'))
        with self.assertRaises(ValueError):  # there is no answer
            run(TestClient(app).post('/', {
                'Content-Type': TYPE, 'Content-Length': str(len(data))},
                data[:-100]))
        self.assertEqual(app.logged, [])


@unittest.skipIf(not HAS_FILES, 'no random numbers')
class TestTemporaryFilesOfBoards(LimitsTestCase):
    def setUp(self):
        super().setUp()
        try:
            from tempfile import TemporaryFile
        except ImportError:
            TemporaryFile = None
        if TemporaryFile:
            self.skipTest('the system has temporary files of its own')

    def test_names_cannot_be_guessed(self):
        folder = self.folder()

        async def main():
            names = set()
            for _ in range(10):
                upload = FileUpload('f', None, io_read(LARGE))
                await upload.copy(10)
                found = os.listdir(folder)
                self.assertEqual(len(found), 1)
                self.assertEqual(len(found[0]), 9 + 16 + 4)
                names.add(found[0])
                await upload.close()
            self.assertEqual(len(names), 10)
        run(main())

    def test_those_of_an_interrupted_program_are_removed(self):
        folder = self.folder()
        for name in ('microdot-0123.tmp', 'microdot-x.txt', 'other.tmp'):
            with open(folder + '/' + name, 'w') as file:
                file.write('x')
        self.change(FileUpload, '_swept', False)

        async def main():
            for _ in range(2):
                upload = FileUpload('f', None, io_read(LARGE))
                await upload.copy(10)
                found = sorted(os.listdir(folder))
                self.assertEqual(found[1:], ['microdot-x.txt', 'other.tmp'])
                self.assertFalse(found[0] == 'microdot-0123.tmp')
                await upload.close()
        run(main())
        for name in ('microdot-x.txt', 'other.tmp'):
            os.remove(folder + '/' + name)

    def test_file_that_is_gone_is_noted(self):
        folder = self.folder()

        @with_form_data
        async def remove(request):
            for name in os.listdir(folder):
                os.remove(folder + '/' + name)

        res = post(remove, body(part('f', LARGE, 'f'), part('g', LARGE, 'g')))
        self.assertEqual(res.status_code, 204)
        self.assertEqual([exc.errno for exc in res.app.logged], [2, 2])


def io_read(content):
    stream = io.BytesIO(content)

    async def read(n=-1):
        return stream.read(n)

    return read
