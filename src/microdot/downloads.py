"""Names for files that browsers save.

An application that uses ``send_file(..., download_name=...)`` or its
``disposition`` loads this module. On a board it has to be there only then.
"""


def content_disposition(name, kind=None):
    """Return the value of a ``Content-Disposition`` for a file (RFC 6266).

    :param name: of the file, without regard to folders. What is not ASCII is
                 in it once more as RFC 8187 has it.
    :param kind: ``'attachment'``, which a browser saves, or ``'inline'``.
    :raises ValueError: it is another.
    """
    kind = kind or 'attachment'
    if kind != 'attachment' and kind != 'inline':
        raise ValueError("disposition is 'attachment' or 'inline', not %r"
                         % kind)
    name = str(name).replace('\\', '/').rsplit('/', 1)[-1]
    plain = encoded = ''
    for char in name:
        if not ' ' <= char != '\x7f':
            char = '_'
        # (some browsers decode a "%")
        plain += char if char < '\x7f' and char not in '"%' else '_'
        for byte in char.encode():
            encoded += chr(byte) if chr(byte).isalpha() and byte < 128 or \
                48 <= byte < 58 or byte in b'-._~' else '%%%02X' % byte
    kind += '; filename="%s"' % plain
    return kind if plain == name else "%s; filename*=UTF-8''%s" % (
        kind, encoded)
