"""Updates over the network: the side that sends them to ``microdot.ota``."""

import hashlib
import hmac
import http.client
import json
import time
import urllib.parse

from .collect import Failure, in_bytes

#: Where :class:`microdot.ota.Ota` takes updates, unless a URL names a path.
PATH = '/_ota'
#: Seconds for one answer; for the board to be back after its restart; and
#: between two questions whether it is.
PATIENCE_S = 30
BACK_S = 90
PAUSE_S = 0.5
#: What no update may change, as ``microdot.ota`` has it.
KEPT = ('boot.py', 'ota_boot.py', 'ota_boot.mpy')


class Receiver:
    """The board that takes an update.

    :param url: as ``http://board.local``, with the path of ``Ota`` if that
                is another than ``/_ota``.
    :param key: the secret that both sides have.
    :raises Failure: the URL is none for this.
    """

    def __init__(self, url, key):
        parts = urllib.parse.urlsplit(url if '://' in url
                                      else 'http://' + url)
        if parts.scheme not in ('http', 'https') or not parts.hostname:
            raise Failure('--to is like http://board.local, not %r' % url)
        try:
            self.port = parts.port
        except ValueError:
            raise Failure('--to has a port that is none: %r' % url) from None
        self.host = parts.hostname
        self.secure = parts.scheme == 'https'
        self.path = parts.path.rstrip('/') or PATH
        self.key = key

    def sign(self, nonce, data):
        """Return the signature of something that a nonce allows once."""
        return hmac.digest(self.key, nonce.encode() + data, 'sha256').hex()

    def ask(self, method, path='', body=None, signature=None):
        """Return the answer of the board: JSON, or ``None`` if it is empty.

        :raises Failure: the board refuses, or does not answer.
        """
        kind = http.client.HTTPSConnection if self.secure \
            else http.client.HTTPConnection
        headers = {'Content-Type': 'application/json'}
        if signature:
            headers['Signature'] = signature
        connection = kind(self.host, self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, self.path + path, body, headers)
            response = connection.getresponse()
            text = response.read().decode(errors='replace')
        except (OSError, http.client.HTTPException) as error:
            raise Failure('%s does not answer: %s' % (
                self.host, error or type(error).__name__)) from None
        finally:
            connection.close()
        if response.status >= 300:
            raise Failure(explain(response.status, text.strip(), self))
        try:
            return json.loads(text) if text else None
        except ValueError:
            raise Failure('%s is no board that takes updates: it answers '
                          'strangely at %s' % (self.host, self.path)) from None

    def tell(self):
        """Return what the board says of itself: a dict with ``nonce``,
        ``version`` and ``trial``."""
        told = self.ask('GET')
        if not isinstance(told, dict) or not isinstance(
                told.get('nonce'), str) or not isinstance(
                told.get('version'), int):
            raise Failure('%s is no board that takes updates: it answers '
                          'strangely at %s' % (self.host, self.path))
        return told


def explain(status, text, receiver):
    """Say in one line what an answer means, and what to do."""
    return {
        403: 'the key is not that of the board, or another update has begun '
             'meanwhile',
        404: 'there is no microdot.ota at %s of %s' % (receiver.path,
                                                       receiver.host),
        413: 'the board does not take files of that size: see Ota.max_size',
        507: 'the flash of the board is full: ' + text,
    }.get(status, 'the board refuses (%d): %s' % (status, text))


def update(receiver, files, show, version=None, lower=False, bar=None):
    """Send files to a board, have it start with them, and wait until they
    serve.

    :param files: a dict from path to ``bytes``: all files of the version.
    :param show: called with each line to show.
    :param version: its number; by default one more than that of the board.
    :param lower: whether it may be a lower one.
    :param bar: called with bytes sent and bytes in all.
    :raises Failure: the board has the version that it had.
    """
    files = {path: data for path, data in files.items()
             if path.rpartition('/')[2] not in KEPT}
    told = receiver.tell()
    if version is None:
        version = told['version'] + 1
    manifest = {'version': version, 'files': {
        path: hashlib.sha256(data).hexdigest()
        for path, data in files.items()}}
    if lower:
        manifest['lower'] = True
    body = json.dumps(manifest).encode()
    answer = receiver.ask('POST', '', body,
                          receiver.sign(told['nonce'], body))
    nonce, wanted = answer['nonce'], answer['wanted']
    total = sum(len(files[path]) for path in wanted)
    show('version %d differs from version %d in %d of %d files, %s' % (
        version, told['version'], len(wanted), len(files), in_bytes(total)))
    sent = 0
    for number, path in enumerate(wanted, 1):
        receiver.ask('PUT', '/' + urllib.parse.quote(path), files[path],
                     receiver.sign(nonce, path.encode()))
        sent += len(files[path])
        if bar:
            bar(sent, total)
        else:
            show('%d/%d %s, %s' % (number, len(wanted), path,
                                   in_bytes(len(files[path]))))
    receiver.ask('POST', '/restart', b'', receiver.sign(nonce, b'restart'))
    show('the board starts again')
    wait(receiver, version)
    show('version %d serves' % version)


def wait(receiver, version):
    """Wait until the board serves a version.

    :raises Failure: it serves that one, or nothing.
    """
    deadline = time.monotonic() + BACK_S
    while time.monotonic() < deadline:
        time.sleep(PAUSE_S)
        try:
            now = receiver.tell()
        except Failure:
            continue
        if now.get('pending'):
            continue  # it answers for a moment before it starts again
        if now['version'] == version:
            return
        raise Failure('version %d did not serve, and the board went back '
                      'to version %d' % (version, now['version']))
    raise Failure('the board has not answered for %d s: look at what it '
                  'prints, by --monitor' % BACK_S)


def read_key(path):
    """Return the secret in a file.

    :raises Failure: it cannot be read, or is too short.
    """
    try:
        with open(path, 'rb') as file:
            key = file.read()
    except OSError as error:
        raise Failure('cannot read the key: %s' % error) from None
    if len(key) < 16:
        raise Failure('%s has %d bytes; a key has 16 or more' % (path,
                                                                 len(key)))
    return key
