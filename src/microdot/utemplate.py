"""Templates in uTemplate's syntax, which also boards can render.

Needs the package ``utemplate``, which is in ``libs/micropython``.
"""
import sys

_BOARD = not hasattr(sys, 'flags')
if not _BOARD:
    # where uTemplate is if it was installed with this package
    sys.path.append(__file__.rpartition('utemplate')[0] + '_boards')
    from ._folders import find_folder

# Characters that are passed on at once, if there are that many.
_PIECE = 512 if _BOARD else 4096


def _join(pieces):
    # A template gives very small pieces, and each would be a packet.
    parts = []
    size = 0
    try:
        for piece in pieces:
            if piece:
                parts.append(piece)
                size += len(piece)
                if size >= _PIECE:
                    yield ''.join(parts)
                    parts = []
                    size = 0
        if parts:
            yield ''.join(parts)
    finally:
        pieces.close()


def _named(request, name):
    # What templates may have as argument in a response.
    if name == 'request':
        return request
    if name == 'url_for':
        return lambda *names, **args: \
            request.root_path + request.app.url_for(*names, **args)
    if name == 'get_flashed':
        from .flash import get_flashed
        return lambda: get_flashed(request)
    from .nonces import csp_nonce
    return csp_nonce(request)


class _Async:
    # A generator as an asynchronous iterator.
    def __init__(self, pieces):
        self.pieces = pieces

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return next(self.pieces)
        except StopIteration:
            pass
        raise StopAsyncIteration

    async def aclose(self):
        self.pieces.close()


class Template:
    """A template, by its name.

    :param template: the name of a file in the folder of the templates;
                     ``/`` separates folders below it.

    Raises ``utemplate.TemplateNotFound`` when there is none, or the name
    might lead out of the folder, and ``utemplate.TemplateError`` when it is
    not correct.
    """
    #: What loads the templates; set by :meth:`initialize`.
    loader = None
    #: The functions that :meth:`context` was given.
    contexts = []

    @classmethod
    def initialize(cls, template_dir='templates', loader_class=None,
                   autoescape=False):
        """Say where the templates are. Called with the defaults by the first
        use of a template if it has not been before.

        :param template_dir: the folder of the templates. On CPython it is in
                             the current folder, or else beside the module
                             that calls.
        :param loader_class: ``None`` for ``utemplate.recompile.Loader``,
                             which notices changes;
                             ``utemplate.source.Loader``, which does not;
                             ``utemplate.compiled.Loader``, which never
                             compiles; or one of your own.
        :param autoescape: whether ``{{ }}`` escapes what it inserts, unless
                           it is marked by ``safe()``.
        """
        if not loader_class:
            # Imported here: the compiler takes memory that programs with
            # compiled templates do not need.
            from utemplate.recompile import Loader as loader_class
        if not _BOARD and hasattr(loader_class, 'path'):
            template_dir = find_folder(template_dir)
        cls.loader = loader_class(None, template_dir, autoescape=True) \
            if autoescape else loader_class(None, template_dir)

    @classmethod
    def context(cls, f):
        """Decorator for a function that adds arguments to the templates that
        name them, when :meth:`response` renders them::

            @Template.context
            def add_user(request):
                return {'user': request.g.current_user}

        :param f: ``f(request)``, returns a dict. Not a coroutine.
        """
        cls.contexts.append(f)
        return f

    def __init__(self, template):
        if not self.loader:
            self.initialize()
        self.name = template
        self.template = self.loader.load(template)

    def generate(self, *args, **kwargs):
        """Render the template as a generator of pieces, with the arguments
        that its ``{% args %}`` names.

        :raises TypeError: these are not its arguments.
        """
        return _join(self.template(*args, **kwargs))

    def render(self, *args, **kwargs):
        """Render the template as a ``str``."""
        return ''.join(self.template(*args, **kwargs))

    def generate_async(self, *args, **kwargs):
        """Render the template as an asynchronous iterator of pieces."""
        return _Async(self.generate(*args, **kwargs))

    async def render_async(self, *args, **kwargs):
        """Render the template as a ``str``, in a coroutine."""
        return self.render(*args, **kwargs)

    def response(self, request, status=200, **context):
        """Render the template as a response, ``text/html``.

        Of ``request``, ``url_for(name, ...)``, ``get_flashed()``,
        ``csp_nonce`` and what :meth:`context` has added it gets those that
        its ``{% args %}`` names.

        :param context: its other arguments.
        :raises TypeError: these are not its arguments.
        """
        wanted = self.loader.arguments(self.name) \
            if hasattr(self.loader, 'arguments') else ()
        for f in self.contexts:
            more = f(request)
            for name in more:
                if name in wanted or '**' in wanted:
                    context.setdefault(name, more[name])
        for name in ('request', 'url_for', 'get_flashed', 'csp_nonce'):
            if name in wanted and name not in context:
                context[name] = _named(request, name)
        from .answers import html  # boards: not for who renders only
        return html(self.render(**context), status)
