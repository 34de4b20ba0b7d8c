"""Settings in a JSON file that outlive a power cut."""
import json
import sys


def _has_form(value):
    # Boards: json.dumps() writes what JSON does not have in a form of its own.
    if isinstance(value, list):
        return all(map(_has_form, value))
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or not _has_form(value[key]):
                return False
        return True
    if isinstance(value, float):
        return value - value == 0  # neither NaN nor infinite
    return value is None or isinstance(value, (str, int, bool))


class Settings:
    """The settings of a program: attributes that :meth:`save` keeps.

    :param path: the file, in JSON.
    :param defaults: each setting, with its value until it is saved.
    :raises ValueError: a name begins with an underscore, or is a method's.

    A saved value of another type than its default is not used. A file that
    cannot be read as JSON is kept aside as ``PATH.broken``. ::

        settings = Settings('settings.json', name='sensor', interval=60)
        settings.interval = 10
        settings.save()
    """
    #: Bytes of the file. A larger one counts as broken, and is not saved.
    max_size = 4096 if sys.implementation.name == 'micropython' else 65536

    def __init__(self, path, **defaults):
        self._path = path
        self._defaults = defaults
        for name in defaults:
            if name[:1] == '_' or hasattr(Settings, name):
                raise ValueError('%r cannot be the name of a setting' % name)
        self.load()

    def load(self):
        """Read the file again. What it does not have gets its default."""
        for name in self._defaults:
            setattr(self, name, self._defaults[name])
        path = self._path
        try:
            try:
                file = open(path, 'rb')
            except OSError:
                path += '.new'  # a power cut while an old file gave way to it
                file = open(path, 'rb')
        except OSError:
            return
        try:
            with file:
                data = file.read(self.max_size + 1)
            if len(data) > self.max_size:
                raise ValueError('over %d bytes' % self.max_size)
            text = data.decode()
            found = json.loads(text)
            # boards: MicroPython 1.25 takes text whose end is missing
            if not isinstance(found, dict) or text.rstrip()[-1] != '}':
                raise ValueError('not a JSON object')
        except (ValueError, RuntimeError) as exc:  # RuntimeError: too deep
            print('%s cannot be used and is kept as %s.broken: %s'
                  % (path, self._path, exc))
            from .replacing import replace
            replace(path, self._path + '.broken')
            return
        for name in self._defaults:
            if name in found and self._fits(name, found[name]):
                setattr(self, name, found[name])

    def _fits(self, name, value):
        default = self._defaults[name]
        if default is None or type(value) is type(default) or \
                type(default) is float and type(value) is int:
            return True
        print('%s: %s is not of the type of its default %r: not used'
              % (self._path, name, default))
        return False

    def save(self):
        """Write the file: after a power cut it is the old one or the new one.

        :raises ValueError: a value has no form in JSON, or all are larger
                            than :attr:`max_size`. The old file stays.
        :raises AttributeError: an attribute was set that is no setting.
        :raises OSError: there is no room. The old file stays.
        """
        values = {}
        for name in self.__dict__:
            if name[:1] != '_':
                if name not in self._defaults:
                    raise AttributeError(
                        'no setting %r: give it a default in Settings(%r, '
                        '%s=...)' % (name, self._path, name))
                value = values[name] = getattr(self, name)
                if not _has_form(value):
                    raise ValueError('setting %r: %r has no form in JSON'
                                     % (name, value))
        text = json.dumps(values)
        size = len(text.encode())
        if size > self.max_size:
            raise ValueError('settings have %d bytes, over Settings.max_size '
                             '(%d)' % (size, self.max_size))
        from .replacing import write
        write(self._path, text)
