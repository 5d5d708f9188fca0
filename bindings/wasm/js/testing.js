// A bundle's policy tests among the tests of a package: a test of `node:test` or vitest for each case.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Suites } from './author.js';

const KINDS = /\.(toml|cedar|cedarschema|jsonl?|ya?ml)$/;

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

/** The files of a bundle, by name. */
export function files(root) {
  const found = {};
  const read = (folder) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && !entry.name.startsWith('.')) read(name);
      else if (entry.isFile() && KINDS.test(entry.name)) found[name] = readFileSync(join(root, name), 'utf8');
    }
  };
  read('');
  return found;
}

function told({ message, help, place }) {
  return `${place ? `${place.file}:${place.line}:${place.column}: ` : ''}${message}${help ? ` (${help})` : ''}`;
}
