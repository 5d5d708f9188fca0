// A bundle's tests in `node:test`: this file is what a package would write.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { files, policies } from 'toolgate/testing';

for (const name of ['filesystem', 'github-triage', 'session-labels']) {
  policies(new URL(`../../../policies/examples/${name}/`, import.meta.url), { describe, test });
}

test('a journal is a file that tests can be given', () => {
  const root = new URL('../../../policies/examples/approval-gate/', import.meta.url);
  assert.ok('journal.jsonl' in files(fileURLToPath(root)));
});

/** What becomes of the files of a bundle in which something is otherwise. */
function changed(change) {
  const root = mkdtempSync(join(tmpdir(), 'toolgate-'));
  try {
    const bundle = join(root, 'bundle');
    cpSync(fileURLToPath(new URL('../../../policies/examples/filesystem/', import.meta.url)), bundle, { recursive: true });
    change(bundle);
    return files(bundle);
  } finally {
    rmSync(root, { recursive: true });
  }
}

const policy = Object.keys(files(fileURLToPath(new URL('../../../policies/examples/filesystem/', import.meta.url)))).find((name) => name.endsWith('.cedar'));

test('a policy behind a link counts', () => {
  const found = changed((bundle) => {
    renameSync(join(bundle, policy), join(bundle, 'elsewhere'));
    symlinkSync(join(bundle, 'elsewhere'), join(bundle, policy));
  });
  assert.match(found[policy], /permit|forbid/);
});

for (const [what, name, change] of [
  ['a policy behind a link out of the bundle', policy, (path) => (renameSync(path, join(path, '../../../away')), symlinkSync('../../away', path))],
  ['a test behind a link to nothing', 'tests/b.test.yaml', (path) => symlinkSync('nowhere', path)],
  ['a policy by a name that policies do not have', 'policies/deny.ceder', (path) => writeFileSync(path, 'forbid (principal, action, resource);')],
  ['a policy that is no text', 'policies/deny.cedar', (path) => writeFileSync(path, Buffer.from([0xff]))],
]) {
  test(`${what} is an error, not left out`, () => {
    assert.throws(() => changed((bundle) => change(join(bundle, name))), (error) => error.message.includes(name));
  });
}

test("an editor's hidden file is none of the bundle's", () => {
  assert.ok(!('policies/.#deny.cedar' in changed((bundle) => writeFileSync(join(bundle, 'policies/.#deny.cedar'), 'forbid'))));
});
