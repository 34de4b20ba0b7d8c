"""What the options mean for an application: it is given its limits, its log,
its proxies, and is served."""
from __future__ import annotations

import gc
import importlib
import logging
import sys
from typing import Any

from ..microdot import Microdot, Request
from . import CommandError
from .options import Settings, nearest

#: What ends the name of a class's limits, or begins it.
_ENDS = ('_timeout', '_connections', '_interval', '_size', '_rate',
         '_requests', '_length', '_bodies')


def set_up_logging(level: str) -> None:
    """Let the ``microdot`` loggers speak on stderr, where the program has not
    set up logging itself."""
    logger = logging.getLogger('microdot')
    logger.setLevel(level.upper())
    if not logger.hasHandlers():
        # (that of the logs has colours for a terminal)
        logs = optional('logs')
        logger.addHandler(logs.StreamHandler() if logs
                          else logging.StreamHandler())


def log_requests(app: Microdot, form: str) -> None:
    """Log each request, unless the program does it in its own way."""
    logs = optional('logs')
    if logs is None or any(
            isinstance(wrapper, logs.AccessLog) for wrapper in app.wrappers):
        return
    logs.AccessLog(app, format=form)


#: What counts or keeps something in each process: its module, its class, what
#: it is called, and the attribute that has what all processes share, if any.
PER_PROCESS = (
    ('stores', 'MemoryStore', 'sessions (MemoryStore)', None),
    ('ratelimit', 'Limiter', 'rate limits', 'redis'),
    ('login', 'Login', 'counts of failed logins', 'limiter'),
    ('metrics', 'Metrics', 'metrics', None),
    ('pubsub', 'Hub', 'hubs', 'shared'),
)


def kept_per_process(app: Microdot) -> list[str]:
    """Return what the program uses that each process has for itself.

    It is found among all objects that there are, once, so that nothing has to
    count them that boards would pay for.
    """
    package = __package__.rpartition('.')[0]
    kinds = []
    for module, name, text, shared in PER_PROCESS:
        kind = getattr(sys.modules.get('%s.%s' % (package, module)), name,
                       None)
        if kind:
            kinds.append((kind, text, shared))
    objects = gc.get_objects() if kinds else []
    found = [text for kind, text, shared in kinds if any(
        isinstance(each, kind) and not (shared and getattr(each, shared))
        for each in objects)]
    if any(handler.__module__ == package + '.schedule'
           for handler in app.startup_handlers):
        found.append('scheduled functions')
    return found


def limits_of(holder: type) -> list[str]:
    """Return the names of the limits that a class has."""
    return [name for name in dir(holder)
            if not name.startswith('_') and (
                name.startswith('max_') or name.endswith(_ENDS))
            and isinstance(getattr(holder, name),
                           (int, float, type(None)))]


def set_limits(app: Microdot,
               limits: tuple[tuple[str, int | float | None], ...]) -> None:
    """Set limits of the application, of its requests, or of any class of the
    package that is named with its module's: ``websocket.max_queue``.

    :raises CommandError: there is none of that name.
    """
    for name, value in limits:
        short = name.rpartition('.')[2]
        for kind, holder in (('Microdot', app), ('Request', Request)):
            if name in (short, kind + '.' + short) and \
                    short in limits_of(type(app) if holder is app
                                       else Request):
                setattr(holder, short, value)
                break
        else:
            if not set_elsewhere(name, value):
                known = limits_of(Microdot) + limits_of(Request)
                raise CommandError('--limit: there is no limit %s%s' % (
                    name, nearest(short, known)))


def set_elsewhere(name: str, value: int | float | None) -> bool:
    """Set a limit of a class such as ``WebSocket``, if the program has
    loaded its module."""
    kind, _, short = name.rpartition('.')
    package = __package__.rpartition('.')[0]
    for module in ('websocket', 'sse', 'multipart'):
        loaded = sys.modules.get('%s.%s' % (package, module))
        holder = getattr(loaded, kind, None) if kind else None
        if isinstance(holder, type) and short in limits_of(holder):
            setattr(holder, short, value)
            return True
    return False


def trust(app: Microdot, proxies: tuple[str, ...]) -> None:
    """Believe what these proxies say of clients.

    :raises CommandError: one is not an address or a network.
    """
    from ..proxies import TrustedProxies
    try:
        trusted = TrustedProxies(*proxies)
    except ValueError:
        raise CommandError('--proxy %s: an address such as 127.0.0.1 or a '
                           'network such as 10.0.0.0/8 expected' %
                           ', '.join(proxies)) from None
    app.middleware(trusted)


def optional(name: str) -> Any:
    """Return a module of the package, or ``None`` where it was left out."""
    package = __package__.rpartition('.')[0]
    try:
        return importlib.import_module('%s.%s' % (package, name))
    except ModuleNotFoundError as exc:
        if exc.name != '%s.%s' % (package, name):
            raise
        return None


def prepare(app: Microdot, settings: Settings) -> None:
    """Give an application what the options say, before it is served.

    :raises CommandError: a limit or proxy is not one.
    """
    set_up_logging(settings.log_level)
    set_limits(app, settings.limit)
    if settings.proxy:
        trust(app, settings.proxy)
    if settings.root_path:
        from .._rootpath import install
        install(app, settings.root_path)
    if not settings.no_access_log:
        log_requests(app, settings.log_format)
    if settings.debug and not settings.uds and not settings.proxy:
        debug = optional('debug')
        if debug:
            debug.install(app)


def tls_files(settings: Settings) -> tuple[str, str] | None:
    """Return the files of certificate and key, or ``None`` without TLS.

    :raises CommandError: they cannot be read or made, or do not belong
                          together.
    """
    if settings.self_signed:
        from .certificates import self_signed
        return self_signed()
    if not settings.tls_cert or not settings.tls_key:
        return None
    import ssl
    files = settings.tls_cert, settings.tls_key
    try:
        for file in files:
            open(file, 'rb').close()
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*files)
    except ssl.SSLError as exc:
        raise CommandError('cannot use %s with %s: %s' % (
            *files, exc.reason or exc), 1) from None
    except OSError as exc:
        raise CommandError('%s: %s' % (exc.filename, exc.strerror),
                           1) from None
    return files
