"""Templates in Jinja's syntax, for CPython. Needs the package ``Jinja2``."""
from itertools import islice

from jinja2 import Environment, FileSystemLoader

# How many of Jinja's pieces, a text or a value each, are passed on at once.
_PIECES = 64


def _autoescape(name):
    # Whether a template is escaped: not if it is known to be no HTML. What
    # has only an extension of Jinja's own may be anything, so it is.
    if not name:
        return True
    parts = name.rsplit('/', 1)[-1].lower().split('.')
    if parts[-1] in ('j2', 'jinja', 'jinja2'):
        parts.pop()
    return len(parts) < 2 or parts[-1] in (
        'htm', 'html', 'svg', 'xhtml', 'xml')


class Template:
    """A template, by its name.

    :param template: the name of a file in the folder of the templates; ``/``
                     separates folders below it.
    :param kwargs: for ``Environment.get_template()``.

    Raises ``jinja2.TemplateNotFound`` when there is none, or the name would
    lead out of the folder, and ``jinja2.TemplateSyntaxError`` when it is not
    correct.
    """
    #: The environment; set by :meth:`initialize`. Filters, tests and globals
    #: can be added to it.
    jinja_env = None

    @classmethod
    def initialize(cls, template_dir='templates', enable_async=False,
                   **kwargs):
        """Make the environment. Called with the defaults by the first use of
        a template if it has not been before.

        :param template_dir: the folder of the templates, or a list of folders
                             that are searched in order.
        :param enable_async: whether :meth:`generate_async` and
                             :meth:`render_async` can be used, and templates
                             may await.
        :param kwargs: for ``Environment``, also in place of its ``loader``
                       and ``autoescape``.
        """
        options = {'loader': FileSystemLoader(template_dir),
                   'autoescape': _autoescape}
        options.update(kwargs)
        cls.jinja_env = Environment(enable_async=enable_async, **options)

    def __init__(self, template, **kwargs):
        if self.jinja_env is None:
            self.initialize()
        self.name = template
        self.template = self.jinja_env.get_template(template, **kwargs)

    def generate(self, *args, **kwargs):
        """Render the template as a generator of pieces.

        :param args: dicts, or pairs that ``dict()`` takes.
        :param kwargs: what the template knows by these names.
        """
        pieces = self.template.generate(*args, **kwargs)
        try:
            while joined := list(islice(pieces, _PIECES)):
                yield ''.join(joined)
        finally:
            pieces.close()

    def render(self, *args, **kwargs):
        """Render the template as a ``str``."""
        return self.template.render(*args, **kwargs)

    def generate_async(self, *args, **kwargs):
        """Render the template as an asynchronous generator of pieces.

        :raises RuntimeError: without ``enable_async``.
        """
        return self.template.generate_async(*args, **kwargs)

    async def render_async(self, *args, **kwargs):
        """Render the template as a ``str``, in a coroutine.

        :raises RuntimeError: without ``enable_async``.
        """
        return await self.template.render_async(*args, **kwargs)
