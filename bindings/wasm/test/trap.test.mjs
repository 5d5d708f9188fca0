// The module fails in itself: the call is denied, there is another instance, and nothing that had happened is forgotten.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as author from 'toolgate/author';
import { InstanceError } from 'toolgate';
import { guard } from 'toolgate/mcp';
import { classes } from './node_modules/toolgate/dist/api.js';
import { glue } from './node_modules/toolgate/dist/toolgate.glue.js';

const cases = JSON.parse(readFileSync(new URL('.work/cases.json', import.meta.url)));
const example = (name) => cases.find((one) => one.name === name);
const module = new WebAssembly.Module(readFileSync(new URL('node_modules/toolgate/dist/toolgate.wasm', import.meta.url)));

/** The classes on instances that trap in `method` when they are told to. */
function trapping(method) {
  const told = { trap: false, instances: 0 };
  const made = classes(() => {
    told.instances += 1;
    const raw = glue(module);
    const work = raw.RawGate.prototype[method];
    raw.RawGate.prototype[method] = function (...given) {
      if (!told.trap) return work.apply(this, given);
      told.trap = false;
      throw new WebAssembly.RuntimeError('unreachable');
    };
    return raw;
  });
  return { ...made, told };
}

test('a trap denies, and the ledger is what it was', () => {
  for (const { name, bundle, journal, calls, now } of cases) {
    const { Gate, Ledger, told } = trapping('authorize');
    const gate = Gate.unpack(Uint8Array.from(Buffer.from(bundle, 'base64')));
    const ledger = Ledger.replay(gate, journal);
    const plain = Ledger.replay(gate, journal);
    for (const call of calls) {
      told.trap = true;
      const denied = gate.authorize(call, ledger, now);
      assert.deepEqual([denied.decision, denied.reasons, denied.event], ['deny', ['internal_fault'], null]);
      assert.equal(gate.authorize(call, ledger, now).json, gate.authorize(call, plain, now).json, name);
    }
    assert.equal(ledger.snapshot(), plain.snapshot(), name);
    assert.equal(told.instances, calls.length + 1);
  }
});

test('a trap in an event is an error, and the event has not happened', () => {
  const { Gate, Ledger, told } = trapping('apply');
  const gate = Gate.unpack(Uint8Array.from(Buffer.from(example('approval-gate-0').bundle, 'base64')));
  const ledger = new Ledger();
  const now = 1_767_607_200_000;
  gate.apply(ledger, { halted: 'all' }, now);
  told.trap = true;
  assert.throws(() => gate.apply(ledger, { resumed: 'all' }, now), InstanceError);
  const { policies } = gate.decide(example('approval-gate-0').calls[1], ledger, now);
  assert.deepEqual(policies, ['baseline/halted']);
});

test('a ledger knows its time behind a trap', () => {
  const { Gate, Ledger, told } = trapping('authorize');
  const { bundle, calls, now } = example('approval-gate-0');
  const gate = Gate.unpack(Uint8Array.from(Buffer.from(bundle, 'base64')));
  const ledger = new Ledger();
  gate.apply(ledger, { halted: 'all' }, now);
  const whole = ledger.snapshot();
  told.trap = true;
  gate.authorize(calls[0], new Ledger(), now);
  assert.equal(ledger.now, now);
  assert.equal(ledger.snapshot(), whole);
});

test('a ledger of many events is made again from a snapshot and what followed', () => {
  const { Gate, Ledger, told } = trapping('authorize');
  const { bundle, calls, now } = example('approval-gate-0');
  const gate = Gate.unpack(Uint8Array.from(Buffer.from(bundle, 'base64')));
  const [ledger, plain] = [new Ledger(), new Ledger()];
  for (let at = now; at < now + 2500; at++) {
    gate.authorize(calls[0], ledger, at);
    gate.authorize(calls[0], plain, at);
  }
  told.trap = true;
  gate.authorize(calls[0], ledger, now + 2500);
  assert.equal(ledger.snapshot(gate), plain.snapshot(gate));
});

test('a real trap: the stack ends while Cedar parses', () => {
  const { files, bundle, calls, now } = example('approval-gate-0');
  const [packed, ledger] = [author.Gate.unpack(Uint8Array.from(Buffer.from(bundle, 'base64'))), new author.Ledger()];
  const before = packed.authorize(calls[1], ledger, now);
  const when = `${'(true && '.repeat(60)}true${')'.repeat(60)}${' && 1 + 1 == 2'.repeat(200)}`;
  const deep = `@id("deep") permit (principal, action, resource) when { ${when} };`;
  try {
    author.Gate.load({ ...files, 'policies/deep.cedar': deep });
  } catch (error) {
    assert.ok(error instanceof author.ToolgateError, error);
  }
  assert.equal(packed.authorize(calls[1], ledger, now).id, before.id + 1);
});

test('a guarded server refuses what trapped, and goes on', async () => {
  const { Gate, Ledger, told } = trapping('turn');
  const { bundle } = example('filesystem-0');
  const handlers = new Map();
  const server = {
    setRequestHandler: (method, handler) => handlers.set(method, handler),
    assertCanSetRequestHandler() {},
    getClientCapabilities: () => ({}),
  };
  const faults = [];
  const gate = Gate.unpack(Uint8Array.from(Buffer.from(bundle, 'base64')));
  const who = () => ({ principal: 'User::"ana"', session: 's1', origin: 'user' });
  guard(server, { gate, ledger: new Ledger(), who, onFault: (fault) => faults.push(fault), now: () => 1_767_607_200_000 });
  server.setRequestHandler('tools/list', () => ({ tools: [] }));
  server.setRequestHandler('tools/call', () => ({ content: [{ type: 'text', text: 'ran' }] }));
  const params = { name: 'read_text_file', arguments: { path: '/srv/data/report.txt' } };
  const call = () => handlers.get('tools/call')({ method: 'tools/call', params }, { mcpReq: {} });
  told.trap = true;
  await assert.rejects(call, { code: -32603, message: 'Internal error' });
  assert.ok(faults[0] instanceof InstanceError);
  assert.equal((await call()).content[0].text, 'ran');
});

test('a call that is on its way while another one traps does not run, and has an end', async () => {
  const { Gate, Ledger, told } = trapping('turn');
  const { bundle } = example('filesystem-0');
  const handlers = new Map();
  const server = {
    setRequestHandler: (method, handler) => handlers.set(method, handler),
    assertCanSetRequestHandler() {},
    getClientCapabilities: () => ({}),
  };
  const [seen, kept, ran] = [[], [], []];
  const onRecord = async ({ decision, event }) => {
    if (event !== null) seen.push(Object.keys(JSON.parse(event).event)[0]);
    if (decision === 'allow') await kept.shift()?.();
  };
  const gate = Gate.unpack(Uint8Array.from(Buffer.from(bundle, 'base64')));
  const who = () => ({ principal: 'User::"ana"', session: 's1', origin: 'user' });
  guard(server, { gate, ledger: new Ledger(), who, onRecord, now: () => 1_767_607_200_000 });
  server.setRequestHandler('tools/list', () => ({ tools: [] }));
  server.setRequestHandler('tools/call', () => ({ content: ran.push(1) && [] }));
  const params = { name: 'read_text_file', arguments: { path: '/srv/data/report.txt' } };
  const call = () => handlers.get('tools/call')({ method: 'tools/call', params }, { mcpReq: {} });
  kept.push(async () => {
    told.trap = true;
    await assert.rejects(call);
  });
  await assert.rejects(call, { code: -32603 });
  assert.deepEqual([seen.slice(-2), ran, told.instances], [['call_reserved', 'call_aborted'], [], 2]);
  await call();
  assert.deepEqual([seen.slice(-2), ran], [['call_reserved', 'call_completed'], [1]]);
});
