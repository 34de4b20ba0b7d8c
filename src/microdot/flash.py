"""Messages that the next page shows once. They are kept in the session."""
from .session import find_session

#: Messages kept for one client: of more, the oldest are dropped.
max_flashed = 10


def flash(request, message, category='message'):
    """Keep a message until :func:`get_flashed` takes it, in this request or
    a later one of the same client.

    :param message: ``str``, or what else JSON knows.
    :param category: such as ``'success'`` or ``'error'``.
    :raises ValueError: the application has no ``Session``, or no room for
                        the message is left in it.
    """
    session = find_session(request).get(request)
    messages = session.get('_flashed', []) + [[category, message]]
    session['_flashed'] = messages[-max_flashed:]
    session.save()


def get_flashed(request):
    """Take the messages of a client: a list of ``(category, message)``, the
    oldest first. The next call returns an empty one.

    :raises ValueError: the application has no ``Session``.
    """
    session = find_session(request).get(request)
    messages = session.pop('_flashed', ())
    if messages:
        session.save()
    return list(map(tuple, messages))
