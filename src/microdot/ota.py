"""Updates over the network: signed, and taken back if they do not serve.

The board gives a nonce, the sender signs a list of files with it, and sends
those that differ. They are written beside the old ones and take their places
when the board is started again, by ``ota_boot``, which ``boot.py`` imports.
"""
import asyncio
import hashlib
import hmac
import json
import os
from binascii import hexlify

from .microdot import Disconnected, abort


def _exists(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def _remove(path):
    if _exists(path):
        os.remove(path)


def _hex(data):
    return hexlify(data).decode()


def _is_path(path):
    # Whether an update may have a file of that name.
    if not isinstance(path, str) or not 0 < len(path) <= Ota.max_path:
        return False
    for part in path.split('/'):
        if part in ('', '.', '..') or part[:4] == 'ota.':
            return False
    return not (path[-4:] in ('.new', '.old')
                or path in ('boot.py', 'ota_boot.py')
                or '\\' in path or ':' in path or min(path) < ' ')


async def _digest(path):
    # The SHA-256 of a file in hexadecimal digits; ``None``: there is none.
    try:
        with open(path, 'rb') as file:
            total = hashlib.sha256()
            while True:
                piece = file.read(512)
                if not piece:
                    return _hex(total.digest())
                total.update(piece)
                await asyncio.sleep(0)  # others are served meanwhile
    except OSError:
        return None


class Ota:
    """Takes updates of the board's files at a path of an application.

    :param app: the application.
    :param key: the secret shared with the sender, 16 bytes or more; a file's
                content is best: ``open('ota.key', 'rb').read()``.
    :param path: where updates are taken.
    :param reset: called when the board is to start again;
                  ``machine.reset`` by default.
    :raises ValueError: the key is too short.

    ::

        Ota(app, open('ota.key', 'rb').read())
    """
    #: Files of a version, and bytes of the path of one.
    max_files = 100
    max_path = 100
    #: Bytes of a file.
    max_size = 256 * 1024

    def __init__(self, app, key, path='/_ota', reset=None):
        if len(key) < 16:
            raise ValueError('the key has %d bytes; 16 or more are needed'
                             % len(key))
        self.key = key
        self.reset = reset
        self._nonce = self._manifest = None
        self._wanted = ()
        app.get(path)(self.tell)
        app.post(path)(self.begin)
        app.put(path + '/<path:name>', max_content_length=self.max_size)(
            self.take)
        app.post(path + '/restart')(self.restart)
        if _exists('ota.trial'):
            app.after_request(self._keep)
        self._tidy()

    @staticmethod
    def installed():
        """Return the version and the files of the last update, as a dict
        ``{"version": 0, "files": {}}``: paths and their SHA-256."""
        try:
            with open('ota.json') as file:
                return json.load(file)
        except (OSError, ValueError):
            return {'version': 0, 'files': {}}

    def _keep(self, request, response):
        # The new version has served: there is no way back from here.
        if _exists('ota.trial'):
            os.rename('ota.trial', 'ota.done')
            self._tidy()

    def _tidy(self):
        # Remove the old version's files, also after a power cut meanwhile.
        if _exists('ota.done'):
            with open('ota.done') as file:
                for line in file:
                    _remove(line[2:].strip() + '.old')
            os.remove('ota.done')

    def _check(self, request, data):
        # Only who has the key can sign what the board has asked for, once.
        nonce = self._nonce
        signature = request.headers.get('Signature', '')
        wanted = _hex(hmac.digest(
            self.key, (nonce or '').encode() + data, 'sha256'))
        if not nonce or not hmac.compare_digest(
                signature.encode(), wanted.encode()):
            abort(403, 'The signature is wrong, or of another nonce')

    def _new_nonce(self):
        self._nonce = _hex(os.urandom(16))
        return self._nonce

    def _is_manifest(self, value):
        if not isinstance(value, dict):
            return False
        files = value.get('files')
        if type(value.get('version')) is not int or \
                not isinstance(files, dict) or \
                not 0 < len(files) <= self.max_files:
            return False
        for path in files:
            if not _is_path(path) or not isinstance(files[path], str):
                return False
        return True

    async def tell(self, request):
        return {'nonce': self._new_nonce(),
                'version': self.installed()['version'],
                'trial': _exists('ota.trial')}

    async def begin(self, request):
        self._check(request, request.body)
        self._nonce = None
        if _exists('ota.trial') or _exists('ota.new'):
            abort(409, 'Another update has not ended')
        manifest = request.json
        if not self._is_manifest(manifest):
            abort(400, 'Not {"version": 1, "files": {PATH: SHA-256}}, too '
                  'many files, or a path that no update may have')
        files = manifest['files']
        version = manifest['version']
        current = self.installed()
        if version <= current['version'] and not manifest.get('lower'):
            abort(409, 'Version %s is here already' % current['version'])
        self._clear()
        wanted = []
        for path in files:
            if await _digest(path) != files[path]:
                wanted.append(path)
        self._manifest = manifest
        self._wanted = wanted
        return {'nonce': self._new_nonce(), 'wanted': wanted}

    def _clear(self):
        # Remove what an update that came to no end has left.
        for path in self._wanted:
            _remove(path + '.new')
        self._wanted = ()
        self._manifest = None

    async def take(self, request, name):
        self._check(request, name.encode())
        if name not in self._wanted:
            abort(409, 'That file is not wanted')
        new = name + '.new'
        total = hashlib.sha256()
        try:
            self._make_folders(name)
            with open(new, 'wb') as file:
                async for piece in request.stream:
                    total.update(piece)
                    file.write(piece)
        except Disconnected:
            _remove(new)
            raise
        except OSError as exc:
            _remove(new)
            abort(507, 'No room for the file: %s' % exc)
        except BaseException:
            _remove(new)  # the sender has left
            raise
        if _hex(total.digest()) != self._manifest['files'][name]:
            _remove(new)
            abort(400, 'The file is not that of the signed list')
        return '', 204

    def _make_folders(self, path):
        slash = path.find('/')
        while slash > 0:
            if not _exists(path[:slash]):
                os.mkdir(path[:slash])
            slash = path.find('/', slash + 1)

    async def restart(self, request):
        self._check(request, b'restart')
        if not self._manifest:
            abort(409, 'There is no update')
        lines = ''
        for path in self._wanted:
            if await _digest(path + '.new') != self._manifest['files'][path]:
                abort(409, 'A file has not come: %s' % path)
            lines += ('c ' if _exists(path) else 'a ') + path + '\n'
        for path in self.installed()['files']:
            if path not in self._manifest['files'] and _exists(path):
                lines += 'r ' + path + '\n'
        lines += ('c' if _exists('ota.json') else 'a') + ' ota.json\n'
        for line in lines.split('\n'):
            _remove(line[2:] + '.old')  # of an update long ago
        for path, text in (('ota.json.new', json.dumps(self._manifest)),
                           ('ota.tmp', lines)):
            try:
                with open(path, 'w') as file:
                    file.write(text)
            except OSError as exc:
                _remove(path)
                abort(507, 'No room for the list: %s' % exc)
        # Until here it is the old version, and from here the new one.
        os.rename('ota.tmp', 'ota.new')
        self._nonce = self._manifest = None
        self._wanted = ()
        if hasattr(os, 'sync'):
            os.sync()
        self._task = asyncio.create_task(self._reset())
        return '', 204

    async def _reset(self):
        await asyncio.sleep(1)  # for the answer to be taken
        if self.reset is None:
            import machine
            self.reset = machine.reset
        self.reset()
