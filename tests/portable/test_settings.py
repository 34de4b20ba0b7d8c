import os
import unittest
from binascii import hexlify

from microdot.settings import Settings

PATH = 'test-settings-%s.json' % hexlify(os.urandom(4)).decode()


def write(text, path=PATH):
    with open(path, 'wb') as file:
        file.write(text)


def read(path=PATH):
    with open(path, 'rb') as file:
        return file.read()


def remove():
    for end in ('', '.new', '.broken'):
        try:
            os.remove(PATH + end)
        except OSError:
            pass


class TestSettings(unittest.TestCase):
    def setUp(self):
        remove()

    def tearDown(self):
        remove()

    def test_defaults_hold_where_there_is_no_file(self):
        settings = Settings(PATH, wifi=None, name='sensor')
        self.assertIsNone(settings.wifi)
        self.assertEqual(settings.name, 'sensor')

    def test_what_is_saved_is_read_again(self):
        settings = Settings(PATH, name='sensor', limits={'low': 1}, on=True)
        settings.name = 'gr\u00fcn'
        settings.limits = {'low': [2, None, 0.5]}
        settings.save()
        again = Settings(PATH, name='', limits={}, on=False)
        self.assertEqual(again.name, 'gr\u00fcn')
        self.assertEqual(again.limits, {'low': [2, None, 0.5]})
        self.assertIs(again.on, True)
        self.assertEqual(sorted(name for name in os.listdir()
                                if name.startswith(PATH)), [PATH])

    def test_a_new_setting_has_its_default_and_an_old_one_is_left_out(self):
        write(b'{"old": 1, "name": "x"}')
        settings = Settings(PATH, name='', new=3)
        self.assertEqual((settings.name, settings.new), ('x', 3))
        self.assertFalse(hasattr(settings, 'old'))

    def test_a_value_of_another_type_is_not_used(self):
        write(b'{"count": "7", "on": 1, "ratio": 2, "any": [1]}')
        settings = Settings(PATH, count=1, on=False, ratio=0.5, any=None)
        self.assertEqual(settings.count, 1)
        self.assertIs(settings.on, False)
        self.assertEqual(settings.ratio, 2)
        self.assertEqual(settings.any, [1])

    def test_a_broken_file_is_kept_aside(self):
        for text in (b'', b'{', b'[]', b'{"name": "x"', b'\xff', b'null',
                     b'[' * 3000, b' ' * Settings.max_size + b'{}'):
            remove()
            write(text)
            settings = Settings(PATH, name='sensor')
            self.assertEqual(settings.name, 'sensor')
            self.assertEqual(read(PATH + '.broken'), text)
            settings.save()
            self.assertEqual(Settings(PATH, name='').name, 'sensor')

    def test_a_file_at_the_limit_is_read(self):
        start = b'{"name": "'
        write(start + b'x' * (Settings.max_size - len(start) - 2) + b'"}')
        self.assertEqual(len(Settings(PATH, name='').name),
                         Settings.max_size - len(start) - 2)

    def test_what_is_over_the_limit_is_not_saved(self):
        settings = Settings(PATH, name='a')
        settings.save()
        before = read()
        for more in (1, Settings.max_size):
            settings.name = 'x' * (Settings.max_size - 12 + more)
            with self.assertRaises(ValueError):
                settings.save()
            self.assertEqual(read(), before)
        settings.name = 'x' * (Settings.max_size - 12)
        settings.save()
        self.assertEqual(len(read()), Settings.max_size)

    def test_what_has_no_form_in_json_is_not_saved(self):
        settings = Settings(PATH, value=None)
        settings.save()
        for value in (b'x', {1: 2}, [object()], float('nan'), float('inf'),
                      (1,), {'a': [b'x']}):
            settings.value = value
            with self.assertRaises(ValueError):
                settings.save()
            self.assertEqual(read(), b'{"value": null}')

    def test_a_setting_without_a_default_is_an_error(self):
        settings = Settings(PATH, name='a')
        settings.nome = 'b'
        with self.assertRaises(AttributeError):
            settings.save()

    def test_names_of_methods_are_refused(self):
        for name in ('save', 'load', '_path', 'max_size'):
            with self.assertRaises(ValueError):
                Settings(PATH, **{name: 1})

    def test_a_cut_between_two_files_loses_nothing(self):
        # FAT: the old file is removed before the new one has its name
        write(b'{"name": "new"}', PATH + '.new')
        self.assertEqual(Settings(PATH, name='').name, 'new')

    def test_a_cut_while_writing_leaves_the_old_file(self):
        write(b'{"name": "old"}')
        write(b'{"name": "ne', PATH + '.new')
        self.assertEqual(Settings(PATH, name='').name, 'old')

    def test_an_error_while_writing_leaves_the_old_file(self):
        settings = Settings(PATH, name='old')
        settings.save()
        os.mkdir(PATH + '.new')
        try:
            with self.assertRaises(OSError):
                settings.save()
            self.assertEqual(read(), b'{"name": "old"}')
        finally:
            os.rmdir(PATH + '.new')
