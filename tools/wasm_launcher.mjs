// Runs a script on MicroPython's WebAssembly build, as the unix port would:
//
//   node wasm_launcher.mjs MODULE [-X heapsize=N[k|m]] SCRIPT [ARGUMENT...]
//   node wasm_launcher.mjs MODULE [-X heapsize=N[k|m]] -c CODE
//
// MODULE is the path of micropython.mjs. MICROPYPATH sets sys.path, as it
// does for the unix port. The build sees only a file system in memory, so
// the folders of MICROPYPATH, and the files (not the folders) beside SCRIPT,
// are copied into it at the paths they have outside. What a script writes
// there is lost at its end. The exit status is the script's; an exception
// that it does not catch gives a traceback on standard error and the status 1.
// The heap begins with N bytes, but this build lets it grow beyond them.

import fs from 'node:fs';
import path from 'node:path';
import url from 'node:url';

// Larger files are not sources; leaving them out keeps the start quick.
const MAX_FILE_BYTES = 1024 * 1024;

function fail(message) {
    console.error(`wasm_launcher: ${message}`);
    process.exit(2);
}

function parseSize(text) {
    const match = /^(\d+)([kKmM]?)[wW]?$/.exec(text);
    if (!match) {
        fail(`not a heap size: ${text}`);
    }
    const unit = {'': 1, k: 1024, m: 1024 * 1024}[match[2].toLowerCase()];
    return Number(match[1]) * unit;
}

function parseArguments(args) {
    const options = {heapsize: 2 * 1024 * 1024, code: null, argv: []};
    if (args.length < 2) {
        fail('needs the path of micropython.mjs and a script');
    }
    options.module = args.shift();
    while (args.length && args[0].startsWith('-')) {
        const option = args.shift();
        if (option === '-X' && args.length) {
            const [name, value] = args.shift().split('=');
            if (name === 'heapsize') {
                options.heapsize = parseSize(value ?? '');
            }
        } else if (option === '-c' && args.length) {
            options.code = args.shift();
            options.argv = ['-c', ...args];
            return options;
        } else if (!/^-O\d*$/.test(option)) {
            fail(`unknown option ${option}`);
        }
    }
    if (!args.length) {
        fail('needs a script');
    }
    options.argv = args;
    return options;
}

function copyFolder(mp, folder, deep) {
    mp.FS.mkdirTree(folder);
    for (const entry of fs.readdirSync(folder, {withFileTypes: true})) {
        if (entry.name.startsWith('.') || entry.name === '__pycache__') {
            continue;
        }
        const from = path.join(folder, entry.name);
        if (entry.isDirectory()) {
            if (deep) {
                copyFolder(mp, from, deep);
            }
        } else if (entry.isFile()
                   && fs.statSync(from).size <= MAX_FILE_BYTES) {
            mp.FS.writeFile(from, fs.readFileSync(from));
        }
    }
}

// The build hands over one byte at a time. Whole lines go out as soon as
// they end, so that a script which hangs has still shown what it did.
class LineWriter {
    constructor(fd) {
        this.fd = fd;
        this.bytes = [];
    }

    write(data) {
        for (const byte of data) {
            this.bytes.push(byte);
        }
        if (data[data.length - 1] === 10) {
            this.flush();
        }
    }

    flush() {
        let rest = Buffer.from(this.bytes);
        this.bytes = [];
        while (rest.length) {
            try {
                rest = rest.subarray(fs.writeSync(this.fd, rest));
            } catch (error) {
                if (error.code !== 'EAGAIN') {
                    throw error;
                }
            }
        }
    }
}

function exitStatus(error, stderr) {
    if (error.name !== 'PythonError') {
        stderr.write(Buffer.from(`${error.stack ?? error}\n`));
        return 1;
    }
    if (error.type !== 'SystemExit') {
        stderr.write(Buffer.from(error.message.trimEnd() + '\n'));
        return 1;
    }
    const value = /SystemExit:? *(.*)\s*$/.exec(error.message)[1];
    if (value === '' || value === 'None') {
        return 0;
    }
    if (/^-?\d+$/.test(value)) {
        return Number(value) & 255;
    }
    stderr.write(Buffer.from(value + '\n'));
    return 1;
}

async function main() {
    const options = parseArguments(process.argv.slice(2));
    const stdout = new LineWriter(1);
    const stderr = new LineWriter(2);
    const {loadMicroPython} = await import(
        url.pathToFileURL(path.resolve(options.module)));
    const mp = await loadMicroPython({
        heapsize: options.heapsize,
        pystack: 8192,
        linebuffer: false,
        stdin: () => null,
        stdout: (data) => stdout.write(data),
        stderr: (data) => stderr.write(data),
    });
    const entries = (process.env.MICROPYPATH ?? '.frozen').split(':').map(
        (entry) => (entry && entry !== '.frozen'
            ? path.resolve(entry) : entry));
    const folders = new Set(entries.filter(
        (entry) => path.isAbsolute(entry) && fs.existsSync(entry)));
    let first = '';
    let code = options.code;
    if (code === null) {
        const script = path.resolve(options.argv[0]);
        if (!fs.existsSync(script)) {
            fail(`no such script: ${options.argv[0]}`);
        }
        first = path.dirname(script);
        copyFolder(mp, first, false);
        code = `execfile(${JSON.stringify(script)})`;
    }
    for (const folder of folders) {
        copyFolder(mp, folder, true);
    }
    mp.FS.mkdirTree(process.cwd());
    mp.FS.chdir(process.cwd());
    mp.runPython('import sys\n'
        + `sys.path[:] = ${JSON.stringify([first, ...entries])}\n`
        + `sys.argv[:] = ${JSON.stringify(options.argv)}\n`
        + 'del sys');
    let status = 0;
    try {
        mp.runPython(code);
    } catch (error) {
        status = exitStatus(error, stderr);
    }
    stdout.flush();
    stderr.flush();
    process.exit(status);
}

await main();
