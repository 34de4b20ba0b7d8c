"""The lines of an ``.env`` file, for ``config.py``."""


def parse(lines):
    """Return the settings in the lines of an ``.env`` file as a dict of text.
    """
    values = {}
    for line in lines:
        name, equals, value = line.partition('=')
        name = name.split()[-1:]  # the word before may be "export"
        if equals and name and line.lstrip()[0] != '#':
            value = value.strip()
            quote = value[:1]
            end = value.find(quote, 1) if quote in '"\'' else -1
            values[name[0]] = value[1:end] if end > 0 else \
                (' ' + value).split(' #')[0].strip()
    return values
