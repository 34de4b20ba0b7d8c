"""Updates over the network: signed, and taken back if they do not serve.

The board gives a nonce, the sender signs a list of files with it, and sends
those that differ. They are written beside the old ones and take their places
when the board is started again, by ``ota_boot``, which ``boot.py`` imports.

What is needed while an update comes is in ``ota_update``, and loaded then.
"""
import json
import os
from binascii import hexlify


def exists(path):
    """Tell whether there is a file or folder."""
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def remove(path):
    """Remove a file if it is there."""
    if exists(path):
        os.remove(path)


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
        #: What the next signature has to be of; ``None``: there was none yet.
        self.nonce = None
        self._update = None
        app.get(path)(self.tell)
        app.post(path)(self.begin)
        app.put(path + '/<path:name>', max_content_length=self.max_size)(
            self.take)
        app.post(path + '/restart')(self.restart)
        if exists('ota.trial'):
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
        if exists('ota.trial'):
            os.rename('ota.trial', 'ota.done')
            self._tidy()

    def _tidy(self):
        # Remove the old version's files, also after a power cut meanwhile.
        if exists('ota.done'):
            with open('ota.done') as file:
                for line in file:
                    remove(line[2:].strip() + '.old')
            os.remove('ota.done')

    def new_nonce(self):
        """Return what the next request has to sign, besides its data."""
        self.nonce = hexlify(os.urandom(16)).decode()
        return self.nonce

    async def tell(self, request):
        # (whoever asks in the middle of an update does not end it)
        return {'nonce': self.nonce or self.new_nonce(),
                'version': self.installed()['version'],
                'trial': exists('ota.trial'),
                # it has yet to start again
                'pending': exists('ota.new')}

    def _loaded(self):
        if not self._update:
            from .ota_update import Update
            self._update = Update(self)
        return self._update

    async def begin(self, request):
        return await self._loaded().begin(request)

    async def take(self, request, name):
        return await self._loaded().take(request, name)

    async def restart(self, request):
        return await self._loaded().restart(request)
