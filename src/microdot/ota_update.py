"""What is needed while an update comes: checked, written, and taken up.

``microdot.ota`` loads this with the first file of an update.
"""
import asyncio
import hashlib
import hmac
import json
import os
from binascii import hexlify

from .microdot import Disconnected, abort
from .ota import exists, remove


def _hex(data):
    return hexlify(data).decode()


def _is_path(path, longest):
    # Whether an update may have a file of that name.
    if not isinstance(path, str) or not 0 < len(path) <= longest:
        return False
    for part in path.split('/'):
        if not part or \
                part in '. .. boot.py ota_boot.py ota_boot.mpy'.split():
            return False
    return not (path[-4:] in ('.new', '.old') or path[:4] == 'ota.'
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


class Update:
    """The update that comes, to :class:`microdot.ota.Ota`.

    :param ota: where it comes to.
    """

    def __init__(self, ota):
        self.ota = ota
        self._manifest = None
        self._wanted = ()

    def _check(self, request, data):
        # Only who has the key can sign what the board has asked for, once.
        nonce = self.ota.nonce
        signature = request.headers.get('Signature', '')
        wanted = _hex(hmac.digest(
            self.ota.key, (nonce or '').encode() + data, 'sha256'))
        if not nonce or not hmac.compare_digest(
                signature.encode(), wanted.encode()):
            abort(403, 'The signature is wrong, or of another nonce')

    def _is_manifest(self, value):
        if not isinstance(value, dict):
            return False
        files = value.get('files')
        if type(value.get('version')) is not int or \
                not isinstance(files, dict) or \
                not 0 < len(files) <= self.ota.max_files:
            return False
        for path in files:
            if not _is_path(path, self.ota.max_path) or \
                    not isinstance(files[path], str):
                return False
        return True

    async def begin(self, request):
        self._check(request, request.body)
        self.ota.nonce = None
        if exists('ota.trial') or exists('ota.new'):
            abort(409, 'Another update has not ended')
        manifest = request.json
        if not self._is_manifest(manifest):
            abort(400, 'Not {"version": 1, "files": {PATH: SHA-256}}, too '
                  'many files, or a path that no update may have')
        files = manifest['files']
        version = manifest['version']
        current = self.ota.installed()
        if version <= current['version'] and not manifest.get('lower'):
            abort(409, 'Version %s is here already' % current['version'])
        self._clear()
        wanted = []
        for path in files:
            remove(path + '.new')  # of an update that the power ended
            if await _digest(path) != files[path]:
                wanted.append(path)
        self._manifest = manifest
        self._wanted = wanted
        return {'nonce': self.ota.new_nonce(), 'wanted': wanted}

    def _clear(self):
        # Remove what an update that came to no end has left.
        for path in self._wanted:
            remove(path + '.new')
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
            remove(new)
            raise
        except OSError as exc:
            remove(new)
            abort(507, 'No room for the file: %s' % exc)
        except BaseException:
            remove(new)  # the sender has left
            raise
        if _hex(total.digest()) != self._manifest['files'][name]:
            remove(new)
            abort(400, 'The file is not that of the signed list')
        return '', 204

    def _make_folders(self, path):
        slash = path.find('/')
        while slash > 0:
            if not exists(path[:slash]):
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
            lines += ('c ' if exists(path) else 'a ') + path + '\n'
        for path in self.ota.installed()['files']:
            if path not in self._manifest['files'] and exists(path):
                lines += 'r ' + path + '\n'
        lines += ('c' if exists('ota.json') else 'a') + ' ota.json\n'
        for line in lines.split('\n'):
            remove(line[2:] + '.old')  # of an update long ago
        for path, text in (('ota.json.new', json.dumps(self._manifest)),
                           ('ota.tmp', lines)):
            try:
                with open(path, 'w') as file:
                    file.write(text)
            except OSError as exc:
                remove(path)
                abort(507, 'No room for the list: %s' % exc)
        # Until here it is the old version, and from here the new one.
        os.rename('ota.tmp', 'ota.new')
        self.ota.nonce = self._manifest = None
        self._wanted = ()
        if hasattr(os, 'sync'):
            os.sync()
        self._task = asyncio.create_task(self._reset())
        return '', 204

    async def _reset(self):
        await asyncio.sleep(1)  # for the answer to be taken
        reset = self.ota.reset
        if reset is None:
            from machine import reset
        reset()
