import asyncio
import json
import os
import sys
import unittest

import fake_network
from helpers import change, free_port, run
from microdot import portal, wifi
from microdot.captive import encode_answer, escape, fits
from microdot.wifi import WiFi
from serving import Client, soon, until

PATH = 'test-portal.json'
FORM = b'Content-Type: application/x-www-form-urlencoded\r\n'


class Network(WiFi):
    patience = 1
    interval = 0.005
    longest_wait = 0.01
    time_server = None


class Phone:
    """A telephone that has joined the access point."""

    def __init__(self, port, opening):
        self.port = port
        self.opening = opening

    async def ask(self, start, host=None, more=b'', body=b''):
        host = host or b'127.0.0.1:%d' % self.port
        data = start + b' HTTP/1.1\r\nHost: ' + host + b'\r\n' + more + \
            b'Content-Length: %d\r\nConnection: close\r\n\r\n' % len(body) + \
            body
        while True:
            try:
                client = Client(*await asyncio.open_connection(
                    '127.0.0.1', self.port))
                await client.send(data)  # boards: it fails only here
                break
            except OSError:
                if self.opening.done():
                    await self.opening
                await asyncio.sleep(0.005)  # it is still starting
        answer = await client.answer()
        await client.close()
        return answer

    async def token(self):
        page = await self.ask(b'GET /')
        start = page.body.find(b'name=token value=') + 17
        return page.body[start:start + 16]

    async def save(self, ssid, password, token=None):
        if token is None:
            token = await self.token()
        return await self.ask(
            b'POST /', None, FORM, b'token=' + token + b'&ssid=' + ssid +
            b'&password=' + password)


def with_portal(test, name='My device', before=None, **kwargs):
    """Run ``test(phone)`` while a portal is open; return what it gave."""
    async def main():
        port = free_port()
        dns_port = free_port()
        opening = asyncio.create_task(portal.open(
            name, path=PATH, port=port, dns_port=dns_port,
            linger=0, **kwargs))
        try:
            await test(Phone(port, opening))
            connected = await soon(opening)
            await connected.disconnect()
            return connected
        finally:
            opening.cancel()
            try:
                await opening
            except asyncio.CancelledError:
                pass
    return run(main())


class Enough(Exception):
    pass


@unittest.skipIf(not hasattr(asyncio, 'run'), 'needs an event loop')
class TestPortal(unittest.TestCase):
    def setUp(self):
        for module in (portal, wifi):
            change(self, module, 'network', fake_network)
        change(self, portal, 'WiFi', Network)
        fake_network.reset(home='secret88', other='')

    def tearDown(self):
        try:
            os.remove(PATH)
        except OSError:
            pass

    def look(self, test, **kwargs):
        # a portal that is left open
        async def look(phone):
            await test(phone)
            raise Enough
        with self.assertRaises(Enough):
            with_portal(look, **kwargs)
        self.assertFalse(fake_network.WLAN(1).active())

    def test_it_connects_and_keeps_the_network(self):
        async def test(phone):
            answer = await phone.save(b'home', b'secret88')
            self.assertEqual(answer.status, 303)
        connected = with_portal(test)
        self.assertEqual(connected.networks, [('home', 'secret88')])
        with open(PATH) as file:
            self.assertEqual(json.load(file)['ssid'], 'home')
        self.assertEqual(fake_network.WLAN(1).settings['ssid'], 'My device')
        self.assertFalse(fake_network.WLAN(1).active())

    def test_without_room_for_its_file_it_is_connected_all_the_same(self):
        async def test(phone):
            await phone.save(b'home', b'secret88')

        os.mkdir(PATH + '.new')
        try:
            found = with_portal(test)
        finally:
            os.rmdir(PATH + '.new')
        self.assertEqual(found.networks, [('home', 'secret88')])
        self.assertEqual(WiFi.load(PATH).networks, [])

    def test_a_wrong_password_is_told_and_not_kept(self):
        async def test(phone):
            await phone.save(b'home', b'wrong-one')
            await until(lambda: fake_network.WLAN(0).attempts)
            page = b''
            while b'wrong password' not in page:
                page = (await phone.ask(b'GET /')).body
            self.assertFalse(PATH in os.listdir())
            await phone.save(b'home', b'secret88')
        connected = with_portal(test)
        self.assertEqual(connected.networks, [('home', 'secret88')])

    def test_forms_of_other_pages_are_refused(self):
        async def test(phone):
            for token in (b'', b'0123456789abcdef'):
                answer = await phone.save(b'home', b'secret88', token)
                self.assertEqual(answer.status, 403)
            self.assertEqual(fake_network.WLAN(0).attempts, [])
        self.look(test)

    def test_names_and_passwords_have_their_lengths(self):
        async def test(phone):
            for ssid, password in (
                    (b'', b'secret88'), (b'x' * 33, b'secret88'),
                    (b'x' * 3000, b''), (b'home', b'seven77'),
                    (b'home', b'x' * 64)):
                answer = await phone.save(ssid, password)
                self.assertEqual(answer.status, 400)
            self.assertEqual(fake_network.WLAN(0).attempts, [])
        self.look(test)

    def test_all_other_hosts_lead_to_the_page(self):
        async def test(phone):
            for start in (b'GET /generate_204', b'GET /', b'POST /x'):
                answer = await phone.ask(start, b'example.org')
                self.assertEqual(answer.status, 302)
                self.assertEqual(answer.headers['location'],
                                 'http://127.0.0.1:%d/' % phone.port)
            self.assertEqual((await phone.ask(b'GET /favicon.ico')).status,
                             404)
        self.look(test)

    def test_names_of_networks_are_no_markup(self):
        fake_network.reset(**{'<b>"&': ''})

        async def test(phone):
            page = (await phone.ask(b'GET /')).body
            self.assertIn(b'<option value="&lt;b>&quot;&amp;">', page)
            self.assertIn(b'<title>&lt;i>me</title>', page)
            self.assertFalse(b'<b>' in page or b'<i>' in page)
        self.look(test, name='<i>me')

    def test_an_access_point_has_a_password_where_one_is_given(self):
        async def test(phone):
            await phone.token()
            settings = fake_network.WLAN(1).settings
            self.assertEqual(settings['key'], '12345678')
            self.assertEqual(settings['authmode'], 3)
        self.look(test, password='12345678')
        fake_network.reset(home='secret88')

        async def test(phone):
            await phone.token()
            settings = fake_network.WLAN(1).settings
            self.assertFalse('key' in settings)
            self.assertEqual(settings['security'], 0)
        fake_network.WLAN(1).refuses_authmode = True
        self.look(test)

    def test_names_that_no_access_point_has_are_errors(self):
        for name, password in (('', None), ('x' * 33, None), ('x', '1234567'),
                               ('x', '1' * 64)):
            with self.assertRaises(ValueError):
                run(portal.open(name, password))

    @unittest.skipIf(sys.implementation.name != 'micropython',
                     'modules stay')
    def test_what_it_shows_takes_no_heap_afterwards(self):
        async def test(phone):
            token = await phone.token()
            self.assertIn('microdot.captive', sys.modules)
            await phone.save(b'home', b'secret88', token)
        with_portal(test)
        self.assertFalse('microdot.captive' in sys.modules)
        self.assertFalse(hasattr(sys.modules['microdot'], 'captive'))
        with_portal(test)

    def test_without_a_board_it_is_connected_at_once(self):
        portal.network = wifi.network = None

        async def test(phone):
            pass
        self.assertEqual(with_portal(test).networks, [])


class TestNames(unittest.TestCase):
    def test_lengths_are_those_of_wifi(self):
        for name, password, expected in (
                ('a', None, True), ('a' * 32, '', True), ('', None, False),
                ('a' * 33, None, False), ('\xe4' * 16, None, True),
                ('\xe4' * 17, None, False), ('a', '1234567', False),
                ('a', '12345678', True), ('a', '1' * 63, True),
                ('a', '1' * 64, False)):
            self.assertEqual(fits(name, password), expected)

    QUERY = b'\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\2bc\0\0\1\0\1'

    def test_every_name_is_the_board(self):
        answer = encode_answer(self.QUERY, bytes((10, 0, 0, 1)))
        self.assertEqual(
            answer, b'\x12\x34\x85\x80\0\1\0\1\0\0\0\0' + self.QUERY[12:] +
            b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\1')

    def test_there_is_no_ipv6(self):
        query = self.QUERY[:-4] + b'\0\x1c\0\1'
        answer = encode_answer(query, bytes(4))
        self.assertEqual(answer[6:8], b'\0\0')
        self.assertEqual(len(answer), len(query))

    def test_what_is_cut_or_no_query_gets_no_answer(self):
        for size in range(len(self.QUERY)):
            self.assertIsNone(encode_answer(self.QUERY[:size], bytes(4)))
        for at, byte in ((2, 0x80), (5, 2), (5, 0), (12, 0xc0)):
            query = bytearray(self.QUERY)
            query[at] = byte
            self.assertIsNone(encode_answer(bytes(query), bytes(4)))
        self.assertIsNone(encode_answer(
            self.QUERY[:12] + b'\x3f' + b'a' * 63 * 5 + b'\0\0\1\0\1',
            bytes(4)))

    def test_markup_is_escaped(self):
        self.assertEqual(escape('<a b="c">&amp;'),
                         '&lt;a b=&quot;c&quot;>&amp;amp;')
