// vitest runs a bundle's tests, and a test that fails fails there with the text of `toolgate test`.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

const vitest = (folder) =>
  run(here('node_modules/.bin/vitest'), ['run', '--root', here('.'), folder], { timeout: 120_000, env: { ...process.env, NO_COLOR: '1' } });

test('cases pass', async () => {
  const { stdout } = await vitest('vitest/');
  assert.match(stdout, /Tests\s+[1-9]\d* passed \(/);
});

test('a case that fails says what it expected', async () => {
  const folder = here('.work/failing');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(here('../../../policies/examples/session-labels'), `${folder}/bundle`, { recursive: true });
  const file = `${folder}/bundle/tests/flow.test.yaml`;
  writeFileSync(file, readFileSync(file, 'utf8').replace('expect: {allow: [assistant, staff]}', 'expect: {deny: [secrets-stay]}'));
  const text = readFileSync(here('vitest/policies.test.mjs'), 'utf8');
  writeFileSync(`${folder}/policies.test.mjs`, text.replace('../../../../policies/examples/session-labels/', './bundle/'));
  const failed = await vitest('.work/failing/').catch((error) => error);
  assert.equal(failed.code, 1);
  assert.match(failed.stdout + failed.stderr, /a page in a fresh session[\s\S]*secrets-stay/);
});
