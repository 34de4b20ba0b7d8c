"""A site of files that were compressed before they were copied.

Board: any. Wiring: none. Flash: 29 KB and the site, compressed. Heap: 68 KB.

A board has no time to compress anything, and need not: a computer does it
once. From the top of the repository, with the package installed as
``docs/start/board.rst`` says::

    $ python3 examples/static/compress.py
    $ microdot deploy examples/static --exclude www \\
        --exclude compress.py --wifi "NAME" --main --start

Or on a computer::

    PYTHONPATH=src python3 examples/static/static_site.py
    MICROPYPATH=src:.frozen micropython examples/static/static_site.py

    $ curl -i --compressed http://127.0.0.1:5000/
    HTTP/1.1 200 OK
    Content-Encoding: gzip
"""
import os
import sys

from microdot import Microdot, abort, send_file


def find_folder():
    """Return where the files are: in the current folder, which is the top of
    a board, or beside this file."""
    try:
        os.stat('public')
        return 'public/'
    except OSError:
        return (__file__.rpartition('/')[0] or '.') + '/public/'


FOLDER = find_folder()
#: Seconds that browsers keep style sheets, scripts and pictures.
MAX_AGE = 24 * 60 * 60

app = Microdot()


@app.get('/')
@app.get('/<path:path>')
async def static(request, path='index.html'):
    for part in path.split('/'):
        # none of ours begins with a dot, and '..' would lead elsewhere
        if not part or part[0] == '.' or '\\' in part:
            abort(404, 'Not found')
    if 'gzip' not in request.headers.get('Accept-Encoding', ''):
        abort(406, 'This site is compressed, and you take no gzip\n')
    response = send_file(
        FOLDER + path, compressed=True, file_extension='.gz',
        max_age=0 if path.endswith('.html') else MAX_AGE)
    response.headers['Vary'] = 'Accept-Encoding'
    return response


def main(host='0.0.0.0', port='5000'):
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
