"""Bodies of requests, and files of forms, saved as files.

An application that uses ``request.save()`` or ``FileUpload.save()`` loads
this module. On a board it has to be there only then.
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


def _is_device(path):
    # Such as /dev/null, which a file is not to take the place of.
    try:
        return os.stat(path)[0] & 0xf000 not in (0x4000, 0x8000)
    except OSError:
        return False


def _drop(file, path):
    for f, arg in ((file.close, ()), (os.remove, (path,))):
        try:
            f(*arg)
        except OSError:
            pass  # there is no room for what is in a buffer, or it is moved


def refuse(exc):
    """Raise a 507 in place of an ``OSError`` that says that there is no room
    for a file (RFC 4918, section 11.5)."""
    if exc.errno in (28, 122):  # ENOSPC, EDQUOT
        raise HTTPException(507, 'No room for the body')


async def write_file(read, path, max_size, min_size=0):
    """Write what there is to read to a file. It gets its name when it is
    whole; one that has the name stays until then.

    :param read: a coroutine function that gets a number of bytes and returns
                 so many or fewer, and none at the end.
    :param path: one that can be trusted.
    :param max_size: the most, in bytes.
    :param min_size: the least.
    :return: how many there were.
    :raises HTTPException: 413 for more, 507 without room.
    :raises RuntimeError: there were fewer.
    :raises OSError: the file cannot be written.
    """
    path = getattr(os, 'fsdecode', str)(path)
    part = path
    if not _is_device(path):
        # (two clients may send the same one)
        part = '%s.%s.part' % (path, hexlify(os.urandom(4)).decode())
    size = 0
    try:
        file = await invoke_handler(open, part, 'wb')
        try:
            while size <= max_size:
                data = await read(Response.send_file_buffer_size)
                if not data:
                    break
                size += len(data)
                await invoke_handler(file.write, data)
            if size > max_size:
                raise HTTPException(
                    413, 'Payload too large, see max_size of request.save()')
            if size < min_size:
                # an empty file in place of another would be all that is left
                raise RuntimeError('the body has been read already')
            # (what is in a buffer may find no room)
            await invoke_handler(file.close)
            if part != path:
                await invoke_handler(_replace, part, path)
        finally:
            if part != path:
                await invoke_handler(_drop, file, part)
            else:
                await invoke_handler(file.close)
    except OSError as exc:
        refuse(exc)
        raise
    return size


async def save(request, path, max_size=None):
    """Save the body of a request, see :meth:`Request.save`."""
    if max_size is None:
        max_size = 1 << 62
    size = request.content_length
    if size > max_size:
        raise HTTPException(
            413, 'Payload too large, see max_size of request.save()')
    return await write_file(request.stream.read, path, max_size, min(size, 1))
