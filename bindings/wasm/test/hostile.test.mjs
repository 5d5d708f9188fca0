// What nobody should hand over. Each is a deny with a stable reason or an error of a class, and the next call works.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';
import { BundleError, EventError, Gate, JournalError, Ledger, ToolgateError, UsageError } from 'toolgate';
import * as author from 'toolgate/author';
import { Guard } from 'toolgate/mcp';

const NOW = Date.parse('2026-01-05T10:10:00Z');
const cases = JSON.parse(readFileSync(new URL('.work/cases.json', import.meta.url)));
const one = cases.find(({ name }) => name === 'approval-gate-0');
const bundle = Uint8Array.from(Buffer.from(one.bundle, 'base64'));
const good = JSON.parse(one.calls[1]);
const gate = Gate.unpack(bundle);

const nested = (depth, open, close) => open.repeat(depth) + close.repeat(depth);
const deep = (depth) => JSON.parse(nested(depth, '[', ']'));

/** The call with other arguments, or as the text given, is denied for `reason`; and a good call is still allowed. */
function denied(call, reason) {
  const ledger = new Ledger();
  const record = gate.authorize(call, ledger, NOW);
  assert.deepEqual([record.decision, record.reasons], ['deny', [reason]], record.details.join());
  assert.equal(JSON.parse(record.json).decision, 'deny');
  assert.deepEqual(gate.decide(call, ledger, NOW).reasons, [reason]);
  assert.equal(gate.authorize(good, ledger, NOW).decision, 'allow');
}

const withInput = (message) => ({ ...good, input: { ...good.input, message } });

for (const [what, call, reason] of [
  ['5,000 deep, as an object', () => withInput(deep(5000)), 'limit_exceeded'],
  ['100,000 deep, as a text', () => `{"server":"git","input":${nested(100_000, '[', ']')}}`, 'limit_exceeded'],
  ['33 deep', () => withInput(deep(33)), 'limit_exceeded'],
  ['a cycle', () => { const cycle = {}; cycle.again = cycle; return withInput(cycle); }, 'limit_exceeded'],
  ['a string of 300,000', () => withInput('x'.repeat(300_000)), 'limit_exceeded'],
  ['a string of 100 million', () => withInput('x'.repeat(100_000_000)), 'limit_exceeded'],
  ['a text of 100 million', () => `{"server":"${'x'.repeat(100_000_000)}"}`, 'limit_exceeded'],
  ['a million members', () => withInput(Object.fromEntries(Array.from({ length: 1e6 }, (_, i) => [i, 1]))), 'limit_exceeded'],
  ['an array of 2^32 - 1 holes', () => withInput(new Array(2 ** 32 - 1)), 'limit_exceeded'],
  ['a BigInt', () => withInput(10n), 'malformed_call'],
  ['NaN', () => withInput(NaN), 'malformed_call'],
  ['a symbol', () => withInput(Symbol('x')), 'malformed_call'],
  ['a function', () => withInput(() => 1), 'malformed_call'],
  ['a Map, which JSON would make {}', () => withInput(new Map([['a', 1]])), 'malformed_call'],
  ['a Date', () => withInput(new Date(NOW)), 'malformed_call'],
  ['a String object', () => withInput(new String('x')), 'malformed_call'],
  ['toJSON of its own', () => withInput({ toJSON: () => 'fix a link' }), 'malformed_call'],
  ['a getter that throws', () => withInput({ get x() { throw new Error('no'); } }), 'malformed_call'],
  ['a getter that throws what has no words', () => withInput({ get x() { throw Object.create(null); } }), 'malformed_call'],
  ['a revoked proxy', () => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return withInput(proxy); }, 'malformed_call'],
  ['half a surrogate pair', () => withInput('\ud800'), 'malformed_call'],
  ['half a surrogate pair in a text', () => JSON.stringify(good).replace('fix a link', '\ud800'), 'malformed_call'],
  ['no object', () => 'null', 'malformed_call'],
  ['null', () => null, 'malformed_call'],
  ['undefined', () => undefined, 'malformed_call'],
  ['a key twice', () => '{"server":"git","server":"git"}', 'malformed_call'],
  ['an unknown member', () => ({ ...good, admin: true }), 'malformed_call'],
  ['a member with a polluted name', () => JSON.parse(JSON.stringify(good).replace('"origin"', '"__proto__"')), 'malformed_call'],
]) {
  test(`a call: ${what}`, () => denied(call(), reason));
}

test('texts of any length in UTF-8 arrive as they are', () => {
  for (const letter of ['a', 'é', '漢', '🎉', '\u0000', '\ud7ff', '\uffff']) {
    for (const text of [letter, `ascii ${letter}`, `${letter} ascii`, letter.repeat(5000), `${'a'.repeat(5000)}${letter}`]) {
      const record = gate.authorize(withInput(text), new Ledger(), NOW);
      assert.equal(record.decision, 'allow');
      assert.equal(JSON.parse(record.json).call.arguments.message, text);
    }
  }
});

test('a getter is read once', () => {
  let reads = 0;
  const call = withInput('x');
  Object.defineProperty(call.input, 'message', { enumerable: true, get: () => (reads++ === 0 ? 'fix a link' : 'other') });
  assert.equal(gate.authorize(call, new Ledger(), NOW).decision, 'allow');
  assert.equal(reads, 1);
});

test('members of prototypes do not count', () => {
  const polluted = Object.create({ principal: 'User::"ana"' }, { server: { value: 'git', enumerable: true } });
  denied(polluted, 'malformed_call');
  Object.prototype.session = 's9';
  try {
    const { json } = gate.authorize(good, new Ledger(), NOW);
    assert.equal(JSON.parse(json).call.session, 's1');
    const { session, ...without } = good;
    assert.notEqual(JSON.parse(gate.authorize(without, new Ledger(), NOW).json).call?.session, 's9');
  } finally {
    delete Object.prototype.session;
  }
});

test('objects of another realm are objects', () => {
  const foreign = vm.runInNewContext(`(${JSON.stringify(good)})`);
  assert.equal(gate.authorize(foreign, new Ledger(), NOW).decision, 'allow');
});

test('integers are exact in texts, and what cannot be exact is denied', () => {
  const text = JSON.stringify(good).replace('"fix a link"', '9007199254740993');
  assert.equal(gate.authorize(text, new Ledger(), NOW).decision, 'deny');
});

test('bundles', () => {
  const detached = new Uint8Array(bundle);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  for (const [bytes, Class] of [
    [detached, UsageError],
    [new Uint8Array(0), UsageError],
    ['text', UsageError],
    [null, UsageError],
    [bundle.slice(0, 100), BundleError],
    [bundle.map((byte, at) => (at === 500 ? byte ^ 1 : byte)), BundleError],
    [new Uint8Array(1 << 20), BundleError],
  ]) {
    assert.throws(() => Gate.unpack(bytes), Class);
  }
  const shared = new Uint8Array(new SharedArrayBuffer(bundle.length));
  shared.set(bundle);
  assert.equal(Gate.unpack(shared).bundle.name, 'approval-gate');
  const changed = new Uint8Array(bundle);
  const kept = Gate.unpack(changed);
  changed.fill(0);
  assert.equal(kept.authorize(good, new Ledger(), NOW).decision, 'allow');
});

test('limits', () => {
  assert.throws(() => Gate.unpack(bundle, { limits: { depth: 0 } }), UsageError);
  assert.throws(() => Gate.unpack(bundle, { limits: { dept: 1 } }), UsageError);
  const narrow = Gate.unpack(bundle, { limits: { string: 5 } });
  assert.deepEqual(narrow.decide(good, new Ledger(), NOW).reasons, ['limit_exceeded']);
});

test('after free', () => {
  const [used, ledger] = [Gate.unpack(bundle), new Ledger()];
  used.free();
  used.free();
  assert.throws(() => used.decide(good, ledger, NOW), UsageError);
  ledger.free();
  assert.throws(() => gate.decide(good, ledger, NOW), UsageError);
  assert.throws(() => ledger.snapshot(), UsageError);
  if (Symbol.dispose) Gate.unpack(bundle)[Symbol.dispose]();
});

test('handles of something else', () => {
  for (const other of [null, undefined, {}, gate, Object.create(Ledger.prototype), new author.Ledger()]) {
    assert.throws(() => gate.decide(good, other, NOW), UsageError);
  }
  assert.throws(() => new Gate(), UsageError);
  assert.throws(() => Gate.prototype.decide.call({}, good, new Ledger(), NOW), TypeError);
});

test('times', () => {
  for (const now of [undefined, null, NaN, Infinity, '2026', new Date(NOW), 1e300, 1n]) {
    assert.throws(() => gate.decide(good, new Ledger(), now), UsageError);
  }
  const ledger = new Ledger();
  gate.authorize(good, ledger, NOW);
  assert.deepEqual(gate.authorize(good, ledger, NOW - 1).reasons, ['clock_behind']);
  assert.equal(ledger.now, NOW);
});

test('events and journals', () => {
  const ledger = new Ledger();
  assert.throws(() => gate.apply(ledger, { nothing: 1 }, NOW), EventError);
  assert.throws(() => gate.apply(ledger, { task_completed: 'nobody' }, NOW), EventError);
  assert.throws(() => gate.apply(ledger, '{}, "at": "2000-01-01T00:00:00Z"', NOW), EventError);
  assert.throws(() => gate.complete(ledger, 77, 'done', NOW), EventError);
  assert.throws(() => gate.complete(ledger, 77, null, NOW), UsageError);
  assert.throws(() => Ledger.replay(gate, '\n{"at": 1}'), (error) => error instanceof JournalError && error.line === 2);
  assert.throws(() => Ledger.restore('{}'), JournalError);
  assert.equal(ledger.snapshot(), new Ledger().snapshot());
});

test('pages of a list, and lists that cannot be read', () => {
  const { tools } = JSON.parse(one.files['tools/git.json']);
  const all = tools.map(({ name }) => name).sort();
  const drifted = (live) => Object.keys(gate.toolsListed('git', live).tools_listed.drifted).sort();
  assert.deepEqual(drifted({ tools }), []);
  assert.deepEqual(drifted({ tools: tools.slice(0, 1), nextCursor: '2' }), []);
  assert.deepEqual(drifted({ tools: [{ ...tools[0], title: 'other' }], nextCursor: '2' }), [tools[0].name]);
  for (const live of [{}, { tools: null }, { tools: [null] }, '{']) assert.deepEqual(drifted(live), all);
});

test('a tool that is called what every object has needs no scopes', async () => {
  const configs = new Map();
  const low = { setRequestHandler() {}, assertCanSetRequestHandler() {} };
  const server = { server: low, registerTool: (name, config) => configs.set(name, config) };
  new Guard({ gate, ledger: new Ledger(), rendering: 'scope_challenge', who: () => ({ principal: 'User::"ana"' }) }).protect(server);
  for (const name of ['constructor', '__proto__', 'hasOwnProperty']) {
    server.registerTool(name, {});
    const request = { method: 'tools/call', params: { name } };
    assert.equal(await configs.get(name).scopeChallenge({ request, authInfo: {} }), undefined);
  }
});

test('policies that are nested too deep do not load, and the next ones do', () => {
  for (const depth of [65, 140, 700, 10_000]) {
    const when = `${'('.repeat(depth)}true${')'.repeat(depth)}`;
    const files = { ...one.files, 'policies/deep.cedar': `@id("deep") permit (principal, action, resource) when { ${when} };` };
    assert.throws(
      () => author.Gate.load(files),
      (error) => error instanceof BundleError && error.place.file === 'policies/deep.cedar' && error.place.line === 1,
    );
  }
  assert.equal(author.Gate.load(one.files, { strict: true }).decide(good, new author.Ledger(), NOW).decision, 'allow');
});

test('files that are none', () => {
  assert.throws(() => author.Gate.load({ 'toolgate.toml': 7 }), UsageError);
  assert.throws(() => author.Gate.load({ 'toolgate.toml': '['.repeat(100_000) }), ToolgateError);
  assert.throws(() => author.Gate.load({}), BundleError);
  assert.throws(() => author.Gate.load(null), ToolgateError);
});
