"""Bodies of requests, saved as files.

An application that uses ``request.save()`` loads this module. On a board it
has to be there only then.
"""
import os
from binascii import hexlify

from .microdot import HTTPException, Response, invoke_handler


def _replace(source, target):
    if hasattr(os, 'replace'):
        os.replace(source, target)
        return
    try:
        os.rename(source, target)
    except OSError:
        # FAT: rename() does not replace
        os.remove(target)
        os.rename(source, target)


def _drop(file, path):
    for f, arg in ((file.close, ()), (os.remove, (path,))):
        try:
            f(*arg)
        except OSError:
            pass  # there is no room for what is in a buffer, or it is moved


async def save(request, path, max_size=None):
    """Save the body of a request, see :meth:`Request.save`."""
    path = str(path)
    if max_size is None:
        max_size = 1 << 62
    # (two clients may send the same one)
    part = '%s.%s.part' % (path, hexlify(os.urandom(4)).decode())
    size = request.content_length
    file = None
    try:
        if size <= max_size:
            size = 0
            file = await invoke_handler(open, part, 'wb')
        stream = request.stream
        while size <= max_size:
            data = await stream.read(Response.send_file_buffer_size)
            if not data:
                break
            size += len(data)
            await invoke_handler(file.write, data)
        if size > max_size:
            raise HTTPException(
                413, 'Payload too large, see max_size of request.save()')
        if request.content_length and not size:
            # an empty file in place of another would be all that is left
            raise RuntimeError('the body has been read already')
        # (what is in a buffer may find no room)
        await invoke_handler(file.close)
        await invoke_handler(_replace, part, path)
        return size
    except OSError as exc:
        if exc.errno in (28, 122):  # ENOSPC, EDQUOT
            raise HTTPException(507, 'No room for the body')
        raise
    finally:
        if file:
            await invoke_handler(_drop, file, part)
