"""Templates in uTemplate's syntax: compiling, loading, and as responses."""

import hashlib
import os
import sys
import unittest

if sys.implementation.name == 'cpython':
    # Last, as it holds a unittest for boards too.
    sys.path.append(__file__.rsplit('tests', 1)[0] + 'libs/micropython')

from utemplate import (
    TemplateError,
    TemplateNotFound,
    compiled,
    recompile,
    source,
)

from helpers import heap_kb, run
from microdot.microdot import Microdot
from microdot.test_client import TestClient
from microdot.utemplate import Template


def remove(path):
    """Remove a file, or a folder with all that is in it."""
    try:
        names = os.listdir(path)
    except OSError:
        os.remove(path)
        return
    for name in names:
        remove(path + '/' + name)
    os.rmdir(path)


class Case(unittest.TestCase):
    def setUp(self):
        try:
            os.stat('/tmp')
        except OSError:
            os.mkdir('/tmp')
        self.folder = '/tmp/microdot-utemplate-%d' % int.from_bytes(
            os.urandom(6), 'big')
        os.mkdir(self.folder)
        self.addCleanup(remove, self.folder)
        self.addCleanup(setattr, Template, 'loader', None)
        Template.initialize(self.folder)

    def write(self, name, text):
        with open(self.folder + '/' + name, 'w', encoding='utf-8') as file:
            file.write(text)

    def read(self, name):
        with open(self.folder + '/' + name, encoding='utf-8') as file:
            return file.read()

    def render(self, text, *args, **kwargs):
        self.write('t.html', text)
        return Template('t.html').render(*args, **kwargs)

    def error(self, text, *args):
        try:
            self.render(text, *args)
        except TemplateError as exc:
            return str(exc)
        return 'no error'


# (template, arguments, text)
RENDERED = (
    ('', (), ''),
    ('plain', (), 'plain'),
    ('\n', (), '\n'),
    (' {# c #} {{ 1 }}', (), '  1'),
    ('{{ 1, 2 }}', (), '(1, 2)'),
    ('a\nb\n', (), 'a\nb\n'),
    ("quotes ' \" \\ \\n $ % %s {x} { } {", (),
     "quotes ' \" \\ \\n $ % %s {x} { } {"),
    ('caf\xe9 \u20ac', (), 'caf\xe9 \u20ac'),
    ('{% args name %}\nHello, {{ name }}!\n', ('foo',), 'Hello, foo!\n'),
    ('{%args name%}\r\n{{name}}', ('foo',), 'foo'),
    ('\n {# first #}\n{% args a, b=2, *c, **d %}{{ a }}{{ b }}{{ c }}{{ d }}',
     (1,), '12(){}'),
    ('{{ a[0] }} {{ d }}', (1,), '1 {}'),
    ('{{ 1 + 1 }}{{ [x * x for x in (1, 2)] }}', (), '2[1, 4]'),
    ('{{ None }} {{ "\u20ac" }}', (), 'None \u20ac'),
    ('{{ {"a": {1: 2} }["a"][1] }}', (), '2'),
    ('{{ "{{" }}', (), '{{'),
    ('{{\n1\n+ 1\n}}', (), '2'),
    ('{{ escape("<&>\\"\'") }}', (), '&lt;&amp;&gt;&quot;&#39;'),
    ('a{# {{ nothing }} {% nothing %} #}b', (), 'ab'),
    ('a{##}\nb', (), 'ab'),
    ('{% if 1 %}a{% endif %}', (), 'a'),
    ('{% if 0 %}a{% endif %}', (), ''),
    ('{% if\n1 %}a{%\telse%}b{% endif %}', (), 'a'),
    ('{% if 0 %}{% elif 1 %}b{% else %}c{% endif %}', (), 'b'),
    ('{% if 0 %}{% elif 0 %}{% else %}c{% endif %}', (), 'c'),
    ('{% for x in range(3) %}{{ x }}\n{% endfor %}\n.', (), '0\n1\n2\n.'),
    ('{% for a, b in ((1, 2),) %}{{ a }}{{ b }}{% endfor %}', (), '12'),
    ('{% set n = 2 %}{% while n %}{{ n }}{% set n -= 1 %}{% endwhile %}', (),
     '21'),
    ('{% set a, b = 1, 2 %}{{ b }}', (), '2'),
    ('{% for x in (1, 2) %}{% if x == 2 %}{% for y in "ab" %}{{ y }}'
     '{% endfor %}{% endif %}{% endfor %}', (), 'ab'),
    ('{% if 1 %}\n\n a \n{% endif %}\n', (), '\n a \n'),
)

# (template, part of the message)
REFUSED = (
    ('{{ x', 'line 1: no }} for this {{'),
    ('a\nb\n{% if x', 'line 3: no %} for this {%'),
    ('\n{# x %}', 'line 2: no #} for this {#'),
    ('{{ }}', 'line 1'),
    ('{{}}', 'line 1'),
    ('a\n{{ 1 + }}', 'line 2'),
    ('{{ 1) + (2 }}', 'line 1'),
    ('{{ 1 # 2 }}', 'line 1'),
    ('{{ (yield 1) }}', 'line 1'),
    ('{{ x = 1 }}', 'line 1'),
    ('{% if %}{% endif %}', 'line 1'),
    ('{% if 1 %}a', 'no endif'),
    ('{% if 1 %}{% endfor %}', 'endfor'),
    ('{% endif %}', 'endif'),
    ('{% end %}', 'end'),
    ('{% else %}', 'else'),
    ('{% elif 1 %}', 'elif'),
    ('{% for x in () %}{% elif 1 %}{% endfor %}', 'elif'),
    ('{% for x in () %}{% else %}{% endfor %}', 'else'),
    ('{% if 1 %}{% else %}{% else %}{% endif %}', 'else'),
    ('{% if 1 %}{% else x %}{% endif %}', 'line 1'),
    ('{% for %}{% endfor %}', 'line 1'),
    ('{% for x %}{% endfor %}', 'line 1'),
    ('{% set x %}', 'set without ='),
    ('{% set 1 = 2 %}', 'line 1'),
    ('a{% args x %}', 'args'),
    ('{% args x): pass #%}', 'line 1'),
    ('{% args x %}{% args y %}', 'args'),
    ('{% import os %}', 'import'),
    ('{%- if 1 %}{% endif %}', '-'),
    ('{% %}', 'line 1'),
    ('{% include %}', 'include what?'),
    ('{% include name %}', 'include what?'),
    ('{% include "t.html" 1) %}', 'line 1'),
    ('{% include "../secret" %}', '../secret'),
    ('{% include "t.html" %}', 'deep'),
    ('{% include "missing.html" %}', 'no template missing.html'),
)

# Names that must not lead anywhere.
NAMES = ('', '.', '..', '../secret.txt', '/etc/passwd', 'a/../../secret.txt',
         '..\\secret.txt', 'C:secret.txt', 'C:\\secret.txt', './t.html',
         'a//t.html', 't.html/', 't.html\0.txt', '.hidden', 'a/.hidden',
         'missing.html', 'folder', 'x' * 5000, 't_html.py', 'own.py',
         '%2e%2e/secret.txt', 't.html/../../secret.txt')


class TestSyntax(Case):
    def test_each_template_gives_its_text(self):
        for number, (text, args, expected) in enumerate(RENDERED):
            with self.subTest(template=text):
                self.write('%d.html' % number, text)
                self.assertEqual(
                    Template('%d.html' % number).render(*args), expected)

    def test_so_it_does_wherever_the_reader_cuts(self):
        text = '{% args a %}\r\n{{ a }}{# c #}\n{% if a %}\n[{% endif %}{'
        for size in range(1, len(text) + 1):
            self.addCleanup(setattr, source, 'PIECE', source.PIECE)
            source.PIECE = size
            self.write('cut%d.html' % size, text)
            with self.subTest(size=size):
                self.assertEqual(
                    Template('cut%d.html' % size).render(1), '1[{')

    def test_line_ends_of_any_kind_are_the_same(self):
        """On boards a tag could not go on after CR LF, and what a desktop had
        compiled was compiled again."""
        text = '{% args a,\n b %}\n{% if a\n and b %}\nx{{ a\n + b }}\n' \
               '{% endif %}\n{# c\n c #}\n{% set c = (a,\n b) %}\n\ny\n' \
               '{{ c }}\n'
        for end in ('\n', '\r\n', '\r'):
            for size in (1, 2, 3, 256):
                self.addCleanup(setattr, source, 'PIECE', source.PIECE)
                source.PIECE = size
                with self.subTest(end=end, size=size):
                    with open(self.folder + '/e.html', 'wb') as file:
                        file.write(text.replace('\n', end).encode())
                    self.assertEqual(Template('e.html').render(1, 2),
                                     'x3\n\ny\n(1, 2)\n')
                    self.assertIn(
                        'SOURCES = %r' % [('e.html', hashlib.sha256(
                            text.encode()).digest()[:8])],
                        self.read('e_html.py'))
                    os.remove(self.folder + '/e_html.py')
                    Template.initialize(self.folder)

    def test_each_mistake_is_named(self):
        for text, expected in REFUSED:
            with self.subTest(template=text):
                self.assertIn(expected, self.error(text))

    def test_what_was_refused_leaves_no_file(self):
        self.error('{{ x')
        self.assertEqual(os.listdir(self.folder), ['t.html'])

    def test_a_long_text_is_whole(self):
        text = ''.join(['%d {x} ' % i for i in range(300)])
        self.assertEqual(self.render(text + '{{ 5 }}' + text),
                         text + '5' + text)

    def test_blocks_in_blocks_work_or_are_refused(self):
        for depth in (15, 30, 120):
            text = '{% for x in "a" %}' * depth + 'x' + '{% endfor %}' * depth
            self.write('%d.html' % depth, text)
            with self.subTest(depth=depth):
                try:
                    self.assertEqual(
                        Template('%d.html' % depth).render(), 'x')
                except TemplateError as exc:
                    self.assertTrue(depth > 15)
                    self.assertIn('%d.html: ' % depth, str(exc))

    def test_wrong_arguments_are_an_error_before_anything_is_sent(self):
        self.write('t.html', '{% args a %}{{ a }}')
        with self.assertRaises(TypeError):
            Template('t.html').generate()
        with self.assertRaises(TypeError):
            Template('t.html').generate_async(1, 2)


class TestInclude(Case):
    def test_a_part_sees_and_sets_the_variables(self):
        self.write('part.txt', '{{ x }}{% set x = 2 %}\n')
        self.assertEqual(self.render(
            '{% set x = 1 %}{% include "part.txt" %}{{ x }}'), '12')

    def test_a_part_with_args_has_its_own(self):
        self.write('part.txt', '{% args x, y=0 %}{{ x }}{{ y }}{% set x=9 %}')
        self.assertEqual(self.render(
            '{% set x = 1 %}{% for z in (5, 6) %}{% include "part.txt" z %}'
            '{% endfor %}{% include "part.txt", 7, y=x %}{{ x }}'), '5060711')

    def test_a_part_without_args_takes_none(self):
        self.write('part.txt', 'x')
        self.assertIn('takes no arguments',
                      self.error('{% include "part.txt" 1 %}'))

    def test_a_name_may_be_computed(self):
        self.write('a.txt', 'A')
        self.write('b.txt', '{% args x %}B{{ x }}')
        self.assertEqual(self.render(
            '{% args n %}{% include {{ "a" + ".txt" }} %}'
            '{% include {{ n }} 5 %}', 'b.txt'), 'AB5')

    def test_a_computed_name_does_not_leave_the_folder(self):
        self.write('t.html', '{% args n %}{% include {{ n }} %}')
        os.mkdir(self.folder + '/folder')
        self.write('own.py', 'print("run")')
        for name in NAMES:
            with self.subTest(name=name):
                with self.assertRaises(TemplateNotFound):
                    Template('t.html').render(name)

    def test_parts_in_folders(self):
        os.mkdir(self.folder + '/parts')
        self.write('parts/a.txt', 'A{% include "parts/b.txt" %}')
        self.write('parts/b.txt', 'B')
        self.assertEqual(self.render('{% include "parts/a.txt" %}'), 'AB')

    def test_depth_is_bounded(self):
        for i in range(source.MAX_DEPTH + 1):
            self.write('%d.txt' % i, '%d{%% include "%d.txt" %%}' % (i, i + 1))
        self.write('%d.txt' % (source.MAX_DEPTH + 1), 'end')
        self.assertEqual(Template('2.txt').render(), '2345678910end')
        with self.assertRaises(TemplateError):
            Template('1.txt')


class TestNames(Case):
    def test_no_name_leads_out_of_the_folder(self):
        self.write('t.html', 'x')
        self.write('own.py', 'print("run")')
        os.mkdir(self.folder + '/folder')
        outside = self.folder + '-secret.txt'
        with open(outside, 'w') as file:
            file.write('secret')
        self.addCleanup(os.remove, outside)
        for name in NAMES + ('../' + outside.rsplit('/', 1)[1], outside):
            with self.subTest(name=name):
                with self.assertRaises(TemplateNotFound):
                    Template(name)

    def test_a_missing_template_is_named(self):
        try:
            Template('missing.html')
        except TemplateNotFound as exc:
            self.assertEqual(str(exc), 'no template missing.html')

    def test_looking_for_templates_leaves_nothing_behind(self):
        for i in range(300):
            with self.assertRaises(TemplateNotFound):
                Template('%d.html' % i)
        self.assertEqual(os.listdir(self.folder), [])
        self.assertEqual(Template.loader.loaded, {})

    def test_templates_in_memory_are_bounded(self):
        most = Template.loader.max_templates = 3
        for i in range(5 * most):
            self.write('%d.html' % i, '%d' % i)
            self.assertEqual(Template('%d.html' % i).render(), '%d' % i)
            self.assertTrue(len(Template.loader.loaded) <= most)


class TestEscaping(Case):
    HOSTILE = (
        '<script>alert(1)</script>', '" onload="alert(1)',
        "' onload='alert(1)", '</title><script>', '&lt;script&gt;',
        '{{ 7 * 7 }}', '{% include "/etc/passwd" %}', '{# x #}',
        "{{ ''.__class__ }}", '\0<b>', 'a\r\nSet-Cookie: x=y', '<' * 300,
    )

    def test_nothing_is_escaped_unless_asked_for(self):
        self.assertEqual(self.render('{% args x %}{{ x }}', '<'), '<')

    def test_a_value_never_becomes_markup_or_template(self):
        for name, template in (('by hand', '{% args x %}{{ escape(x) }}'),
                               ('auto', '{% args x %}{{ x }}')):
            Template.initialize(self.folder, autoescape=name == 'auto')
            self.write('t.html', template)
            for value in self.HOSTILE:
                with self.subTest(way=name, value=value):
                    text = Template('t.html').render(value)
                    for character in '<>"\'':
                        self.assertNotIn(character, text)
                    for code, character in (
                            ('&lt;', '<'), ('&gt;', '>'), ('&quot;', '"'),
                            ('&#39;', "'"), ('&amp;', '&')):
                        text = text.replace(code, character)
                    self.assertEqual(text, value)

    def test_autoescape_also_applies_to_parts(self):
        Template.initialize(self.folder, autoescape=True)
        self.write('a.txt', '{{ x }}')
        self.write('b.txt', '{% args y %}{{ y }}')
        self.assertEqual(self.render(
            '{% set x = "<" %}{% include "a.txt" %}{% include "b.txt" x %}'
            '{% include {{ "b.txt" }} x %}'), '&lt;' * 3)

    def test_what_is_marked_is_not_escaped(self):
        Template.initialize(self.folder, autoescape=True)
        self.assertEqual(self.render(
            '{% args x %}{{ safe(x) }}{{ escape(x) }}', '<b>'),
            '<b>&amp;lt;b&amp;gt;')

    def test_turning_it_on_compiles_again(self):
        self.assertEqual(self.render('{{ "<" }}'), '<')
        Template.initialize(self.folder, source.Loader, autoescape=True)
        self.assertEqual(Template('t.html').render(), '&lt;')
        Template.initialize(self.folder, source.Loader)
        self.assertEqual(Template('t.html').render(), '<')

    def test_a_loader_that_cannot_escape_is_refused(self):
        with self.assertRaises(TypeError):
            Template.initialize(self.folder, lambda package, folder: None,
                                autoescape=True)


class TestLoading(Case):
    def test_the_result_is_kept_beside_the_template(self):
        self.render('x')
        self.assertEqual(sorted(os.listdir(self.folder)),
                         ['t.html', 't_html.py'])

    def test_a_change_is_seen_at_once(self):
        self.assertEqual(self.render('1'), '1')
        self.assertEqual(self.render('12'), '12')

    def test_a_change_of_a_part_is_seen(self):
        self.write('part.txt', '1')
        self.assertEqual(self.render('{% include "part.txt" %}'), '1')
        self.write('part.txt', '12')
        self.assertEqual(Template('t.html').render(), '12')

    def test_a_part_that_has_gone_is_missed(self):
        self.write('part.txt', '1')
        self.assertEqual(self.render('{% include "part.txt" %}'), '1')
        os.remove(self.folder + '/part.txt')
        with self.assertRaises(TemplateNotFound):
            Template('t.html')

    def test_after_a_restart_a_change_is_seen_whatever_the_clock_says(self):
        self.assertEqual(self.render('1'), '1')
        Template.initialize(self.folder)
        self.assertEqual(self.render('2'), '2')

    def test_after_a_restart_nothing_is_compiled_again(self):
        self.assertEqual(self.render('one'), 'one')
        self.write('t_html.py', self.read('t_html.py').replace(
            "yield 'one'", "yield 'compiled'"))
        Template.initialize(self.folder)
        self.assertEqual(Template('t.html').render(), 'compiled')

    def test_the_source_loader_does_not_look_for_changes(self):
        Template.initialize(self.folder, source.Loader)
        self.assertEqual(self.render('1'), '1')
        self.assertEqual(self.render('2'), '1')
        Template.initialize(self.folder, source.Loader)
        self.assertEqual(self.render('2'), '1')

    def test_a_damaged_result_is_made_anew(self):
        self.assertEqual(self.render('text'), 'text')
        whole = self.read('t_html.py')
        for end in (0, len(source.MARK) - 1, len(source.MARK),
                    whole.find('yield'), whole.find('SOURCES'),
                    len(whole) - 5):
            with self.subTest(end=end):
                self.write('t_html.py', whole[:end])
                Template.initialize(self.folder)
                if end < len(source.MARK):
                    # it might be somebody's own
                    self.assertEqual(Template('t.html').render(), 'text')
                    self.assertEqual(self.read('t_html.py'), whole[:end])
                else:
                    self.assertEqual(Template('t.html').render(), 'text')
                    self.assertEqual(self.read('t_html.py'), whole)

    def test_a_result_that_is_cut_anywhere_is_made_anew(self):
        """Some of them were an error each time that they were loaded."""
        self.assertEqual(self.render('text {{ 5 }}'), 'text 5')
        whole = self.read('t_html.py')
        for rest in ('', '\0' * 20, '('):
            for end in range(len(source.MARK), len(whole) - 1):
                self.write('t_html.py', whole[:end] + rest)
                loader = source.Loader(None, self.folder)
                self.assertEqual(''.join(loader.load('t.html')()), 'text 5')
                self.assertEqual(self.read('t_html.py'), whole)

    def test_names_that_meet_in_one_result_do_not_mix(self):
        self.write('a.b', 'dot')
        self.write('a_b', 'line')
        for _ in range(2):
            self.assertEqual(Template('a.b').render(), 'dot')
            self.assertEqual(Template('a_b').render(), 'line')
            Template.initialize(self.folder)

    def test_a_file_of_the_applications_own_is_neither_run_nor_written(self):
        own = 'raise ValueError("run")\n'
        self.write('menu.py', own)
        self.write('menu', 'text')
        self.assertEqual(Template('menu').render(), 'text')
        self.assertEqual(self.read('menu.py'), own)

    def test_where_nothing_can_be_written_it_works_from_memory(self):
        # a folder is where the file would be put
        for where in ('t_html.py', 't_html.py.tmp'):
            os.mkdir(self.folder + '/' + where)
        self.assertEqual(self.render('{{ 1 }}'), '1')
        self.assertEqual(self.render('{{ 12 }}'), '12')
        self.assertEqual(sorted(os.listdir(self.folder)),
                         ['t.html', 't_html.py', 't_html.py.tmp'])

    def test_the_compiled_loader_never_compiles(self):
        self.write('t.html', '{% args x %}{{ x }}{% include {{ "u.html" }} %}')
        self.write('u.html', 'U')
        Template('t.html')
        Template('u.html')
        for name in ('t.html', 'u.html'):
            os.remove(self.folder + '/' + name)
        sys.path.insert(0, '/')
        self.addCleanup(sys.path.remove, '/')
        Template.initialize(self.folder, compiled.Loader)
        self.assertEqual(Template('t.html').render(5), '5U')
        for name in NAMES:
            with self.subTest(name=name):
                with self.assertRaises(TemplateNotFound):
                    Template(name)
        Template.initialize(self.folder, compiled.Loader, autoescape=True)
        with self.assertRaises(TemplateNotFound):
            Template('t.html')

    @unittest.skipIf(sys.implementation.name != 'cpython',
                     'handlers run in no threads')
    def test_threads_do_not_disturb_each_other(self):
        """They shared what was noted of the files."""
        import threading
        interval = sys.getswitchinterval()
        self.addCleanup(sys.setswitchinterval, interval)
        sys.setswitchinterval(1e-5)
        self.write('part.html', 'part')
        for i in range(6):
            self.write('t%d.html' % i, '{% include "part.html" %} ' + str(i))
        texts = []

        def load(loader, barrier, i):
            barrier.wait()
            texts.append((i, ''.join(loader.load('t%d.html' % i)())))

        for _ in range(10):
            for i in range(6):
                try:
                    os.remove('%s/t%d_html.py' % (self.folder, i))
                except OSError:
                    pass
            loader = recompile.Loader(None, self.folder)
            barrier = threading.Barrier(6)
            threads = [threading.Thread(target=load, args=(
                loader, barrier, i)) for i in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(sorted(texts), sorted(
            [(i, 'part %d' % i) for i in range(6)] * 10))

    def test_a_file_that_is_replaced_while_it_is_opened_is_seen(self):
        """Its state was taken for that of the file that had been opened."""
        self.write('t.html', 'old')
        self.write('new', 'newer')
        calls = []
        test = self

        class Loader(recompile.Loader):
            def state(self, name):
                calls.append(name)
                if len(calls) == 2:  # the first one only looks for it
                    os.remove(test.folder + '/t.html')
                    os.rename(test.folder + '/new', test.folder + '/t.html')
                return super().state(name)

        loader = Loader(None, self.folder)
        loader.load('t.html')
        self.assertEqual(''.join(loader.load('t.html')()), 'newer')

    def test_no_folder_is_the_current_one(self):
        for folder, expected in (('', '.'), ('.', '.'), ('/', '/'),
                                 ('//', '/'), ('x/', 'x'), ('/x', '/x')):
            self.assertEqual(source.Loader(None, folder).folder, expected)

    def test_the_package_is_part_of_the_path(self):
        for package in (None, '__main__'):
            self.assertEqual(source.Loader(package, 'x/').folder, 'x')
        self.assertEqual(source.Loader('a.b', 'x').folder, 'a/b/x')


class TestTemplate(Case):
    def test_all_four_ways(self):
        self.write('t.html', '{% args name %}\nHello, {{ name }}!\n')
        template = Template('t.html')
        self.assertEqual(template.name, 't.html')
        self.assertEqual(template.render('foo'), 'Hello, foo!\n')
        self.assertEqual(template.render(name='foo'), 'Hello, foo!\n')
        self.assertEqual(run(template.render_async('foo')), 'Hello, foo!\n')
        self.assertEqual(''.join(template.generate('foo')), 'Hello, foo!\n')

        async def collect():
            pieces = []
            async for piece in template.generate_async('foo'):
                pieces.append(piece)
            return ''.join(pieces)

        self.assertEqual(run(collect()), 'Hello, foo!\n')

    def test_the_first_use_looks_in_templates(self):
        Template.loader = None
        try:
            Template('missing.html')
        except TemplateNotFound:
            pass
        self.assertEqual(Template.loader.folder, 'templates')

    def test_pieces_are_neither_tiny_nor_huge(self):
        count = 3000 if heap_kb() > 500 else 500
        self.write('t.html', '{%% for i in range(%d) %%}{{ i }},{%% endfor %%}'
                   % count)
        pieces = list(Template('t.html').generate())
        text = ''.join(['%d,' % i for i in range(count)])
        self.assertEqual(''.join(pieces), text)
        self.assertTrue(len(pieces) > 1)
        for piece in pieces[:-1]:
            self.assertTrue(500 < len(piece) < 5000)

    def test_an_empty_template_has_no_pieces(self):
        self.write('t.html', '')
        self.assertEqual(list(Template('t.html').generate()), [])

    def test_closing_the_pieces_ends_the_template(self):
        closed = []

        class Items:
            def items(self):
                try:
                    while True:
                        yield 'x' * 100
                finally:
                    closed.append(1)

        self.write('t.html', '{% args x %}{% for y in x %}{{ y }}{% endfor %}')
        for kind in ('generate', 'generate_async'):
            items = Items().items()
            pieces = getattr(Template('t.html'), kind)(items)
            if kind == 'generate':
                next(pieces)
                pieces.close()
            else:
                run(pieces.__anext__())
                run(pieces.aclose())
            items.close()
            self.assertEqual(len(closed), 1)
            closed.pop()


class TestResponses(Case):
    def setUp(self):
        super().setUp()
        app = self.app = Microdot()
        self.write('t.html', '{% args x %}{% for i in range(2000) %}{{ i }} '
                             '{{ x // (1500 - i) }}\n{% endfor %}')
        self.write('small.html', '{% args name %}\nHello, {{ name }}!\n')
        self.errors = []
        app.log_exception = lambda request, exc: self.errors.append(exc)

        @app.get('/render')
        def render(request):
            return Template('small.html').render(name='foo')

        @app.get('/render-async')
        async def render_async(request):
            return await Template('small.html').render_async('foo'), {
                'Content-Type': 'text/html'}

        @app.get('/generate')
        async def generate(request):
            return Template('small.html').generate('foo')

        @app.get('/generate-async')
        async def generate_async(request):
            return Template('small.html').generate_async('foo')

        @app.get('/fails')
        async def fails(request):
            kind = getattr(Template('t.html'), request.args['kind'])
            return kind(1)

        @app.get('/named')
        async def named(request):
            return Template(request.args['name']).render()

    def get(self, path):
        return run(TestClient(self.app).get(path))

    def test_views_return_what_templates_give(self):
        for path in ('/render', '/render-async', '/generate',
                     '/generate-async'):
            with self.subTest(path=path):
                response = self.get(path)
                self.assertEqual(response.status_code, 200)
                self.assertEqual(response.text, 'Hello, foo!\n')

    def test_an_error_before_the_first_piece_is_500(self):
        response = self.get('/fails?kind=render')
        self.assertEqual(response.status_code, 500)
        self.assertNotIn('Zero', response.text)
        self.assertEqual(len(self.errors), 1)

    def test_an_error_in_the_middle_cuts_the_response(self):
        for kind in ('generate', 'generate_async'):
            with self.subTest(kind=kind):
                failed = None
                try:
                    self.get('/fails?kind=' + kind)
                except Exception as exc:
                    failed = exc
                self.assertIsNotNone(failed)
                self.assertIsInstance(self.errors.pop(), ZeroDivisionError)

    def test_a_name_from_the_request_gives_no_file_away(self):
        os.mkdir(self.folder + '/folder')
        for name in NAMES:
            if '\0' in name or '\\' in name or len(name) > 1000:
                continue
            with self.subTest(name=name):
                response = self.get('/named?name=' + name)
                self.assertEqual(response.status_code, 500)
                self.assertEqual(response.text, 'Internal server error')


class TestResponseMethod(Case):
    """Template.response()"""

    def setUp(self):
        super().setUp()
        self.addCleanup(Template.contexts.clear)
        self.app = Microdot()

        @self.app.get('/')
        async def index(request):
            return Template('t.html').response(request, **self.context)

        @self.app.get('/items/<int:number>')
        async def item(request, number):
            return Template('t.html').response(request, 201, number=number)

    def get(self, text, path='/', **context):
        self.write('t.html', text)
        self.context = context
        return run(TestClient(self.app).get(path))

    def test_a_response_is_html(self):
        Template.initialize(self.folder, autoescape=True)
        res = self.get('{% args a %}<p>{{ a }}', a='<ü>')
        self.assertEqual(res.status_code, 200)
        self.assertEqual(res.headers['Content-Type'],
                         'text/html; charset=UTF-8')
        self.assertEqual(res.text, '<p>&lt;ü&gt;')
        res = self.get('{% args number %}{{ number }}', '/items/5')
        self.assertEqual((res.status_code, res.text), (201, '5'))
        self.assertEqual(self.get('plain').text, 'plain')

    def test_templates_get_what_they_name(self):
        text = '{% args a, request, b="x,y", url_for=None, csp_nonce="" %}' \
            '{{ a }} {{ request.path }} {{ b }} ' \
            '{{ url_for("item", number=5) }} {{ len(csp_nonce) }}'
        if hasattr(os, 'urandom'):
            self.assertEqual(self.get(text, a=1).text,
                             '1 / x,y /items/5 24')
        text = '{% args **d %}{{ sorted(d) }}'
        self.assertEqual(self.get(text, a=1, b=2).text, "['a', 'b']")

    def test_templates_take_messages(self):
        from microdot.flash import flash
        from microdot.session import Session
        Session(self.app, 'key')

        @self.app.post('/')
        async def save(request):
            flash(request, 'Saved', 'success')
            return 'saved'

        client = TestClient(self.app)
        run(client.post('/'))
        self.write('t.html', '{% args get_flashed %}{{ get_flashed() }}')
        self.context = {}
        self.assertEqual([run(client.get('/')).text for _ in range(2)],
                         ["[('success', 'Saved')]", '[]'])

    def test_a_program_can_add_arguments(self):
        @Template.context
        def add(request):
            return {'site': 'site of ' + request.path, 'a': 'added',
                    'unused': 1}

        self.assertTrue(add)
        text = '{% args site, a, request=0 %}{{ site }}, {{ a }}'
        self.assertEqual(self.get(text).text, 'site of /, added')
        self.assertEqual(self.get(text, a='given').text, 'site of /, given')
        self.assertEqual(self.get('{% args **d %}{{ sorted(d) }}').text,
                         "['a', 'site', 'unused']")
        self.assertEqual(self.get('plain').text, 'plain')

    def test_what_is_no_argument_is_a_mistake(self):
        self.app.log_exception = lambda request, exc: errors.append(exc)
        errors = []
        for text, context in (('{% args a %}', {}),
                              ('{% args a %}', {'a': 1, 'b': 2})):
            self.assertEqual(self.get(text, **context).status_code, 500)
            self.assertIsInstance(errors.pop(), TypeError)

    def test_results_of_each_loader_know_their_arguments(self):
        self.write('t.html', '{% args a, request %}')
        for loader in (source.Loader, recompile.Loader):
            for _ in range(2):
                loaded = loader(None, self.folder)
                self.assertEqual(loaded.arguments('t.html'),
                                 ['a', 'request'])
        sys.path.insert(0, '/')
        self.addCleanup(sys.path.remove, '/')
        loaded = compiled.Loader(None, self.folder)
        self.assertEqual(loaded.arguments('t.html'), ['a', 'request'])
        # one that was compiled before they did
        self.write('t_html.py', 'def render(a):\n    yield a\n')
        sys.modules.pop(self.folder[1:].replace('/', '.') + '.t_html')
        loaded = compiled.Loader(None, self.folder)
        self.assertEqual(loaded.arguments('t.html'), ())

    def test_a_loader_of_ones_own_need_not_know_arguments(self):
        class Own:
            def load(self, name):
                return lambda a: iter([a + '\n'])

        Template.initialize(None, lambda package, folder: Own())
        self.assertEqual(self.get('', a='given').text, 'given\n')
