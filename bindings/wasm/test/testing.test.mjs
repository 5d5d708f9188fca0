// A bundle's tests in `node:test`: this file is what a package would write.

import assert from 'node:assert/strict';
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
