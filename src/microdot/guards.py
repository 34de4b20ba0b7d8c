"""A guard of all routes at once: ``Login.required_everywhere()``."""


def guard_all(login, app, except_):
    """See :meth:`Login.required_everywhere`."""
    if isinstance(except_, str):
        raise TypeError("except_ is a list, such as ['/static/*']")
    free = list(except_)

    async def check(request):
        # (here an encoded slash is none, as for routes)
        path = request.route_path
        route = request.entry
        for one in free:
            if one in (path, route.name or getattr(
                    route.handler, '__name__', path)) or \
                    one[-1:] == '*' and path.startswith(one[:-1]):
                return None
        if path != login.login_url.partition('?')[0]:
            return await login.check(request)

    if app:
        app.before_request(check)
    return check
