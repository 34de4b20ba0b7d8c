"""Strict-Transport-Security (RFC 6797), for ``security`` and ``hosts``."""


def add_hsts(app, seconds=True):
    """Tell the browsers of an application to use TLS only from now on. Said
    over TLS alone.

    :param seconds: for how long; ``True`` is a year.
    """
    value = 'max-age=%d' % (31536000 if seconds is True else seconds)

    def finish(request, response):
        if request and request.scheme == 'https':
            response.headers.setdefault('Strict-Transport-Security', value)

    app.finishers.append(finish)
