"""Trusted hosts on CPython: names that are wrong, and IPv6."""

import socket

import pytest

from helpers import run
from microdot import Microdot
from microdot.hosts import TrustedHosts, is_local
from microdot.test_client import TestClient


@pytest.mark.parametrize('host', [
    '', '*', '*.', 'a*.com', 'example.com:80', 'http://example.com',
    '*.*.com'])
def test_malformed_names_are_refused(host):
    with pytest.raises(ValueError):
        TrustedHosts(Microdot(), [host])


@pytest.mark.parametrize('host, local', [
    ('[::1]', True), ('[fe80::1]', True), ('[fd12::1]', True),
    ('[fc00::1]', True), ('[2001:db8::1]', False), ('[fd]', False),
    ('[', False)])
def test_local_addresses_of_ipv6_are_known(host, local):
    assert is_local(host) is local


def test_the_name_of_this_machine_is_local(monkeypatch):
    monkeypatch.setattr(socket, 'gethostname', lambda: 'Workshop')
    app = Microdot()
    TrustedHosts(app, lan=True)
    for host, status in (('workshop:5000', 404), ('[::1]:80', 404),
                         ('workshop.evil.net', 400)):
        res = run(TestClient(app).get('/', headers={'Host': host}))
        assert res.status_code == status
