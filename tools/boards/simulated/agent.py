"""Runs in the MicroPython of a simulated board: executes what the line brings
and tells the end. Its argument is JSON, see ``Process`` in ``simboard.py``.
"""
import gc
import io
import json
import os
import sys
import time

import ffi
import vfs

_given = json.loads(sys.argv[1])
_flash = _given['flash']
_mark = _given['mark']
_size = _given['flash_size']
_rom_size = _given['rom_size']
#: Milliseconds to write a block, and to change a folder.
_block_ms, _entry_ms = _given['flash_ms']
_host = vfs.VfsPosix(_given['host'])
_disk = vfs.VfsPosix(_flash)
_BLOCK = 4096


#: What a program may ask for as ``simulated.counts``.
counts = {'flash_ms': 0}


def _spend(ms):
    # Everything waits for the flash while it is written.
    if ms:
        counts['flash_ms'] += ms
        time.sleep_ms(ms)


def _slow(function):
    def slowed(*args):
        _spend(_entry_ms)
        return function(*args)
    return slowed


class Disk:
    # The flash. It may have an end, and take its time; files are written one
    # at a time.
    def __init__(self):
        for name in ('chdir', 'getcwd', 'ilistdir', 'stat'):
            setattr(self, name, getattr(_disk, name))
        for name in ('mkdir', 'remove', 'rmdir'):
            setattr(self, name, _slow(getattr(_disk, name)))
        if not _size:
            self.statvfs = _disk.statvfs
            if not _entry_ms:
                self.open = _disk.open

    def rename(self, old, new):
        _spend(_entry_ms)
        # that of VfsPosix does not work below a folder
        paths = []
        for path in (old, new):
            if path[0] != '/':
                path = _disk.getcwd().rstrip('/') + '/' + path
            paths.append(_flash + path)
        libc = ffi.open(None)
        if libc.func('i', 'rename', 'ss')(*paths):
            raise OSError(2)

    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def used(self, folder='/'):
        blocks = 2
        for entry in _disk.ilistdir(folder):
            path = folder.rstrip('/') + '/' + entry[0]
            if entry[1] & 0x4000:
                blocks += self.used(path)
            else:
                blocks += (_disk.stat(path)[6] + _BLOCK - 1) // _BLOCK
        return blocks

    def statvfs(self, path):
        free = _size // _BLOCK - self.used()
        return (_BLOCK, _BLOCK, _size // _BLOCK, free, free, 0, 0, 0, 0, 255)

    def open(self, path, mode):
        if mode[0] == 'r' and '+' not in mode:
            return _disk.open(path, mode)
        if _size and self.used() >= _size // _BLOCK:
            raise OSError(28)
        return FlashFile(_disk.open(path, mode), self)


class FlashFile(io.IOBase):
    # A file that is written.
    def __init__(self, file, disk):
        self.file = file
        self.room = (_size // _BLOCK - disk.used()) * _BLOCK if _size else 0
        self.unwritten = 0
        self.is_open = True

    def write(self, data):
        self.room -= len(data)
        if _size and self.room < 0:
            raise OSError(28)
        self.unwritten += len(data)
        while self.unwritten >= _BLOCK:
            self.unwritten -= _BLOCK
            _spend(_block_ms)
        return self.file.write(data)

    def ioctl(self, request, arg):
        if request == 4:
            self.close()
        return 0

    def close(self):
        if self.is_open:
            self.is_open = False
            _spend(_entry_ms + (_block_ms if self.unwritten else 0))
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()


def _map_rom():
    # The partition as memory outside of the heap.
    import uctypes
    libc = ffi.open(None)
    fd = libc.func('i', 'open', 'si')(_given['rom'], 2)
    address = libc.func('p', 'mmap', 'pLiiil')(None, _rom_size, 3, 1, fd, 0)
    return uctypes.bytearray_at(address, _rom_size)


class Vfs:
    # The module vfs, with what finds the partition.
    def __init__(self, rom):
        for name in dir(vfs):
            if name[0] != '_':
                setattr(self, name, getattr(vfs, name))
        self.rom = rom

    def rom_ioctl(self, request, *args):
        if request == 1:
            return 1
        if args[0] != 0:
            return -22
        if request == 2:
            return memoryview(self.rom)
        if request == 3:
            return 16
        if request == 4:
            self.rom[args[1]:args[1] + len(args[2])] = args[2]
        elif request == 6:
            return _BLOCK
        return 0


class Simulated:
    # The module simulated: what a program may ask the simulation.
    counts = counts


class Implementation:
    # sys.implementation, of another machine than this computer.
    def __init__(self, machine):
        self._machine = machine

    def __getattr__(self, name):
        return getattr(sys.implementation, name)

    def __getitem__(self, index):
        return sys.implementation[index]


class System:
    # The module sys, of the board that was asked for.
    def __init__(self, machine, platform):
        self.implementation = Implementation(machine)
        self.platform = platform or sys.platform

    def __getattr__(self, name):
        return getattr(sys, name)


def _take_place():
    # Be the board that was asked for: its network, and so much heap.
    sys.modules['simulated'] = Simulated
    sys.modules['sys'] = System(_given['machine'], _given['platform'])
    if _given['platform']:
        scope = _load('lwip.py')
        scope['counts'].update(counts)
        globals()['counts'] = Simulated.counts = scope['counts']
        scope['install'](_given['platform'])
    _load('timers.py')['install'](_given['emulation'], _given['platform'])
    if _given['networks'] is not None:
        _load('network.py')['install'](_given['networks'], _given['network'])


def _load(name):
    # Returns what one of the files beside this one defines.
    scope = {'__name__': 'simulated'}
    with open(_given['here'] + '/' + name) as file:
        code = file.read()
    exec(code, scope)
    return scope


def _begin_pool():
    # Names are kept in pools. Make so many that a new pool is begun, so that
    # the program does not have to pay for it.
    for number in range(1000):
        used = gc.mem_alloc()
        hasattr(Simulated, 'name%d' % number)
        if gc.mem_alloc() - used > 500:
            break


def _fill(free):
    # Return what leaves so many bytes of heap free, in one piece.
    _begin_pool()
    gc.collect()
    piece = bytearray(free - 16)
    kept = None
    size = 65536
    while size >= 16:
        try:
            kept = (kept, bytearray(size))
        except MemoryError:
            size //= 2
    del piece
    gc.collect()
    return kept


def _main():
    _take_place()
    os.umount('/')
    os.mount(Disk(), '/')
    os.chdir('/')
    # in the order of the firmware: what is in the ROMFS hides /lib
    sys.path[:] = ['', '.frozen']
    if _rom_size:
        rom = _map_rom()
        sys.modules['vfs'] = Vfs(rom)
        try:
            vfs.mount(vfs.VfsRom(memoryview(rom)), '/rom')
            sys.path += ['/rom', '/rom/lib']
        except OSError:
            pass
    sys.path.append('/lib')
    # seen by imports alone
    extra = vfs.VfsPosix(_given['emulation'])
    os.mount(extra, '/.emulated')
    sys.path.append('/.emulated')
    sys.argv[:] = []
    scope = {'__name__': '__main__'}
    write = sys.stdout.write
    # (held for as long as this runs)
    kept = [_fill(_given['free'])] if _given['free'] else []
    write(_mark + 'R')
    while True:
        error = None
        try:
            if not sys.stdin.readline():
                kept.clear()
                break
            file = _host.open('/code', 'rb')
            code = file.read()
            file.close()
        except KeyboardInterrupt:
            continue
        try:
            exec(code, scope)
        except SystemExit as exc:
            # 3: a soft reset; 4: machine.reset()
            sys.exit(4 if exc.args == ('reset',) else 3)
        except BaseException as exc:
            error = exc
        code = None
        write(_mark + 'E')
        if error:
            sys.print_exception(error)
        write(_mark + 'D')


_main()
