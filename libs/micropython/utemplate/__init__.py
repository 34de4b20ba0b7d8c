"""Templates that are compiled to Python generators, for boards and desktops.

Origin: written for microdot, from the public description of uTemplate's
syntax and of its loaders' names; it shares no code with it.

- ``utemplate.compiled.Loader``: imports what was compiled before.
- ``utemplate.source.Loader``: compiles what was not.
- ``utemplate.recompile.Loader``: also compiles again what has changed.

Each is made as ``Loader(package, folder)``; its ``load(name)`` returns a
generator function that yields the text of the template in pieces.
"""


#: The longest name of a template, in characters.
MAX_NAME = 100


class TemplateError(Exception):
    """A template cannot be used; the text names it and the line."""


class TemplateNotFound(TemplateError):
    """There is no such template, or its name is not allowed."""


class Safe:
    """A text that :func:`escape` leaves as it is."""
    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text

    def __html__(self):
        return self.text


def escape(value):
    """Return a value as text that is safe within HTML, in an element or in a
    quoted attribute. A value with ``__html__`` is taken to be HTML."""
    if hasattr(value, '__html__'):
        return value.__html__()
    return str(value).replace('&', '&amp;').replace('<', '&lt;').replace(
        '>', '&gt;').replace('"', '&quot;').replace("'", '&#39;')


def safe(text):
    """Mark a text as HTML, so that it is not escaped.

    :param text: a ``str`` that no stranger has written.
    """
    return Safe(text)


def check_name(name):
    """Check that a name cannot lead out of the folder of the templates.

    :raises TemplateNotFound: it might, or it is that of a Python file, or
                              longer than ``MAX_NAME``.
    """
    for part in name.split('/') if len(name) <= MAX_NAME else ('',):
        if not part or part[0] == '.':
            break
    else:
        if '\\' not in name and ':' not in name and '\0' not in name and \
                not name.endswith('.py'):
            return
    raise TemplateNotFound('not the name of a template: %r' % name[:MAX_NAME])
