"""Templates in Jinja's syntax, for CPython. Needs the package ``Jinja2``."""
import os
from itertools import islice
from typing import Any

from jinja2 import Environment, FileSystemLoader

from ._folders import find_folder
from .answers import html

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


class _Nonce:
    # Made when it is used: a policy with a nonce forbids all other inline
    # scripts.
    def __init__(self, request):
        self.request = request

    def __call__(self):
        from .nonces import csp_nonce
        return csp_nonce(self.request)

    def __str__(self):
        return self()


def _names(request):
    # What templates know in a response.
    def url_for(*names, **args):
        return request.root_path + request.app.url_for(*names, **args)

    def get_flashed():
        from .flash import get_flashed
        return get_flashed(request)

    return {'request': request, 'url_for': url_for,
            'get_flashed': get_flashed, 'csp_nonce': _Nonce(request)}


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
    jinja_env: Any = None
    #: The functions that :meth:`context` was given.
    contexts: list[Any] = []

    @classmethod
    def initialize(cls, template_dir='templates', enable_async=False,
                   **kwargs):
        """Make the environment. Called with the defaults by the first use of
        a template if it has not been before.

        :param template_dir: the folder of the templates, or a list of folders
                             that are searched in order. Each is in the
                             current folder, or else beside the module that
                             calls.
        :param enable_async: whether :meth:`generate_async` and
                             :meth:`render_async` can be used, and templates
                             may await.
        :param kwargs: for ``Environment``, also in place of its ``loader``
                       and ``autoescape``.
        """
        folders = [template_dir] if isinstance(
            template_dir, (str, os.PathLike)) else template_dir
        options: dict[str, Any] = {
            'loader': FileSystemLoader(
                [find_folder(folder) for folder in folders]),
            'autoescape': _autoescape}
        options.update(kwargs)
        cls.jinja_env = Environment(enable_async=enable_async, **options)

    @classmethod
    def context(cls, f):
        """Decorator for a function that adds names to all templates that
        :meth:`response` renders::

            @Template.context
            def add_user(request):
                return {'user': request.g.current_user}

        :param f: ``f(request)``, returns a dict. Not a coroutine.
        """
        cls.contexts.append(f)
        return f

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

    def response(self, request, status=200, **context):
        """Render the template as a response, ``text/html``.

        It knows ``request``; ``url_for(name, ...)``, the path of a route;
        ``get_flashed()``, see :func:`microdot.flash.get_flashed`;
        ``csp_nonce``, see :func:`microdot.security.csp_nonce`; and what
        :meth:`context` has added.

        With ``enable_async`` it is rendered while it is sent.

        :param context: what else it knows.
        """
        names = _names(request)
        for f in self.contexts:
            names.update(f(request))
        names.update(context)
        response = html('', status)
        response.body = self.generate_async(names) \
            if self.jinja_env.is_async else self.render(names).encode()
        return response
