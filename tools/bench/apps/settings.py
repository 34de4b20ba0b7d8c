"""What every server of the measurements is to answer, and how it is told."""
import os

TEXT = 'Hello, world!'
DATA = {'message': 'Hello, world!'}
#: A file of one megabyte.
FILE = os.environ.get('BENCH_FILE', '')
#: Routes beside those that are measured: ``/static0`` and on, which answer
#: with their number, and ``/param0/<int>`` and on, with their argument.
STATIC = int(os.environ.get('BENCH_STATIC', 0))
PARAM = int(os.environ.get('BENCH_PARAM', 0))
#: Pieces of the streamed response, and one of them.
PIECES = 100
PIECE = 'x' * 99 + '\n'
