import asyncio
import hashlib
import hmac
import json
import os
import sys
import unittest
from binascii import hexlify

import fake_network

sys.path.append(__file__.rsplit('/', 1)[0] + '/../../libs/micropython'
                if '/' in __file__ else '../../libs/micropython')

import ota_boot

from helpers import run
from microdot import Microdot, ota, ota_update
from microdot.ota import Ota
from microdot.test_client import TestClient

KEY = b'0123456789abcdef'
FOLDER = 'test-ota'

OLD = {'main.py': b'old main', 'lib/a.py': b'old a', 'same.txt': b'same',
       'gone.txt': b'old gone'}
NEW = {'main.py': b'new main' * 100, 'lib/a.py': b'new a',
       'same.txt': b'same', 'lib/deep/b.py': b'new b'}


def digest(data):
    return hexlify(hashlib.sha256(data).digest()).decode()


def exists(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def write(path, data):
    for i, char in enumerate(path):
        if char == '/' and not exists(path[:i]):
            os.mkdir(path[:i])
    with open(path, 'wb') as file:
        file.write(data)


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def files(folder=''):
    """Return the contents of all files, by path."""
    found = {}
    for name in os.listdir(folder or '.'):
        path = folder + name
        if os.stat(path)[0] & 0x4000:
            found.update(files(path + '/'))
        else:
            found[path] = read(path)
    return found


def remove(path):
    if os.stat(path)[0] & 0x4000:
        for name in os.listdir(path):
            remove(path + '/' + name)
        os.rmdir(path)
    else:
        os.remove(path)


def manifest(contents, version, **more):
    return dict(version=version, files={
        path: digest(contents[path]) for path in contents}, **more)


class PowerCut(BaseException):
    pass


class Power:
    """Stands for ``os`` and ``open``: fails at one operation on files, and
    at each that follows."""

    def __init__(self, operations=None, full=None):
        self.left = operations
        self.full = full
        self.count = 0

    def use(self, count=True):
        if count:
            self.count += 1
        if self.left is not None and self.count > self.left:
            raise PowerCut

    def open(self, path, mode='r'):
        self.use('w' in mode)
        if 'w' not in mode:
            return open(path, mode)
        return File(self, open(path, mode))

    def rename(self, old, new):
        self.use()
        if exists(new):
            raise OSError(17)  # as on FAT
        os.rename(old, new)

    def remove(self, path):
        self.use()
        os.remove(path)

    def mkdir(self, path):
        self.use()
        os.mkdir(path)

    def stat(self, path):
        self.use(False)
        return os.stat(path)

    def urandom(self, size):
        return os.urandom(size)


class File:
    def __init__(self, power, file):
        self.power = power
        self.file = file

    def write(self, data):
        if self.power.full is not None:
            self.power.full -= len(data)
            if self.power.full < 0:
                raise OSError(28)
        try:
            self.power.use()
        except PowerCut:
            self.file.write(data[:len(data) // 2])
            raise
        return self.file.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.file.close()


class Sender:
    """Sends an update to an application."""

    def __init__(self, app, key=KEY):
        self.client = TestClient(app)
        self.key = key
        self.nonce = None

    def sign(self, data):
        return {'Signature': hexlify(hmac.digest(
            self.key, self.nonce.encode() + data, 'sha256')).decode()}

    async def begin(self, wanted):
        self.nonce = (await self.client.get('/_ota')).json['nonce']
        body = json.dumps(wanted).encode()
        self.headers = self.sign(body)
        self.headers['Content-Type'] = 'application/json'
        self.body = body
        res = await self.client.post('/_ota', headers=self.headers, body=body)
        if res.status_code == 200:
            self.nonce = res.json['nonce']
        return res

    async def put(self, path, data):
        return await self.client.put('/_ota/' + path, body=data,
                                     headers=self.sign(path.encode()))

    async def restart(self):
        return await self.client.post('/_ota/restart', body=b'',
                                      headers=self.sign(b'restart'))

    async def send(self, contents, version, **more):
        """Send a whole update; return the last answer."""
        res = await self.begin(manifest(contents, version, **more))
        if res.status_code != 200:
            return res
        for path in res.json['wanted']:
            res = await self.put(path, contents[path])
            if res.status_code != 204:
                return res
        return await self.restart()


class Timer:
    PERIODIC = 1
    started = []

    def __init__(self, number):
        pass

    def init(self, **options):
        Timer.started.append(options)

    def deinit(self):
        Timer.started.pop()


@unittest.skipIf(not hasattr(os, 'mkdir') or not hasattr(asyncio, 'run'),
                 'needs files and an event loop')
class TestOta(unittest.TestCase):
    def setUp(self):
        self.home = os.getcwd()
        if exists(FOLDER):
            remove(FOLDER)
        os.mkdir(FOLDER)
        os.chdir(FOLDER)
        self.resets = []
        fake_network.Timer = Timer
        fake_network.reset_board = None
        sys.modules['machine'] = self
        self.Timer = Timer
        Timer.started[:] = []
        self.lay_out()

    def reset(self):
        # in place of machine.reset()
        self.resets.append(1)

    def tearDown(self):
        for module in (ota, ota_update, ota_boot):
            module.os = os
            module.open = open
        os.chdir(self.home)
        remove(FOLDER)
        sys.modules['machine'] = fake_network

    def lay_out(self):
        for path in list(files()):
            os.remove(path)
        for path in OLD:
            write(path, OLD[path])
        write('ota.json', json.dumps(manifest(OLD, 1)).encode())

    def app(self):
        app = Microdot()
        Ota(app, KEY, reset=self.reset)

        @app.get('/')
        async def index(request):
            return 'up'

        return app

    def switched(self, power):
        for module in (ota, ota_update, ota_boot):
            module.os = power
            module.open = power.open

    def version(self):
        """Return which version the files are: 1 or 2; nothing else is left
        of the other but what has another name."""
        found = files()
        version = json.loads(found['ota.json'].decode())['version']
        for path, data in (OLD if version == 1 else NEW).items():
            self.assertEqual(found[path], data)
        self.assertEqual('gone.txt' in found, version == 1)
        self.assertEqual('lib/deep/b.py' in found and version == 1, False)
        return version

    def send(self, contents=NEW, version=2, app=None, key=KEY, **more):
        async def main():
            res = await Sender(app or self.app(), key).send(
                contents, version, **more)
            await asyncio.sleep(0)
            return res
        try:
            return run(main())
        finally:
            # (the update's own restart: after a second, if it takes that long)
            self.resets.clear()

    def serve(self):
        async def main():
            return await TestClient(self.app()).get('/')
        self.assertEqual(run(main()).text, 'up')

    def test_an_update_is_installed_and_kept_once_it_serves(self):
        res = self.send()
        self.assertEqual(res.status_code, 204)
        self.assertEqual(self.version(), 1)
        self.assertTrue(ota_boot.start())
        self.assertEqual(self.version(), 2)
        self.assertEqual(Timer.started[0]['period'], 30000)
        self.serve()
        self.assertEqual(sorted(files()), sorted(list(NEW) + ['ota.json']))
        self.assertEqual(len(Timer.started), 1)
        ota_boot.end_trial()
        self.assertEqual((self.resets, Timer.started), ([], []))
        self.assertFalse(ota_boot.start())
        self.assertEqual(self.version(), 2)

    def test_one_that_does_not_serve_is_taken_back(self):
        self.send()
        ota_boot.start()
        self.assertEqual(self.version(), 2)
        ota_boot.end_trial()
        self.assertEqual(self.resets, [1])
        self.assertFalse(ota_boot.start())
        self.assertEqual(self.version(), 1)
        self.assertEqual(sorted(files()), sorted(list(OLD) + ['ota.json']))

    def test_only_what_differs_is_wanted(self):
        async def main():
            res = await Sender(self.app()).begin(manifest(NEW, 2))
            self.assertEqual(sorted(res.json['wanted']),
                             ['lib/a.py', 'lib/deep/b.py', 'main.py'])
        run(main())

    def test_wrong_keys_and_old_nonces_are_refused(self):
        self.assertEqual(self.send(key=b'0123456789abcdeF').status_code, 403)

        async def main():
            app = self.app()
            sender = Sender(app)
            res = await sender.begin(manifest(NEW, 2))
            self.assertEqual(res.status_code, 200)
            again = await sender.client.post(
                '/_ota', headers=sender.headers, body=sender.body)
            self.assertEqual(again.status_code, 403)
            for headers in ({}, {'Signature': ''}, {'Signature': '\xe9' * 64},
                            sender.sign(b'other')):
                for res in (
                        await sender.client.put('/_ota/main.py', body=b'x',
                                                headers=headers),
                        await sender.client.post('/_ota/restart', body=b'',
                                                 headers=headers)):
                    self.assertEqual(res.status_code, 403)
            # without a nonce nothing is right
            fresh = Sender(self.app())
            fresh.nonce = ''
            self.assertEqual((await fresh.restart()).status_code, 403)
        run(main())
        self.assertEqual(self.version(), 1)

    def test_who_asks_in_the_middle_of_an_update_does_not_end_it(self):
        async def main():
            app = self.app()
            sender = Sender(app)
            await sender.begin(manifest(NEW, 2))
            for path in ('lib/a.py', 'lib/deep/b.py', 'main.py'):
                res = await TestClient(app).get('/_ota')
                self.assertEqual(res.status_code, 200)
                res = await sender.put(path, NEW[path])
                self.assertEqual(res.status_code, 204)
            # who begins another one does
            other = Sender(app)
            res = await other.begin(manifest(NEW, 3))
            self.assertEqual(res.status_code, 200)
            self.assertEqual((await sender.restart()).status_code, 403)
        run(main())

    def test_what_an_update_left_when_the_power_was_cut_is_removed(self):
        async def main():
            sender = Sender(self.app())
            await sender.begin(manifest(NEW, 2))
            await sender.put('main.py', NEW['main.py'])
            self.assertTrue(exists('main.py.new'))
            # the board has started again, and the next one brings other files
            contents = dict(NEW)
            contents['main.py'] = OLD['main.py']
            await Sender(self.app()).begin(manifest(contents, 2))
            self.assertFalse(exists('main.py.new'))
        run(main())

    def test_a_lower_version_has_to_be_asked_for(self):
        for version in (0, 1):
            self.assertEqual(self.send(version=version).status_code, 409)
        self.assertEqual(self.send(version=0, lower=True).status_code, 204)

    def test_lists_that_are_no_lists_are_refused(self):
        good = manifest(NEW, 2)
        bad = [[], {}, 1, None, 'x', {'files': {}, 'version': 2},
               {'files': good['files']}, {'version': 2},
               {'files': [], 'version': 2}, {'files': {'a': 1}, 'version': 2},
               {'files': {'a': 'x'}, 'version': '2'},
               {'files': {'a': 'x'}, 'version': 2.5},
               {'files': {'a': 'x'}, 'version': True}]
        for path in ('', '/a', 'a//b', '../a', 'a/..', './a', 'a/', 'boot.py',
                     'ota_boot.py', 'ota.new', 'lib/ota_boot.mpy',
                     'lib/boot.py', 'a.new', 'a.old',
                     'a\\b', 'a\nb', 'c:a', 'x' * (Ota.max_path + 1)):
            bad.append({'version': 2, 'files': {path: digest(b'')}})
        bad.append({'version': 2, 'files': {
            'f%d' % i: digest(b'') for i in range(Ota.max_files + 1)}})

        async def main():
            app = self.app()
            for each in bad:
                res = await Sender(app).begin(each)
                self.assertEqual(res.status_code, 400)
            res = await Sender(app).begin({'version': 2, 'files': {
                'x' * Ota.max_path: digest(b'')}})
            self.assertEqual(res.status_code, 200)
        run(main())

    def test_a_file_that_is_another_is_refused(self):
        async def main():
            sender = Sender(self.app())
            await sender.begin(manifest(NEW, 2))
            for data in (b'', b'new main' * 99, b'new main' * 101):
                res = await sender.put('main.py', data)
                self.assertEqual(res.status_code, 400)
                self.assertFalse(exists('main.py.new'))
            self.assertEqual((await sender.put('x', b'')).status_code, 409)
            self.assertEqual(
                (await sender.put('same.txt', b'same')).status_code, 409)
            # nor is there a restart before all are here
            await sender.put('main.py', NEW['main.py'])
            self.assertEqual((await sender.restart()).status_code, 409)
        run(main())
        self.assertEqual(self.version(), 1)

    def test_a_file_has_a_limit(self):
        self.addCleanup(setattr, Ota, 'max_size', Ota.max_size)
        Ota.max_size = 800
        self.assertEqual(self.send().status_code, 204)
        for size in (799, 10):
            self.lay_out()
            Ota.max_size = size
            self.assertEqual(self.send().status_code, 413)
            self.assertEqual(self.version(), 1)

    def test_full_flash_leaves_the_old_version(self):
        size = sum(len(data) for data in NEW.values())
        for full in (0, 5, 300, 805, 812):
            self.lay_out()
            power = Power(full=full)
            self.switched(power)
            res = self.send()
            self.switched(Power())
            self.assertEqual(res.status_code, 507)
            self.assertFalse(ota_boot.start())
            self.assertEqual(self.version(), 1)
        self.lay_out()
        self.switched(Power(full=size + 2000))
        self.assertEqual(self.send().status_code, 204)

    def test_a_second_update_waits_for_the_first(self):
        self.send()
        self.assertEqual(self.send().status_code, 409)
        ota_boot.start()
        app = self.app()
        self.assertEqual(self.send(version=3, app=app).status_code, 204)

    def test_short_keys_are_refused(self):
        with self.assertRaises(ValueError):
            Ota(Microdot(), b'x' * 15)

    # Power cuts, at each operation on files.

    def boot(self):
        """Start the board with power that stays."""
        self.switched(Power())
        tried = ota_boot.start()
        return tried, self.version()

    def test_power_cut_while_an_update_comes(self):
        cuts = 0
        while True:
            self.lay_out()
            power = Power(cuts)
            self.switched(power)
            try:
                self.send()
            except PowerCut:
                pass
            if power.count <= cuts:
                break
            tried, version = self.boot()
            self.assertEqual((tried, version),
                             (version == 2, 2 if tried else 1))
            cuts += 1
        self.assertTrue(cuts > 10)

    def test_power_cut_while_the_files_change_places(self):
        cuts = 0
        while True:
            self.lay_out()
            self.switched(Power())
            self.send()
            self.switched(Power(cuts))
            try:
                ota_boot.start()
                break
            except PowerCut:
                pass
            self.assertEqual(self.boot(), (True, 2))
            cuts += 1
        self.assertTrue(cuts > 5)

    def test_power_cut_while_the_old_version_comes_back(self):
        cuts = 0
        while True:
            self.lay_out()
            self.switched(Power())
            self.send()
            ota_boot.start()
            self.switched(Power(cuts))
            try:
                ota_boot.start()
                break
            except PowerCut:
                pass
            self.assertEqual(self.boot(), (False, 1))
            cuts += 1
        self.assertTrue(cuts > 5)

    def test_power_cut_while_the_new_version_is_kept(self):
        cuts = 0
        while True:
            self.lay_out()
            self.switched(Power())
            self.send()
            ota_boot.start()
            app = self.app()
            power = Power(cuts)
            self.switched(power)
            try:
                run(TestClient(app).get('/'))
            except PowerCut:
                pass
            if power.count <= cuts:
                break
            tried, version = self.boot()
            self.assertFalse(tried)
            self.assertEqual(version, 2 if cuts else 1)
            self.serve()
            self.assertEqual(sorted(files()), sorted(
                list(NEW if cuts else OLD) + ['ota.json']))
            cuts += 1
        self.assertTrue(cuts > 2)
