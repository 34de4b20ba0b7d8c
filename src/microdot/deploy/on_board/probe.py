"""Runs on the board: what the board is, and what it has.

``sums.py`` comes before it.
"""


def _found(paths):
    """Return what is at these paths: ``None`` for a folder, size and hash for
    a file; a path where nothing is is left out."""
    import os
    files = {}
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            continue
        files[path] = (None if status[0] & 0x4000
                       else [status[6], _sum(path)])  # noqa: F821
    return files


def _missing(modules):
    """Return the names of those modules that cannot be imported."""
    missing = []
    for module in modules:
        try:
            __import__(module)
        except ImportError:
            missing.append(module)
    return missing


def _flash():
    """Return block size, size and free bytes of the flash, or ``None``."""
    import os
    try:
        status = os.statvfs(os.getcwd())
        return [status[0], status[1] * status[2], status[0] * status[3]]
    except Exception:  # a port without it, in whatever way it says so
        return None


def _rom(length):
    """Return the size of the ROMFS partition, 0 if there is none; and the
    hash of that many bytes at its start, or ``None``."""
    size = 0
    image = None
    try:
        import hashlib

        import vfs
        if vfs.rom_ioctl(1) > 0:
            rom = vfs.rom_ioctl(2, 0)
            if hasattr(rom, 'ioctl'):
                size = rom.ioctl(4, 0) * rom.ioctl(5, 0)
            else:
                size = len(rom)
                if length:
                    image = _hex(  # noqa: F821
                        hashlib.sha256(memoryview(rom)[:length]))
    except Exception:  # no ROMFS, or no hashes, in this firmware
        pass
    return size, image


def _probe(mark, paths, modules, length):
    """Print what the board is, as JSON behind the mark.

    ``paths`` and ``modules`` are looked for; ``length`` bytes of the ROMFS
    are hashed.
    """
    import gc
    import json
    import sys
    gc.collect()
    implementation = sys.implementation
    size, image = _rom(length)
    print('\n' + mark + json.dumps({
        'name': implementation[0],
        'version': list(implementation[1][:3]),
        'mpy': getattr(implementation, '_mpy', 0),
        'machine': getattr(implementation, '_machine', sys.platform),
        'heap': gc.mem_free(),
        'files': _found(paths),
        'missing': _missing(modules),
        'path': sys.path,
        'flash': _flash(),
        'rom': size,
        'image': image}))
