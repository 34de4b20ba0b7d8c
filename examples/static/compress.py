"""Compress the site in ``www`` into ``public``, as a board is to have it.

For computers: ``python3 examples/static/compress.py``.
"""
import gzip
import pathlib
import shutil

FOLDER = pathlib.Path(__file__).resolve().parent


def compress(source=FOLDER / 'www', target=FOLDER / 'public'):
    """Compress all files in a folder, and below it."""
    if target.exists():
        shutil.rmtree(target)
    for path in sorted(source.rglob('*')):
        if path.is_file():
            name = path.relative_to(source)
            result = target / name.with_name(name.name + '.gz')
            result.parent.mkdir(parents=True, exist_ok=True)
            # without the time, the same each time
            result.write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))


if __name__ == '__main__':
    compress()
