"""Files as responses: what ``send_file()`` does.

An application that calls it loads this module. On a board it has to be there
only then.
"""
from .microdot import HTTPException


def send_file(cls, filename, status_code=200, content_type=None, stream=None,
              max_age=None, compressed=False, file_extension='',
              download_name=None, disposition=None):
    """Return a response that is a file, see :meth:`Response.send_file`.

    :param cls: the class of the response.
    """
    filename = str(filename)
    name = download_name or filename
    headers = {}
    if download_name or disposition:
        from .downloads import content_disposition
        headers['Content-Disposition'] = content_disposition(name, disposition)
    if compressed:
        headers['Content-Encoding'] = \
            compressed if isinstance(compressed, str) else 'gzip'
        if name.endswith('.gz'):
            name = name[:-3]
    headers['Content-Type'] = content_type or cls.types_map.get(
        name.rsplit('.', 1)[-1].lower(), 'application/octet-stream')
    if max_age is None:
        max_age = cls.default_send_file_max_age
    if max_age is not None:
        headers['Cache-Control'] = 'max-age=%d' % max_age
    size = None
    if not stream:
        try:
            stream = open(filename + file_extension, 'rb')
            size = stream.seek(0, 2)
            stream.seek(0)
        except OSError as exc:
            if exc.errno in (1, 13):  # EPERM, EACCES
                raise HTTPException(403)
            raise HTTPException(404, 'Not found')
    res = cls(stream, status_code, headers)
    res.size = size
    return res
