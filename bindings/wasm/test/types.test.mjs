// The declarations are written by hand: here they are held against what is there at run time.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as toolgate from 'toolgate';
import * as author from 'toolgate/author';
import * as mcp from 'toolgate/mcp';
import * as testing from 'toolgate/testing';

const cases = JSON.parse(readFileSync(new URL('.work/cases.json', import.meta.url)));
const declared = (name) => readFileSync(new URL(`node_modules/toolgate/dist/${name}.d.ts`, import.meta.url), 'utf8');
const types = declared('types');

/** The text between the braces of a class or an interface. */
function body(text, kind, name) {
  const found = new RegExp(`${kind} ${name}\\b[^{]*\\{([\\s\\S]*?)\\n\\}`).exec(text);
  assert.ok(found, `${kind} ${name} is not declared`);
  return found[1];
}

function members(text, kind, name) {
  const found = body(text, kind, name).matchAll(/^ {2}(?:(?:static|readonly|protected|private) )*([a-z]\w*)\??[(<:]/gim);
  return [...new Set([...found].map(([, member]) => member))].sort();
}

function own(Class) {
  const names = [...Object.getOwnPropertyNames(Class.prototype), ...Object.getOwnPropertyNames(Class)];
  return [...new Set(names)].filter((name) => !['length', 'name', 'prototype'].includes(name)).sort();
}

test('what each entry exports', () => {
  const errors = ['BundleError', 'EventError', 'InstanceError', 'JournalError', 'ToolgateError', 'UsageError'];
  assert.deepEqual(Object.keys(toolgate).sort(), [...errors, 'Gate', 'Ledger'].sort());
  assert.deepEqual(Object.keys(author).sort(), [...errors, 'Gate', 'Ledger', 'Suites'].sort());
  assert.deepEqual(Object.keys(mcp).sort(), ['Guard', 'UsageError', 'guard']);
  assert.deepEqual(Object.keys(testing).sort(), ['PolicyFailure', 'files', 'policies']);
  for (const name of errors) assert.ok(types.includes(`export class ${name} `), name);
});

test('the members of classes', () => {
  const constructed = (names) => [...new Set([...names, 'constructor'])].sort();
  assert.deepEqual(own(toolgate.Gate), constructed(members(types, 'class', 'Gate')));
  assert.deepEqual(own(toolgate.Ledger), constructed(members(types, 'class', 'Ledger')));
  assert.deepEqual(own(author.Suites), constructed(members(declared('author'), 'class', 'Suites')));
  // `unpack` is declared again, since what it gives is a gate of this build.
  const beyond = members(declared('author'), 'class', 'Gate').filter((name) => name !== 'unpack');
  assert.deepEqual(own(author.Gate), constructed(beyond));
});

test('the members of answers and records', () => {
  const interfaces = (...names) => names.flatMap((name) => members(types, 'interface', name)).sort();
  const answer = interfaces('Told', 'Answered', 'NeedsApproval');
  const record = [...interfaces('Told', 'Recorded', 'NeedsApproval'), 'id'].sort();
  const kinds = new Set();
  for (const { bundle, journal, calls, now } of cases) {
    const gate = toolgate.Gate.unpack(Uint8Array.from(Buffer.from(bundle, 'base64')));
    const ledger = toolgate.Ledger.replay(gate, journal);
    for (const call of calls) {
      const [decided, recorded] = [gate.decide(call, ledger, now), gate.authorize(call, ledger, now)];
      kinds.add(recorded.decision);
      for (const [told, wanted, optional] of [[decided, answer, ['approval', 'grants']], [recorded, record, ['approval']]]) {
        const keys = Object.keys(told);
        assert.deepEqual(keys.filter((key) => !wanted.includes(key)), []);
        assert.deepEqual(wanted.filter((key) => !keys.includes(key) && !optional.includes(key)), []);
        assert.equal('approval' in told, told.decision === 'needs_approval');
        assert.ok(Object.isFrozen(told) && Object.values(told).every((one) => typeof one !== 'object' || Object.isFrozen(one)));
      }
    }
    const { warnings, policies, ...about } = gate.bundle;
    assert.deepEqual(Object.keys({ warnings, policies, ...about }).sort(), interfaces('Bundle'));
    assert.deepEqual(Object.keys(policies[0]).sort(), interfaces('Policy'));
  }
  assert.equal(kinds.size, 3);
});
