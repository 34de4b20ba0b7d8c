"""Throw bytes at what parses the bytes of peers, and look for surprises.

``python3 tools/fuzz/fuzz.py TARGET [--seconds N]`` runs one target of
``targets.py``, without a name it lists them. With ``atheris`` in the
environment that runs this, the inputs follow the coverage of the code.
Without it, or with ``--random``, they are random changes of the samples that
the target comes with, which needs nothing but Python.

A finding is printed with its traceback, written to ``--findings`` (by default
a folder in the system's temporary one), and makes the exit status 1. The last
line tells the executions, the seconds, and the findings. ``--input FILE`` runs
a single input again.
"""

import argparse
import hashlib
import os
import pathlib
import random
import sys
import tempfile
import time
import traceback

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
#: Bytes of an input. More finds little, and is slow.
MAX_LENGTH = 2048
#: Findings after which a run of random inputs ends.
MAX_FINDINGS = 5


def load_targets(instrument=None):
    """Import the targets, and with them what they parse with.

    :param instrument: the ``atheris`` module, to follow the coverage.
    """
    for folder in (pathlib.Path(__file__).parent, TOP / 'src'):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    if instrument is None:
        import targets
    else:
        with instrument.instrument_imports(include=['microdot']):
            import targets
    return targets


# ------------------------------------------------------------ random inputs

class Mutator:
    """Makes inputs from samples.

    :param samples: a list of ``bytes``.
    :param words: a list of ``bytes`` that mean something to the target.
    :param seed: of the random numbers.
    """

    def __init__(self, samples, words, seed=None):
        self._samples = samples or [b'']
        self._words = words or [b'']
        self._random = random.Random(seed)

    def __call__(self):
        rng = self._random
        data = bytearray(rng.choice(self._samples))
        for _ in range(rng.choice((0, 1, 1, 2, 3, 5, 8))):
            start = rng.randint(0, len(data))
            end = rng.randint(start, min(len(data), start + 16))
            change = rng.randrange(7)
            if change == 0:
                data[start:end] = b''
            elif change == 1:
                data[start:start] = rng.choice(self._words)
            elif change == 2:
                data[start:end] = rng.choice(self._words)
            elif change == 3:
                data[start:start] = rng.randbytes(rng.randint(1, 4))
            elif change == 4 and start < len(data):
                data[start] ^= 1 << rng.randrange(8)
            elif change == 5:
                data[start:start] = data[start:end] * rng.choice((1, 2, 40))
            else:
                other = rng.choice(self._samples)
                data[start:] = other[rng.randint(0, len(other)):]
        return bytes(data[:MAX_LENGTH])


def run_random(target, seconds, count=None, seed=None):
    """Run a target on random inputs.

    :param seconds: when to stop; ``None``: after *count* inputs.
    :return: ``(executions, findings)``; the latter a list of tuples of input
             and traceback.
    """
    make = Mutator(target.samples, target.words, seed)
    findings = []
    known = set()
    executions = 0
    stop = None if seconds is None else time.monotonic() + seconds
    inputs = iter(target.samples)
    while len(findings) < MAX_FINDINGS and (
            executions < count if stop is None else time.monotonic() < stop):
        data = next(inputs, None)
        if data is None:
            data = make()
        executions += 1
        try:
            target.function(data)
        except Exception as exc:
            # the same place again is no news
            place = traceback.extract_tb(exc.__traceback__)[-1]
            place = type(exc), place.filename, place.lineno
            if place not in known:
                known.add(place)
                findings.append((data, traceback.format_exc()))
    return executions, findings


# ------------------------------------------------------------------ atheris

def run_atheris(atheris, target, seconds, corpus, findings):
    """Run a target under atheris, in this process, which it ends."""
    state = {'executions': 0}
    start = time.monotonic()
    words = findings / (target.name + '.words')
    words.write_text(''.join(
        '"%s"\n' % ''.join('\\x%02X' % byte for byte in word)
        for word in target.words if word))
    for sample in target.samples:
        name = hashlib.sha1(sample).hexdigest()
        (corpus / name).write_bytes(sample)

    def run_one(data):
        state['executions'] += 1
        try:
            target.function(data)
        except BaseException:
            report(target, state['executions'], time.monotonic() - start, 1)
            raise
        if time.monotonic() - start > seconds:
            report(target, state['executions'], time.monotonic() - start, 0)
            os._exit(0)  # anything else is taken for a finding

    atheris.Setup([sys.argv[0], '-max_len=%d' % MAX_LENGTH, '-timeout=20',
                   '-rss_limit_mb=2048', '-verbosity=0',
                   '-dict=%s' % words,
                   '-artifact_prefix=%s/%s-' % (findings, target.name),
                   str(corpus)], run_one)
    atheris.Fuzz()


def report(target, executions, seconds, findings):
    """Print the last line."""
    print('%s: %d executions in %d s, %d a second, %d findings' % (
        target.name, executions, seconds, executions / max(seconds, 0.001),
        findings), flush=True)


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('target', nargs='?')
    parser.add_argument('--seconds', type=int, default=60)
    parser.add_argument('--random', action='store_true',
                        help='random inputs, although atheris is there')
    parser.add_argument('--seed', type=int, help='of the random inputs')
    parser.add_argument('--input', type=pathlib.Path,
                        help='run this input only')
    parser.add_argument('--findings', type=pathlib.Path,
                        default=pathlib.Path(tempfile.gettempdir()) /
                        'microdot-fuzz')
    args = parser.parse_args(argv)
    atheris = None
    if not args.random and not args.input:
        try:
            import atheris
        except ImportError:
            pass
    targets = load_targets(atheris)
    if args.target not in targets.TARGETS:
        print('targets: ' + ' '.join(targets.TARGETS))
        return 2
    target = targets.TARGETS[args.target]
    if args.input:
        target.function(args.input.read_bytes())
        return 0
    corpus = args.findings / ('corpus-' + target.name)
    corpus.mkdir(parents=True, exist_ok=True)
    if atheris:
        run_atheris(atheris, target, args.seconds, corpus, args.findings)
    start = time.monotonic()
    executions, findings = run_random(target, args.seconds, seed=args.seed)
    for data, text in findings:
        path = args.findings / ('%s-%s' % (
            target.name, hashlib.sha1(data).hexdigest()))
        path.write_bytes(data)
        print('%s\n%r\n%s' % (path, data, text))
    report(target, executions, time.monotonic() - start, len(findings))
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main())
