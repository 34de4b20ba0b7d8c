"""Tests of the notes. Run them by ``python -m unittest``."""
import asyncio
import os
import tempfile
import unittest

import database
from app import app, hub

from microdot import password
from microdot.test_client import TestClient

# Hashing is slow on purpose; tests need not wait for it.
password.default_iterations = 1000


class TestNotes(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        # Each test has a database of its own.
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        database.path = os.path.join(folder.name, 'test.sqlite')
        database.create()
        self.client = TestClient(app)

    async def sign_up(self, name):
        client = TestClient(app)
        response = await client.post('/signup', form={
            'name': name, 'password': 'correct horse'})
        self.assertEqual(response.status_code, 302)
        return client

    async def test_strangers_are_sent_to_the_login_page(self):
        response = await self.client.get('/')
        self.assertEqual(response.status_code, 302)
        self.assertEqual(response.headers['Location'], '/login?next=/')

    async def test_a_note_is_added_shown_and_deleted(self):
        client = await self.sign_up('ada')
        await client.post('/notes', form={'text': 'Tea & cake'})
        response = await client.get('/')
        self.assertIn('Tea &amp; cake', response.text)
        await client.post('/notes/1/delete')
        response = await client.get('/')
        self.assertIn('No notes yet', response.text)

    async def test_nobody_sees_the_notes_of_others(self):
        ada = await self.sign_up('ada')
        await ada.post('/notes', form={'text': 'secret'})
        grace = await self.sign_up('grace')
        self.assertNotIn('secret', (await grace.get('/')).text)
        response = await grace.post('/notes/1/delete')
        self.assertEqual(response.status_code, 404)
        self.assertIn('secret', (await ada.get('/')).text)

    async def test_a_name_is_taken_once(self):
        await self.sign_up('ada')
        response = await self.client.post('/signup', form={
            'name': 'ada', 'password': 'another one'})
        self.assertEqual(response.status_code, 409)

    async def test_a_wrong_password_lets_nobody_in(self):
        await self.sign_up('ada')
        form = {'name': 'ada', 'password': 'wrong'}
        response = await self.client.post('/login', form=form)
        self.assertEqual(response.status_code, 403)
        self.assertIn('Wrong name or password', response.text)
        form['password'] = 'correct horse'
        response = await self.client.post('/login', form=form)
        self.assertEqual(response.status_code, 302)

    async def test_forms_of_other_sites_are_refused(self):
        client = await self.sign_up('ada')
        response = await client.post('/notes', form={'text': 'spam'}, headers={
            'Origin': 'https://evil.example'})
        self.assertEqual(response.status_code, 403)

    async def test_open_pages_are_told_of_changes(self):
        client = await self.sign_up('ada')
        page = asyncio.create_task(client.get('/events', max_events=1))
        while not hub.count('user/1'):
            await asyncio.sleep(0)  # until the page listens
        await client.post('/notes', form={'text': 'news'})
        response = await page
        self.assertEqual(response.events[0]['data'], b'changed')


if __name__ == '__main__':
    unittest.main()
