"""Settings from the environment and from files."""

import os
import unittest

from microdot.config import CommaSeparated, Config

NEEDS_EVENT_LOOP = False
PATH = 'test_config.env'
JSON = 'test_config.json'
#: A variable that every environment of the tests has, where there is one.
KNOWN = 'PATH'


def can_write():
    try:
        with open(PATH, 'wb'):
            pass
    except OSError:
        return False
    try:
        os.remove(PATH)
    except OSError:
        pass  # another process, which loads this file too, was quicker
    return True


@unittest.skipIf(not can_write(), 'no file system')
class TestConfig(unittest.TestCase):
    def write(self, data, path=PATH):
        with open(path, 'wb') as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        self.addCleanup(os.remove, path)
        return path

    def config(self, data, **kwargs):
        return Config(self.write(data), **kwargs)

    def test_values_are_text(self):
        self.assertEqual(self.config('MD_X=21\n')('MD_X'), '21')

    def test_lines_are_read_as_documented(self):
        for line, expected in (
                ('MD_X=a', 'a'),
                ('MD_X = a b ', 'a b'),
                ('MD_X=a\r', 'a'),
                ('export MD_X=a', 'a'),
                ('export\tMD_X=a', 'a'),
                ('MD_X=a=b', 'a=b'),
                ('MD_X=', ''),
                ('MD_X=a # comment', 'a'),
                ('MD_X=# comment', '# comment'[:0]),
                ('MD_X=a#b', 'a#b'),
                ('MD_X="a # b" # comment', 'a # b'),
                ("MD_X=' a '", ' a '),
                ('MD_X=""', ''),
                ('MD_X="a', '"a'),
                ('MD_X="it\'s"', "it's"),
                ('MD_X=$HOME `id` $(id) ${PATH} \\n',
                 '$HOME `id` $(id) ${PATH} \\n'),
                ('MD_X=ü€', 'ü€')):
            with self.subTest(line=line):
                path = 'test_config_%d.env' % len(line)
                with open(path, 'wb') as file:
                    file.write(line.encode())
                try:
                    self.assertEqual(Config(path)('MD_X'), expected)
                finally:
                    os.remove(path)

    def test_other_lines_are_skipped(self):
        config = self.config(
            '\n \n# MD_X=1\n  #MD_X=2\nMD_X\n=3\n \t = 4\nMD_Y=5')
        self.assertEqual(config('MD_Y'), '5')
        with self.assertRaises(KeyError):
            config('MD_X')

    def test_the_last_of_a_name_counts(self):
        self.assertEqual(self.config('MD_X=1\nMD_X=2')('MD_X'), '2')

    def test_the_environment_comes_first(self):
        if not hasattr(os, 'environ') or not os.getenv(KNOWN):
            self.skipTest('no environment')
        config = self.config(KNOWN + '=file')
        self.assertEqual(config(KNOWN), os.getenv(KNOWN))

    def test_the_prefix_is_part_of_each_name(self):
        config = self.config('MD_X=1\nX=2', prefix='MD_')
        self.assertEqual(config('X'), '1')
        with self.assertRaises(KeyError):
            config('MD_X')

    def test_a_missing_one_is_a_key_error_that_names_it(self):
        with self.assertRaises(KeyError) as caught:
            self.config('', prefix='MD_')('X')
        self.assertIn('MD_X', str(caught.exception))

    def test_a_default_takes_the_place_of_a_missing_one(self):
        config = self.config('MD_X=1')
        self.assertEqual(config('MD_X', default='2'), '1')
        self.assertEqual(config('MD_Y', default='2'), '2')
        self.assertIs(config('MD_Y', default=None), None)
        self.assertIs(config('MD_Y', cast=int, default=None), None)
        self.assertIs(config('MD_Y', cast=bool, default=False), False)
        self.assertEqual(config('MD_Y', cast=int, default=True), 1)
        self.assertEqual(config('MD_Y', int, '7'), 7)

    def test_bool_knows_eight_words(self):
        for text, expected in (
                ('1', True), ('true', True), ('Yes', True), ('ON', True),
                ('0', False), ('False', False), ('no', False),
                ('off', False)):
            with self.subTest(text=text):
                self.assertIs(Config()('MD_X', bool, text), expected)
        for text in '', '2', 'y', 'truefalse', '1 true':
            with self.subTest(text=text):
                with self.assertRaises(ValueError):
                    Config()('MD_X', bool, text)

    def test_what_does_not_fit_the_cast_is_a_value_error(self):
        with self.assertRaises(ValueError):
            self.config('MD_X=many')('MD_X', cast=int)

    def test_json_files_have_values_with_types(self):
        path = self.write('{"MD_X": 21, "MD_Y": [1], "MD_Z": true}',
                          JSON)
        config = Config(path)
        self.assertEqual(config('MD_X'), 21)
        self.assertEqual(config('MD_Y'), [1])
        self.assertIs(config('MD_Z', cast=bool), True)

    def test_malformed_files_are_refused(self):
        with open(JSON, 'wb') as file:
            file.write(b'x')
        self.addCleanup(os.remove, JSON)
        with self.assertRaises(ValueError):
            Config(JSON)
        with self.assertRaises(ValueError):
            self.config(b'MD_X=\xff\xfe')

    def test_a_missing_file_is_an_empty_one(self):
        self.assertEqual(
            Config('test_config_none.env')('MD_X', default='a'), 'a')

    def test_a_folder_is_no_file(self):
        os.mkdir('test_config_folder')
        self.addCleanup(os.rmdir, 'test_config_folder')
        with self.assertRaises(OSError):
            Config('test_config_folder')

    def test_without_a_file_there_is_only_the_environment(self):
        with self.assertRaises(KeyError):
            Config()('MD_X')


class TestCasts(unittest.TestCase):
    def test_comma_separated_items_are_a_list(self):
        for value, expected in (
                ('a,b', ['a', 'b']), (' a , b ', ['a', 'b']),
                ('a', ['a']), ('', []),
                (',, ,', []), (('a', 'b'), ['a', 'b'])):
            with self.subTest(value=value):
                self.assertEqual(CommaSeparated(value), expected)
