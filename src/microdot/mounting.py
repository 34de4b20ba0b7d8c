"""Applications that are mounted in others.

An application that mounts another loads this module. On a board it has to be
there only then.
"""
from .microdot import Route, URLPattern


def mount(self, subapp, url_prefix='', local=False, name=None, host=None):
    """Make the routes of another application this one's, see
    :meth:`Microdot.mount`."""
    if host:
        from .hosts import Host
        host = Host(host)
    self.mounts += ((subapp, url_prefix, local, name, host),)
    above = self, url_prefix, local, host
    subapp.parents += (above,)
    for added in subapp.added:
        _pass_on(subapp, above, *added)


def inherit(app, name, value, key):
    """Register what a mounted application has registered with those that it
    is mounted in, see :meth:`Microdot.register`."""
    for above in app.parents:
        _pass_on(app, above, name, value, key)


def _pass_on(subapp, above, name, value, key):
    parent, url_prefix, local, host = above
    if name == 'routes':
        pattern = URLPattern(url_prefix + value.pattern.url_pattern)
        pattern.compile()
        value = Route(
            value.methods, pattern, value.handler,
            url_prefix + value.url_prefix, value.subapp or subapp,
            (subapp,) + value.chain if local else value.chain,
            value.max_content_length, value.name, value.host or host,
            value.place - 2 if host and not value.host else value.place,
            value.max_body_length)
    elif local and name[:2] != 'st' and name[:2] != 'sh' or \
            (name, value, key) in parent.added:
        # (start-up and shut-down are never local; mounted twice, once)
        return
    parent.register(name, value, key)


def local_apps(app, req, path):
    """Return the applications, mounted with ``local=True``, that have a
    path: a tuple, the outermost first."""
    for subapp, prefix, local, _, host in app.mounts:
        prefix = prefix.rstrip('/')
        if (host(req, {}) is not None if host else prefix) and \
                path.startswith(prefix) and path[len(prefix):][:1] in '/':
            chain = local_apps(subapp, req, path[len(prefix):])
            if local or chain:
                return (subapp,) + chain if local else chain
    return ()
