// Makes `dist` of what the compilers left in it (NAME.wasm and NAME.glue.js for each build): smaller modules, the entry points
// for each runtime, CommonJS, types. Run by `cargo xtask wasm`.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { transformSync } from 'esbuild';
import { named } from './order.mjs';

const here = new URL('./', import.meta.url);
const dist = new URL('dist/', here);
const path = (name, base = dist) => fileURLToPath(new URL(name, base));
const read = (name, base = dist) => readFileSync(new URL(name, base), 'utf8');
const write = (name, text) => writeFileSync(new URL(name, dist), text);

/** What the entry points of each build are made with, and how large its module may be when it is compressed. */
const BUILDS = {
  toolgate: { entry: 'index', API: 'api.js', CLASSES: 'classes', NAMES: 'Gate, Ledger', most: 530_000 },
  author: { entry: 'author', API: 'author.classes.js', CLASSES: 'authorClasses', NAMES: 'Gate, Ledger, Suites', most: 1_603_000 },
};
const SHARED = ['api.js', 'author.classes.js', 'engine.js', 'errors.js', 'json.js', 'requests.js', 'going.js', 'mcp.js', 'sdk.js', 'testing.js'];
const TYPES = ['types.d.ts', 'index.d.ts', 'author.d.ts', 'slim.d.ts', 'author.slim.d.ts', 'mcp.d.ts', 'testing.d.ts'];

const FEATURES = [
  '--enable-bulk-memory', '--enable-bulk-memory-opt', '--enable-nontrapping-float-to-int', '--enable-sign-ext',
  '--enable-mutable-globals', '--enable-reference-types', '--enable-multivalue',
];

// Nothing but the very end of the stack lies in the lowest kilobyte: offsets may go into loads. Data stays one segment: what is
// zero costs less, compressed, than where each of a thousand segments begins.
const PASSES = ['-Oz', '--low-memory-unused', '--skip-pass=memory-packing'];

function optimize(build) {
  const tool = createRequire(import.meta.url).resolve('binaryen/package.json').replace('package.json', 'bin/wasm-opt');
  const file = path(`${build}.wasm`);
  const run = (...passes) => execFileSync(process.execPath, [tool, ...FEATURES, ...passes, file, '-o', file], { stdio: 'inherit' });
  run(...PASSES, '--strip-debug', '--strip-producers', '--strip-target-features');
  // What became alike or unused only in the end.
  run(...PASSES);
  writeFileSync(file, named(readFileSync(file)));
  run('--reorder-functions-by-name', '--strip-debug');
}

function entries(build, { entry, API, CLASSES, NAMES }) {
  for (const file of readdirSync(new URL('js/entries/', here))) {
    const text = read(`js/entries/${file}`, here);
    const made = text.replaceAll('BUILD', build).replaceAll('API.js', API).replaceAll('CLASSES', CLASSES).replaceAll('NAMES', NAMES);
    const runtime = file.replace('.js', '');
    const name = { node: `${entry}.js`, slim: entry === 'index' ? 'slim.js' : `${entry}.slim.js` }[runtime] ?? `${entry}.${runtime}.js`;
    write(name, made);
  }
}

/** The same files for `require`. What finds the module by `import.meta.url` finds it one folder up. */
function commonjs() {
  mkdirSync(new URL('cjs/', dist), { recursive: true });
  const files = readdirSync(dist).filter((file) => file.endsWith('.js') && !/\.(web|workerd)\.js$/.test(file));
  for (const file of files) {
    const { code } = transformSync(read(file), {
      format: 'cjs',
      platform: 'node',
      target: 'node20',
      define: { 'import.meta.url': 'beside' },
    });
    const beside = "const beside = require('node:url').pathToFileURL(__dirname);\n";
    write(`cjs/${file}`, code.includes('beside') ? beside + code : code);
  }
  for (const file of TYPES) cpSync(path(file), path(`cjs/${file}`));
  write('cjs/package.json', '{ "type": "commonjs" }\n');
}

function sizes() {
  const over = [];
  for (const [build, { most }] of Object.entries(BUILDS)) {
    const bytes = readFileSync(path(`${build}.wasm`));
    const [gzip, brotli] = [gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length];
    const digest = createHash('sha256').update(bytes).digest('hex');
    console.log(`${build}.wasm: ${bytes.length} bytes, ${gzip} gzip, ${brotli} brotli, sha256 ${digest}`);
    if (gzip > most) over.push(`${build}.wasm is ${gzip} bytes compressed, more than the ${most} allowed`);
  }
  if (over.length > 0) throw new Error(over.join('\n'));
}

const names = process.argv.includes('--fast') ? [] : Object.keys(BUILDS);
names.forEach(optimize);
for (const file of SHARED) cpSync(path(`js/${file}`, here), path(file));
for (const file of TYPES) cpSync(path(`types/${file}`, here), path(file));
for (const [build, about] of Object.entries(BUILDS)) entries(build, about);
rmSync(path('cjs'), { recursive: true, force: true });
commonjs();
if (names.length > 0) sizes();
