import asyncio
import os
import time
import unittest
from binascii import hexlify

import fake_network
from helpers import change, run
from microdot import wifi as module
from microdot.wifi import WiFi
from serving import until

PATH = 'test-wifi-%s.json' % hexlify(os.urandom(4)).decode()


class Network(WiFi):
    """Without the waits of a real network."""
    patience = 1
    interval = 0.005
    longest_wait = 0.02
    time_server = None


class TestWiFi(unittest.TestCase):
    def setUp(self):
        change(self, module, 'network', fake_network)
        fake_network.reset(home='secret88', work='secret99')

    def connect(self, networks, timeout=None, hostname=None):
        async def main():
            wifi = Network(networks, hostname)
            try:
                return wifi, await wifi.connect(timeout)
            except OSError as exc:
                # it goes on, and has perhaps not come far
                await until(lambda: len(fake_network.WLAN(0).attempts) > 1)
                return wifi, exc
            finally:
                self.status = wifi.status
                await wifi.disconnect()
        return run(main())

    def test_it_connects(self):
        wifi, address = self.connect([('home', 'secret88')], hostname='lamp')
        self.assertEqual(address, '127.0.0.1')
        self.assertEqual(self.status, 'connected')
        self.assertEqual(wifi.status, 'idle')
        self.assertIsNone(wifi.address)
        self.assertEqual(fake_network.hostnames, ['lamp'])

    def test_it_takes_the_network_that_is_in_reach(self):
        _, address = self.connect([('away', 'x'), ('broken', 'x'),
                                   ('work', 'secret99')])
        self.assertEqual(address, '127.0.0.1')
        self.assertEqual(fake_network.WLAN(0).attempts,
                         ['away', 'broken', 'work'])

    def test_it_says_why_it_is_not_connected(self):
        for name, status in (('away', 'no such network'),
                             ('home', 'wrong password'),
                             ('broken', 'failed')):
            fake_network.reset(home='secret88')
            _, exc = self.connect([(name, 'x')], 0.1)
            self.assertTrue(isinstance(exc, OSError))
            self.assertEqual(self.status, status)
            self.assertIn(status, str(exc))

    def test_a_network_that_never_answers_is_given_up(self):
        Network.patience = 0.2
        try:
            fake_network.in_reach['work'] = 'secret99'
            _, address = self.connect([('slow', 'x'), ('work', 'secret99')])
            self.assertEqual(address, '127.0.0.1')
        finally:
            Network.patience = 1

    def test_a_driver_that_blocks_for_longer_than_the_timeout_counts(self):
        wlan = fake_network.WLAN(0)
        connect = wlan.connect

        def block(ssid, password):
            # at the second attempt, as the first is made at once
            if wlan.attempts:
                time.sleep(0.3)
                fake_network.in_reach['late'] = 'x'
            connect(ssid, password)

        wlan.connect = block
        _, address = self.connect([('late', 'x')], 0.1)
        self.assertEqual(address, '127.0.0.1')

    def test_it_connects_again_when_the_network_is_back(self):
        async def main():
            wifi = Network([('home', 'secret88')])
            await wifi.connect()
            password = fake_network.in_reach.pop('home')
            await until(lambda: wifi.status == 'no such network')
            self.assertIsNone(wifi.address)
            fake_network.in_reach['home'] = password
            self.assertEqual(await wifi.connect(), '127.0.0.1')
            self.assertEqual(wifi.connections, 2)
            await wifi.disconnect()
        run(main())

    def test_an_error_is_not_the_end_of_all_attempts(self):
        errors = [MemoryError(), MemoryError()]

        async def main():
            wifi = Network([('home', 'secret88')])
            await wifi.connect()
            wlan = fake_network.WLAN(0)
            connected = wlan.isconnected

            def isconnected():
                if errors:
                    raise errors.pop()
                return connected()

            wlan.isconnected = isconnected
            await until(lambda: not errors)
            password = fake_network.in_reach.pop('home')
            await until(lambda: wifi.status == 'no such network')
            fake_network.in_reach['home'] = password
            self.assertEqual(await wifi.connect(), '127.0.0.1')
            await wifi.disconnect()
        run(main())

    def test_it_needs_a_network(self):
        async def main():
            with self.assertRaises(ValueError):
                await Network().connect()
        run(main())

    def test_without_a_board_there_is_nothing_to_do(self):
        module.network = None

        async def main():
            wifi = Network()
            self.assertEqual(await wifi.connect(), '127.0.0.1')
            self.assertEqual(wifi.status, 'connected')
            await wifi.disconnect()
        run(main())

    def test_networks_are_kept_in_a_file(self):
        path = PATH
        try:
            for networks in ([], [('a', 'b')], [('a', 'b'), ('\u00fc', '')]):
                WiFi(networks, 'lamp').save(path)
                wifi = WiFi.load(path)
                self.assertEqual(wifi.networks, networks)
                self.assertEqual(wifi.hostname, 'lamp')
            with open(path, 'w') as file:
                file.write('{"ssid": "a", "password": "b"}')
            self.assertEqual(WiFi.load(path).networks, [('a', 'b')])
            # a power cut between the two steps of FAT
            os.rename(path, path + '.new')
            self.assertEqual(WiFi.load(path).networks, [('a', 'b')])
            os.rename(path + '.new', path)
            for text in ('', '[]', '1', '{"ssid": 1}',
                         '{"ssid": "a", "more": [1]}',
                         '{"ssid": "a", "more": {}}'):
                with open(path, 'w') as file:
                    file.write(text)
                with self.assertRaises(ValueError):
                    WiFi.load(path)
        finally:
            os.remove(path)
        self.assertEqual(WiFi.load(path).networks, [])


    def test_what_cannot_be_written_leaves_the_old_file(self):
        path = PATH
        WiFi([('a', 'b')]).save(path)
        self.addCleanup(os.remove, path)
        os.mkdir(path + '.new')
        self.addCleanup(os.rmdir, path + '.new')
        with self.assertRaises(OSError):
            WiFi([('c', 'd')]).save(path)
        self.assertEqual(WiFi.load(path).networks, [('a', 'b')])


class TestTime(unittest.TestCase):
    def setUp(self):
        from microdot import udp
        fake_network.reset(home='secret88')
        self.addCleanup(setattr, udp, 'due', 0)
        udp.due = 0

    def stand_in(self, look_up):
        # Have this, and a time server, in place of the network's.
        from microdot import udp

        async def network_time(address):
            return 1800000000  # 2027-01-15 08:00:00

        self.addCleanup(setattr, udp, 'look_up', udp.look_up)
        self.addCleanup(setattr, udp, 'network_time', udp.network_time)
        udp.look_up = look_up
        udp.network_time = network_time
        change(self, module, 'network', fake_network)

    def test_the_clock_is_set_after_connecting(self):
        asked = []

        async def look_up(name, server):
            asked.append((name, server))
            return '127.0.0.1'

        self.stand_in(look_up)

        async def main():
            wifi = Network([('home', 'secret88')])
            wifi.time_server = 'time.example'
            await wifi.connect()
            await until(lambda: fake_network.times)
            await wifi.disconnect()
        run(main())
        self.assertEqual(asked, [('time.example', '127.0.0.1')])
        self.assertEqual(fake_network.times,
                         [(2027, 1, 15, 4, 8, 0, 0, 0)])

    def test_the_clock_is_set_when_the_time_server_is_back(self):
        from microdot import udp

        asked = []

        async def look_up(name, server):
            asked.append(name)
            if len(asked) == 1:
                raise MemoryError()  # whatever is wrong then
            return '127.0.0.1'

        self.stand_in(look_up)

        async def main():
            wifi = Network([('home', 'secret88')])
            wifi.time_server = 'time.example'
            await wifi.connect()
            await until(lambda: asked)
            await asyncio.sleep(0)
            # a minute later
            self.assertTrue(0 < udp.due - time.time() <= 60)
            self.assertEqual(fake_network.times, [])
            udp.due = 0
            await until(lambda: fake_network.times)
            # and not before tomorrow
            self.assertTrue(60 < udp.due - time.time() <= 86400)
            await wifi.disconnect()
            self.assertEqual(wifi.connections, 1)
        run(main())
        self.assertEqual(asked, ['time.example'] * 2)

    def test_a_time_server_out_of_reach_changes_nothing(self):
        asked = []

        async def look_up(name, server):
            asked.append(name)
            raise OSError(110, 'no answer')

        self.stand_in(look_up)

        async def main():
            wifi = Network([('home', 'secret88')])
            wifi.time_server = 'time.example'
            self.assertEqual(await wifi.connect(), '127.0.0.1')
            await until(lambda: asked)
            await asyncio.sleep(0)
            self.assertEqual(wifi.status, 'connected')
            await wifi.disconnect()
        run(main())
        self.assertEqual(fake_network.times, [])
