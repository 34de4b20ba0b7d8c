"""The to-do service does what its document says, whatever is sent."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import urllib.request

import pytest
from openapi_spec_validator import validate

import servers
from helpers import run
from microdot.openapi import document_of
from microdot.test_client import TestClient
from servers import TOP

TODO = TOP / 'examples' / 'todo' / 'todo.py'
#: Requests of each operation, and seconds after which it ends, if it is to go
#: on for so long. By hand: ``SCHEMATHESIS_S=600 SCHEMATHESIS_EXAMPLES=2000``.
EXAMPLES = os.environ.get('SCHEMATHESIS_EXAMPLES', '20')
SECONDS = os.environ.get('SCHEMATHESIS_S')
CHECKS = 'not_a_server_error,status_code_conformance,' \
    'content_type_conformance,response_schema_conformance'


@pytest.fixture
def example(tmp_path):
    spec = importlib.util.spec_from_file_location('example_todo', TODO)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.app.g.path = str(tmp_path / 'todo.db')
    return module


def use(example, function):
    """Run ``function(call)`` with a user who has a token."""
    async def main():
        async with TestClient(example.app) as client:
            user = await client.post('/users', body={'name': 'ada'})
            assert user.status_code == 201
            headers = {'Authorization': 'Bearer ' + user.json['token']}

            async def call(method, path, body=None, **more):
                return await getattr(client, method)(
                    path, headers={**headers, **more},
                    **{} if body is None else {'body': body})
            await function(call)
    run(main())


def test_it_is_short():
    assert len(TODO.read_text().splitlines()) < 150


def test_its_address_leads_to_the_document(example):
    async def main():
        client = TestClient(example.app)
        res = await client.get('/')
        assert (res.status_code, res.headers['Location']) == (302, '/docs')
        assert '/' not in (await client.get('/openapi.json')).json['paths']
    run(main())


def test_things_are_added_changed_and_deleted(example):
    async def check(call):
        res = await call('post', '/todos', {
            'title': 'Milk', 'tags': ['shop'], 'due': '2030-01-31'})
        todo = {'id': 1, 'title': 'Milk', 'tags': ['shop'], 'done': False,
                'due': '2030-01-31'}
        assert (res.status_code, res.json) == (201, todo)
        assert (await call('get', '/todos/1')).json == todo
        res = await call('patch', '/todos/1', {'done': True, 'due': None})
        todo.update(done=True, due=None)
        assert (res.status_code, res.json) == (200, todo)
        assert (await call('patch', '/todos/1', {})).json == todo
        assert (await call('delete', '/todos/1')).status_code == 204
        for method, body in (('get', None), ('patch', {}), ('delete', None)):
            res = await call(method, '/todos/1', body)
            assert res.status_code == 404
    use(example, check)


def test_lists_are_filtered_and_have_pages(example):
    async def check(call):
        for i in range(25):
            await call('post', '/todos', {
                'title': 'Thing %d' % i, 'done': i % 5 == 0,
                'tags': ['even', 'all'] if i % 2 == 0 else ['all']})
        for query, count in (
                ('', 20), ('?page=2', 5), ('?page=3', 0), ('?done=true', 5),
                ('?done=false', 20), ('?tag=even', 13), ('?tag=eve', 0),
                ('?tag=even&done=true', 3)):
            res = await call('get', '/todos' + query)
            assert (query, len(res.json['items'])) == (query, count)
    use(example, check)


def test_users_see_their_own(example):
    async def check(call):
        await call('post', '/todos', {'title': 'Milk'})
        res = await call('post', '/users', {'name': 'grace'})
        other = {'Authorization': 'Bearer ' + res.json['token']}
        assert (await call('get', '/todos', **other)).json == {'items': []}
        for method, body in (('get', None), ('patch', {}), ('delete', None)):
            res = await call(method, '/todos/1', body, **other)
            assert res.status_code == 404
        res = await call('get', '/todos', Authorization='Bearer wrong')
        assert res.status_code == 401
        res = await call('post', '/users', {'name': 'grace'})
        assert res.status_code == 409
    use(example, check)


@pytest.mark.parametrize('body, at', [
    ({}, 'title'), ({'title': ''}, 'title'), ({'title': 'x' * 201}, 'title'),
    ({'title': 'x', 'done': 1}, 'done'), ({'title': 'x', 'id': 5}, 'id'),
    ({'title': 'x', 'due': '2030-02-30'}, 'due')])
def test_wrong_bodies_are_refused(example, body, at):
    async def check(call):
        res = await call('post', '/todos', body)
        assert res.status_code == 422
        assert [fault['at'] for fault in res.json['errors']] == [['body', at]]
    use(example, check)


@pytest.mark.parametrize('id', [0, -1, 2 ** 63 - 1, 2 ** 63, -2 ** 63,
                                10 ** 30, -10 ** 30])
def test_numbers_that_sqlite_does_not_know_are_not_found(example, id):
    async def check(call):
        assert (await call('get', '/todos/%d' % id)).status_code == 404
    use(example, check)


def test_its_document_is_valid(example):
    document = document_of(example.app)
    validate(document)
    assert {(path, method) for path, item in document['paths'].items()
            for method in item} == {
        ('/users', 'post'), ('/todos', 'get'), ('/todos', 'post'),
        ('/todos/{id}', 'get'), ('/todos/{id}', 'patch'),
        ('/todos/{id}', 'delete')}
    assert [item.get('security') for item in
            document['paths']['/todos'].values()] == [[{'bearer': []}]] * 2


def test_no_request_is_answered_in_a_way_that_is_not_described(tmp_path):
    with servers.serve(servers.running(), str(tmp_path / 'todo.db'),
                       script=TODO, path=TOP / 'src',
                       before=['127.0.0.1']) as server:
        base = 'http://127.0.0.1:%d' % server.port
        request = urllib.request.Request(
            base + '/users', b'{"name": "ada"}',
            {'Content-Type': 'application/json'})
        with urllib.request.urlopen(
                request, timeout=servers.PATIENCE_S) as response:
            token = json.load(response)['token']
        result = subprocess.run(
            [sys.executable, '-m', 'schemathesis.cli', 'run',
             base + '/openapi.json', '--checks', CHECKS,
             '--max-examples', EXAMPLES,
             *(['--max-time', SECONDS] if SECONDS else []),
             '--header', 'Authorization: Bearer ' + token,
             '--continue-on-failure', '--seed', '1', '--warnings', 'off'],
            cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True,
            text=True)
    print(result.stdout, result.stderr)
    assert result.returncode == 0
    # It has sent something, to each operation.
    assert re.search(r'Tested: +6$', result.stdout, re.M)
    assert int(re.search(r'(\d+) generated', result.stdout)[1]) > 6
