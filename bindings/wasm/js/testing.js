// A bundle's policy tests among the tests of a package: a test of `node:test` or vitest for each case.

import { readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Suites } from './author.js';
import { UsageError } from './errors.js';

const KINDS = /\.(toml|cedar|cedarschema|jsonl?|ya?ml)$/;
const TESTS = /\.test\.(ya?ml|json)$/;
/** What the bundle is made of. */
const COUNTS = /^(toolgate\.toml$|entities\.json$|(policies|schema|tools)(\/|$))/;
/** What stands among policies or schemas and is neither, nor a note beside them. */
const ODD = /^(policies\/(?!.*\.(cedar|md)$)|schema\/(?!.*\.(cedarschema|md)$))/;

/**
 * Registers a test for each case of a bundle's test files, and one for the files themselves: no case is lost.
 * @param {string | URL} folder  the bundle
 * @param {{ test: Function, describe?: Function }} runner  `node:test`, or vitest
 */
export function policies(folder, { test, describe }) {
  const root = folder instanceof URL ? fileURLToPath(folder) : folder;
  const suites = Suites.open(files(root));
  const { cases, diagnostics } = suites.list();
  const group = describe ?? ((_, register) => register());
  group(`policies of ${root}`, () => {
    test('the test files can be read, and have cases', () => {
      const found = diagnostics.filter(({ severity }) => severity === 'error').map(told);
      if (found.length > 0) throw new PolicyFailure(found.join('\n'));
      if (cases.length === 0) throw new PolicyFailure(`${root} has no case in any \`tests/*.test.yaml\``);
    });
    for (const { id, name, skip } of cases) {
      const register = skip ? test.skip : test;
      register(name, () => {
        const report = suites.run({ cases: [id] });
        if (report.verdict !== 'passed') throw new PolicyFailure(suites.run({ cases: [id], format: 'plain' }));
      });
    }
  });
}

/** What a case expected, and what came: the text of `toolgate test`. */
export class PolicyFailure extends Error {
  constructor(text) {
    super(text.trimEnd());
    this.name = 'PolicyFailure';
    // Where it failed stands in the text; the stack is the runner's.
    this.stack = `${this.name}: ${this.message}`;
  }
}

/** The files of a bundle, by name. What would not count, though somebody put it there to count, is an error. */
export function files(root) {
  const [found, top, visited] = [{}, realpathSync(root), new Set()];
  const read = (folder) => {
    const here = realpathSync(join(top, folder));
    // A link may lead back to a folder that was read.
    if (visited.has(here)) return;
    visited.add(here);
    for (const entry of readdirSync(here, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      // Hidden files are an editor's, not the bundle's.
      if (entry.name.startsWith('.')) continue;
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const wrong = (why) => new UsageError(`${join(root, name)}: ${why}`);
      const place = within(top, join(here, entry.name));
      if (place === null) {
        const why = "the link leads out of the bundle's folder, or nowhere; put the file itself into the bundle";
        if (COUNTS.test(name) || TESTS.test(name)) throw wrong(why);
      } else if (statSync(place).isDirectory()) {
        if (!entry.isSymbolicLink() || COUNTS.test(name)) read(name);
      } else if (KINDS.test(name) && statSync(place).isFile()) {
        const text = decoded(readFileSync(place));
        if (text !== null) found[name] = text;
        else if (COUNTS.test(name) || TESTS.test(name)) throw wrong('this is no UTF-8 text');
      } else if (ODD.test(name)) {
        // A forbid in `deny.ceder` would be missed by nobody until it is needed.
        throw wrong('a file of this name would not count; rename it, or move it elsewhere');
      }
    }
  };
  read('');
  return found;
}

/** Where a path really leads, if that is in the bundle's folder. */
function within(top, path) {
  try {
    const place = realpathSync(path);
    return place.startsWith(top + sep) ? place : null;
  } catch {
    return null;
  }
}

function decoded(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function told({ message, help, place }) {
  return `${place ? `${place.file}:${place.line}:${place.column}: ` : ''}${message}${help ? ` (${help})` : ''}`;
}
