"""A certificate for this computer that nobody else has signed."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time

from . import CommandError
from .banner import lan_address

#: Days for which a certificate is good, and seconds before its end from
#: which a new one is made.
DAYS = 30
RENEW_S = 24 * 3600


def cache_folder() -> str:
    """Return the user's folder for what can be made again."""
    if os.name == 'nt':
        base = os.environ.get('LOCALAPPDATA') or \
            os.path.expanduser('~\\AppData\\Local')
    elif sys.platform == 'darwin':
        base = os.path.expanduser('~/Library/Caches')
    else:
        base = os.environ.get('XDG_CACHE_HOME', '')
        if not os.path.isabs(base):
            base = os.path.expanduser('~/.cache')
    return os.path.join(base, 'microdot')


def self_signed() -> tuple[str, str]:
    """Return the files of a certificate and its key, made now or within the
    last month, for ``localhost`` and the addresses of this computer.

    :raises CommandError: there is nothing to make it with, or no place for
                          it.
    """
    addresses = ['127.0.0.1', '::1']
    lan = lan_address()
    if lan:
        addresses.append(lan)
    folder = cache_folder()
    name = 'self-signed-%s' % (lan or 'localhost')
    certificate = os.path.join(folder, name + '.pem')
    key = os.path.join(folder, name + '.key')
    if is_fresh(certificate) and os.path.exists(key):
        return certificate, key
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        # Made apart and moved, so that nobody finds half of one; mkdtemp
        # lets only the user look.
        with tempfile.TemporaryDirectory(dir=folder) as apart:
            make(apart, addresses)
            os.chmod(os.path.join(apart, 'key'), 0o600)
            os.replace(os.path.join(apart, 'key'), key)
            os.replace(os.path.join(apart, 'certificate'), certificate)
    except OSError as exc:
        raise CommandError('--self-signed: %s: %s' % (
            exc.filename or folder, exc.strerror), 1) from None
    return certificate, key


def is_fresh(path: str) -> bool:
    try:
        made = os.stat(path).st_mtime
    except OSError:
        return False
    return made <= time.time() < made + DAYS * 86400 - RENEW_S


def make(folder: str, addresses: list[str]) -> None:
    """Write the files ``certificate`` and ``key`` into a folder."""
    try:
        import cryptography  # noqa: F401
    except ImportError:
        program = shutil.which('openssl')
        if not program:
            raise CommandError(
                '--self-signed needs the package cryptography (python -m pip '
                'install cryptography) or the program openssl', 1) from None
        with_program(program, folder, addresses)
    else:
        with_package(folder, addresses)


def with_package(folder: str, addresses: list[str]) -> None:
    """Make them with the package ``cryptography``."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(
        NameOID.COMMON_NAME, 'localhost')])
    now = datetime.datetime.now(datetime.timezone.utc)
    names: list[x509.GeneralName] = [x509.DNSName('localhost')]
    names += [x509.IPAddress(ipaddress.ip_address(address))
              for address in addresses]
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # (a clock that is a little behind must not refuse it)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None),
                       critical=True)
        .add_extension(x509.ExtendedKeyUsage(
            [ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256()))
    write(folder, 'key', key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    write(folder, 'certificate', certificate.public_bytes(
        serialization.Encoding.PEM))


def write(folder: str, name: str, data: bytes) -> None:
    fd = os.open(os.path.join(folder, name),
                 os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(fd, 'wb') as file:
        file.write(data)


def with_program(program: str, folder: str, addresses: list[str]) -> None:
    """Make them with the program ``openssl``."""
    names = ','.join(['DNS:localhost'] +
                     ['IP:' + address for address in addresses])
    result = subprocess.run(
        [program, 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
         'ec_paramgen_curve:prime256v1', '-nodes', '-sha256',
         '-days', str(DAYS), '-subj', '/CN=localhost',
         '-addext', 'subjectAltName=' + names,
         '-addext', 'extendedKeyUsage=serverAuth',
         '-keyout', os.path.join(folder, 'key'),
         '-out', os.path.join(folder, 'certificate')],
        stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode:
        last = result.stderr.strip().splitlines()[-1:]
        raise CommandError('--self-signed: openssl failed: %s'
                           % ''.join(last), 1)
