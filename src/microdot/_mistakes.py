"""What is said of mistakes in programs, with the handler's file and line.

CPython only: a board would pay for texts that are read while a program is
written.
"""
import difflib
import functools
import inspect
import os
import re


def function_of(handler):
    """Return the function below what decorates a handler."""
    function = inspect.unwrap(handler)
    while hasattr(function, 'func'):
        function = inspect.unwrap(function.func)  # functools.partial
    return function


def describe(handler):
    """Return name, file and line of a handler."""
    function = function_of(handler)
    name = getattr(function, '__qualname__', None) or \
        type(function).__qualname__
    code = getattr(function, '__code__', None) or getattr(
        getattr(type(function), '__call__', None), '__code__', None)
    if code is None:
        return name
    path = code.co_filename
    try:
        relative = os.path.relpath(path)
        if not relative.startswith('..'):
            path = relative
    except ValueError:
        pass  # another drive
    return '%s (%s:%d)' % (name.replace('<locals>.', ''), path,
                           code.co_firstlineno)


class WrongResult(TypeError):
    """A handler has returned what cannot be an answer. It is logged without
    a traceback, which would show nothing of the program.

    Attributes: ``handler``, once :func:`explain` has found it.
    """
    handler = None


class WrongPiece(TypeError):
    """What is sent is neither text nor bytes: a piece of a stream, or a
    message."""

    def __init__(self, piece):
        super().__init__('what is sent is text or bytes; this is %s: %.100r'
                         % (named(piece), piece))
        self.piece = piece


def of_generator(exc):
    """Return the :class:`WrongResult` to log for a :class:`WrongPiece` that
    a handler's generator has yielded: its traceback shows nothing of the
    program. Or else return the exception."""
    if not isinstance(exc, WrongPiece) or \
            inner(exc.__traceback__) is not exc.__traceback__:
        return exc
    return WrongResult('returned a body with %s in it, %.100r; its pieces are '
                       'text or bytes' % (named(exc.piece), exc.piece))


HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def inner(tb):
    """Return a traceback without the frames of this package that it begins
    with: how a request gets to its handler. One that has no others is
    returned as it is."""
    found = tb
    while found is not None and \
            found.tb_frame.f_code.co_filename.startswith(HERE):
        found = found.tb_next
    return found or tb


_ANSWERS = 'a handler may return text, bytes, a dict, a list, a generator, ' \
    'a file or a Response, alone or as (body, status), (body, headers) or ' \
    '(body, status, headers); a status code; or None'


def named(value: object) -> str:
    """Return the type of a value with its article."""
    name = type(value).__name__
    return ('an ' if name[:1].lower() in 'aeio' else 'a ') + name


def _check_tuple(result):
    if not result:
        raise WrongResult('returned an empty tuple; ' + _ANSWERS)
    result, rest = result[0], result[1:]
    if isinstance(result, int) and rest and \
            not isinstance(rest[0], dict) and rest[0] is not None:
        raise WrongResult(
            'returned the status %d before the body, %s; the body comes '
            'first: return body, %d' % (result, named(rest[0]), result))
    if len(rest) > 2:
        raise WrongResult('returned a tuple of %d; %s' % (
            len(rest) + 1, _ANSWERS))
    if rest and isinstance(rest[0], str):
        raise WrongResult(
            'returned the status %r as text; a status code is a number: '
            'return body, 404' % rest[0])
    if len(rest) == 2 and not isinstance(rest[0], int) and \
            not isinstance(result, int):
        # (the core would take it for the headers, and leave out these)
        raise WrongResult('returned %s as status; %s' % (
            named(rest[0]), _ANSWERS))


def check_result(result):
    """See that what a handler has returned can be an answer.

    :raises WrongResult: it cannot.
    """
    if isinstance(result, tuple):
        _check_tuple(result)
        result = result[0]
    if inspect.isawaitable(result):
        name = getattr(result, '__qualname__', type(result).__name__)
        if inspect.iscoroutine(result):
            result.close()
        raise WrongResult('returned a coroutine, of %s(), that has not been '
                          'awaited; write: await %s(...)' % (name, name))
    if isinstance(result, (set, frozenset, float, complex, bool)):
        raise WrongResult('returned %s; %s' % (named(result), _ANSWERS))
    if result is not None and not isinstance(result, int) and not any(
            hasattr(result, name) for name in (
                '__iter__', '__aiter__', 'read', '__getitem__', 'status_code',
                '__dataclass_fields__', '__buffer__')) and \
            not isinstance(result, memoryview):
        raise WrongResult('returned %s; %s' % (named(result), _ANSWERS))


def explain(request, exc):
    """Complete the message of a :class:`WrongResult` by the handler."""
    route = request and request.entry
    if route:
        exc.handler = route.handler
    if route and not exc.args[0].startswith('handler '):
        exc.args = ('handler %s for %s %s %s' % (
            describe(route.handler), request.method,
            ascii(request.path)[1:-1], exc.args[0]),)


def check_text(pattern):
    """See that a pattern is text.

    :raises TypeError: it is not.
    """
    if callable(pattern):
        raise TypeError(
            "%s has a decorator without its pattern; write: @app.get('/')"
            % describe(pattern))
    if not isinstance(pattern, str):
        raise TypeError("a URL pattern is text, such as '/items/<int:id>'; "
                        'this is %s' % named(pattern))


def check_pattern(pattern, types):
    """See that a pattern is one of ours.

    :param types: the names of the types of parameters.
    :raises ValueError: it is written as elsewhere, or a type is unknown.
    """
    braces = re.search(r'\{(\w+)(:\w+)?\}', re.sub('<[^>]*>', '', pattern))
    if braces:
        raise ValueError('URL pattern %s: a parameter is written <%s>, not %s'
                         % (pattern, braces.group(1), braces.group()))
    for kind in re.findall(r'<(\w+):\w+>', pattern):
        if kind not in types and kind != 're':
            near = difflib.get_close_matches(kind, types, 1)
            raise ValueError(
                'URL pattern %s: there is no type %s%s; there are %s, '
                'any(a,b) and re:EXPRESSION' % (
                    pattern, kind, ', did you mean %s' % near[0]
                    if near else '', ', '.join(sorted(types))))


def check_route(route):
    """See that the function of a route fits it.

    :raises TypeError: the function certainly does not take a parameter of
                       the pattern, or the methods are text.
    """
    if len(route.methods) > 1 and all(len(name) == 1
                                      for name in route.methods):
        raise TypeError("methods is a list: methods=['%s']"
                        % ''.join(route.methods))
    for name in ('max_content_length', 'max_body_length'):
        size = getattr(route, name)
        if not isinstance(size, (int, float, type(None))):
            raise TypeError('%s is a number of bytes, such as 16 * 1024; '
                            'this is %s: %.100r' % (name, named(size), size))
    names = route.pattern.names
    where = route.pattern.url_pattern
    if route.host:
        names = names + route.host.pattern.names
        where = route.host.name + where
    taken = _arguments(route.handler)
    if taken is not None and _takes_nothing(route.handler):
        raise TypeError(
            'handler %s takes no arguments, and gets the request as its '
            'first; write: def %s(request)' % (
                describe(route.handler),
                getattr(function_of(route.handler), '__name__', 'handler')))
    for name in names:
        if taken is not None and name not in taken:
            wrapped = hasattr(route.handler, '__wrapped__')
            raise TypeError(
                '%s %s does not take the parameter %s of %s; it takes: %s' % (
                    'what decorates handler' if wrapped else 'handler',
                    describe(route.handler), name, where,
                    ', '.join(taken) or 'the request alone'))


def check_value_taken(handler, name, decorator):
    """See that a function takes what a decorator hands it by name.

    :raises TypeError: it certainly does not.
    """
    taken = _arguments(handler)
    if taken is not None and name not in taken:
        raise TypeError(
            'handler %s does not take %s, which %s hands it by that name; '
            'write: def %s(request, %s)' % (
                describe(handler), name, decorator,
                getattr(function_of(handler), '__name__', 'handler'), name))


def _takes_nothing(handler):
    return not inspect.signature(handler, follow_wrapped=False).parameters


def _arguments(handler):
    # The names that a handler takes beside the request, or None: any, or not
    # known, of a function in C.
    try:
        parameters = list(inspect.signature(
            handler, follow_wrapped=False).parameters.values())
    except (TypeError, ValueError):
        return None
    if any(one.kind == one.VAR_KEYWORD for one in parameters):
        return None
    if parameters and parameters[0].kind in (
            parameters[0].POSITIONAL_ONLY,
            parameters[0].POSITIONAL_OR_KEYWORD):
        del parameters[0]  # the request
    return [one.name for one in parameters
            if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]


#: What functions get that are called around a handler.
_HOOKS = {
    'before_request_handlers': ('before_request', 'request'),
    'after_request_handlers': ('after_request', 'request, response'),
    'after_error_request_handlers': (
        'after_error_request', 'request, response'),
    'startup_handlers': ('on_startup', ''),
    'shutdown_handlers': ('on_shutdown', ''),
}


def check_hook(name, function, key):
    """See that a hook or an error handler takes what it is called with.

    :param name: the list of the application that it is for.
    :param key: of an error handler: the status code or class.
    :raises TypeError: it certainly does not, and would fail when it is
                       called: an error handler only then.
    """
    if name == 'error_handlers':
        hook = 'errorhandler(%s)' % getattr(key, '__name__', key)
        takes = 'request' if isinstance(key, int) else 'request, exception'
    elif name in _HOOKS:
        hook, takes = _HOOKS[name]
    else:
        return
    if not callable(function):
        raise TypeError('%s is for a function; this is %s: %.100r' % (
            hook, named(function), function))
    try:
        signature = inspect.signature(function, follow_wrapped=False)
    except ValueError:
        return  # of a function in C
    try:
        signature.bind(*filter(None, takes.split(', ')))
    except TypeError as exc:
        raise TypeError(
            '%s: %s does not take what it is called with (%s); write: '
            'def %s(%s)' % (hook, describe(function), exc, getattr(
                function_of(function), '__name__', 'f'), takes)) from None


def check_middleware(middleware):
    """See that the middleware of a route is a list.

    :raises TypeError: it is a function.
    """
    if callable(middleware):
        raise TypeError('middleware is a list: middleware=[%s]' % getattr(
            middleware, '__name__', '...'))


def doubled_slash(route):
    """Tell whether a route of a mounted application is for a path that
    nobody asks for, since the prefix ends in a slash."""
    prefix = route.url_prefix
    return prefix[-1:] == '/' and \
        route.pattern.url_pattern[len(prefix):][:1] == '/'


def check_mount(app, subapp, application):
    """See that what is mounted is an application, and comes first.

    :raises TypeError: it is not.
    :raises ValueError: it is mounted on itself.
    """
    if isinstance(subapp, str):
        raise TypeError("the application comes first: app.mount(subapp, '%s')"
                        % subapp)
    if not isinstance(subapp, application):
        raise TypeError('only a Microdot application can be mounted; this is '
                        '%s' % named(subapp))
    above = [app]
    for one in above:
        if one is subapp:
            raise ValueError('an application cannot be mounted on itself, '
                             'nor on one that is mounted on it')
        above += [parent for parent, *_ in one.parents]


def check_error_key(key):
    """See that what ``errorhandler()`` is given is a status code or a class
    of exceptions.

    :raises TypeError: it is neither, and its handler would never be called.
    """
    if isinstance(key, type) and issubclass(key, BaseException) or \
            isinstance(key, int) and not isinstance(key, bool):
        return
    if inspect.isroutine(key):
        raise TypeError('%s has a decorator without its status code; write: '
                        '@app.errorhandler(404)' % describe(key))
    raise TypeError(
        'errorhandler() takes a status code, such as 404, or a class of '
        'exceptions, such as ValueError; this is %s: %.100r' % (
            named(key), key))


#: What a handler may ask of a body of another type, where it is ``None``.
_PARTS = {'form': 'The body must be a form',
          'json': 'The body must be application/json',
          'files': 'The body must be multipart/form-data'}


def missing_part(request, exc):
    """Return what a client gets for an exception that a handler has raised
    because the body of the request is of another type: for
    ``request.form['name']`` where there is no form.

    :return: ``(status code, reason)``, or ``None``: it is the handler's
             mistake.
    """
    # Both say so, and few of them come: it costs nothing elsewhere. (What a
    # program raises itself may have anything in it.)
    if type(exc) not in (TypeError, AttributeError) or not exc.args or \
            not isinstance(exc.args[0], str) or \
            'NoneType' not in exc.args[0] or not exc.__traceback__:
        return None
    tb = exc.__traceback__
    while tb.tb_next:
        tb = tb.tb_next
    part = _operand(tb.tb_frame.f_code, tb.tb_lasti)
    if part not in _PARTS or getattr(request, part) is not None:
        return None
    kind = (request.content_type or '').partition(';')[0].strip().lower()
    if part == 'json' and kind.endswith(('/json', '+json')):
        return 400, 'The body must not be null'
    if part == 'files' and kind == 'multipart/form-data':
        return None  # nothing has parsed it
    return 415, _PARTS[part]


@functools.lru_cache
def _operand(code, offset):
    # The attribute whose value the instruction at an offset has failed with,
    # be it taken there, or kept in a local variable before; or else None.
    import dis  # (slow to import, and for what is rare)
    steps = [('', ''), ('', '')]
    for one in dis.get_instructions(code):
        # (some are two in one, such as STORE_FAST_LOAD_FAST)
        words = re.findall('(?:LOAD|STORE)_FAST', one.opname)
        if len(words) == 2:
            steps += zip(words, one.argval)
        else:
            steps.append((words[0] if words else one.opname, one.argval))
        if one.offset >= offset:
            break
    if steps.pop()[0] in ('BINARY_SUBSCR', 'BINARY_OP') and \
            steps.pop()[0][:5] != 'LOAD_':
        return None  # the key is something longer
    kind, name = steps.pop()
    if kind == 'LOAD_FAST':
        stored = ('STORE_FAST', name)
        if stored not in steps:
            return None
        last = len(steps) - 1 - steps[::-1].index(stored)
        kind, name = steps[last - 1]
    return name if kind == 'LOAD_ATTR' else None
