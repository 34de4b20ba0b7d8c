"""Prometheus' own parser takes what ``microdot.metrics`` serves."""

import asyncio

import pytest

from microdot import Microdot
from microdot.metrics import Metrics
from microdot.test_client import TestClient


def test_the_text_is_parsed():
    parser = pytest.importorskip('prometheus_client.parser')
    app = Microdot()
    Metrics(app)
    pattern = '/<re:a["\\\\]+:x>'
    app.get(pattern)(lambda request, x: 'hi')

    async def main():
        client = TestClient(app)
        await client.get('/a"')
        await client.get('/nothing')
        return (await client.get('/metrics')).text

    text = asyncio.run(main())
    families = {family.name: family for family in
                parser.text_string_to_metric_families(text)}
    labels = [sample.labels for sample in
              families['microdot_requests'].samples]
    assert {'method': 'GET', 'route': pattern, 'status': '200'} in labels
    assert {'method': 'GET', 'route': '', 'status': '404'} in labels
    assert families['microdot_requests_in_flight'].samples[0].value == 1
    assert families['microdot_response_bytes'].type == 'counter'
