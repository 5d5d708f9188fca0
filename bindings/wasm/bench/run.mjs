// One question, put to each: may this agent send this note for this user? Six policies, five entities, three facts of the call.
// Every library starts from a plain object, as a server has it, and ends with an answer that a server can act on.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Gate as Decider, Ledger as DeciderLedger } from 'toolgate';
import { Gate, Ledger } from 'toolgate/author';
import { cedarPolicies, entities, files } from './setup.mjs';

const require = createRequire(import.meta.url);
const NOW = Date.parse('2026-01-05T10:00:00Z');
const ROUNDS = 9;
const AT_A_TIME = Number(process.env.AT_A_TIME ?? 2000);

const call = {
  server: 'notes',
  tool: 'send',
  input: { to: 'bob@example.com', text: 'see you tomorrow' },
  principal: { type: 'User', id: 'ana' },
  session: 's1',
  origin: 'user',
  transport: 'stdio',
};

/** Microseconds for one: the median of rounds, after as many calls as V8 wants to see. */
async function measured(work) {
  for (let i = 0; i < 2 * AT_A_TIME; i++) await work(i);
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let i = 0; i < AT_A_TIME; i++) await work(i);
    rounds.push(((performance.now() - start) * 1000) / AT_A_TIME);
  }
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1];
}

/** As `measured`, for what does not wait: an `await` is half a microsecond. */
function measuredNow(work) {
  for (let i = 0; i < 2 * AT_A_TIME; i++) work(i);
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let i = 0; i < AT_A_TIME; i++) work(i);
    rounds.push(((performance.now() - start) * 1000) / AT_A_TIME);
  }
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1];
}

function allowed(answer, who) {
  if (!answer) throw new Error(`${who} does not allow what it should`);
}

const add = (who, micros) => console.log(`${who.padEnd(62)} ${micros.toFixed(1).padStart(8)} µs`);

{
  const loaded = Gate.load(files);
  for (const [name, gate, ledger] of [
    ['toolgate', Decider.unpack(loaded.pack()), new DeciderLedger()],
    ['toolgate/author', loaded, new Ledger()],
  ]) {
    allowed(gate.decide(call, ledger, NOW).decision === 'allow', name);
    add(`${name}: decide, from an object`, measuredNow(() => gate.decide(call, ledger, NOW)));
    let now = NOW;
    add(`${name}: authorize and complete, with the whole record`, measuredNow(() => {
      now += 1;
      const { id } = gate.authorize(call, ledger, now);
      gate.complete(ledger, id, 'done', now);
    }));
  }
}

{
  const cedar = require('@cedar-policy/cedar-wasm/nodejs');
  const request = {
    principal: { type: 'User', id: 'ana' },
    action: { type: 'Action', id: 'send' },
    resource: { type: 'Tool', id: 'notes/send' },
    context: { input: call.input, session: call.session, origin: call.origin },
  };
  const stateless = () => cedar.isAuthorized({ ...request, policies: { staticPolicies: cedarPolicies }, entities });
  allowed(stateless().response?.decision === 'allow', 'cedar-wasm');
  add('@cedar-policy/cedar-wasm: isAuthorized', measuredNow(stateless));
  cedar.preparsePolicySet('bench', { staticPolicies: cedarPolicies });
  const stateful = () => cedar.statefulIsAuthorized({ ...request, preparsedPolicySetId: 'bench', entities });
  allowed(stateful().response?.decision === 'allow', 'cedar-wasm, preparsed');
  add('@cedar-policy/cedar-wasm: statefulIsAuthorized', measuredNow(stateful));
}

try {
  const { Cedarling, initSync } = await import('@janssenproject/cedarling_wasm');
  initSync({ module: readFileSync(require.resolve('@janssenproject/cedarling_wasm/cedarling_wasm_bg.wasm')) });
  const policy = (text, at) => [`p${at}`, { description: '', creation_date: '2026-01-05T10:00:00', policy_content: text }];
  const schema = `namespace Notes { entity User { name: String }; entity Tool { owner: String };
    action "send" appliesTo { principal: [User], resource: [Tool], context: { to: String, origin: String } }; }`;
  const policies = [
    'permit(principal is Notes::User, action == Notes::Action::"send", resource is Notes::Tool) when { principal.name == "ana" };',
    'forbid(principal, action == Notes::Action::"send", resource) unless { context.to like "*@example.com" };',
  ];
  const encoded = (text) => Buffer.from(text).toString('base64');
  const store = {
    cedar_version: '4.0.0',
    policy_stores: {
      bench: {
        name: 'bench',
        description: '',
        policies: Object.fromEntries(policies.map((text, at) => policy(encoded(text), at))),
        schema: { encoding: 'none', content_type: 'cedar', body: schema },
        trusted_issuers: {},
      },
    },
  };
  const cedarling = await Cedarling.new({
    CEDARLING_APPLICATION_NAME: 'bench',
    CEDARLING_POLICY_STORE_LOCAL: JSON.stringify(store),
    CEDARLING_LOG_TYPE: 'off',
    CEDARLING_JWT_SIG_VALIDATION: 'disabled',
    CEDARLING_JWT_STATUS_VALIDATION: 'disabled',
  });
  const mapping = (entity_type, id) => ({ cedar_entity_mapping: { entity_type, id } });
  const request = () => JSON.stringify({
    principal: { ...mapping('Notes::User', 'ana'), name: 'ana' },
    action: 'Notes::Action::"send"',
    resource: { ...mapping('Notes::Tool', 'notes/send'), owner: 'docs' },
    context: { to: call.input.to, origin: call.origin },
  });
  const ask = async () => {
    const result = await cedarling.authorize_unsigned(request());
    const { decision } = result;
    result.free();
    return decision;
  };
  allowed(await ask(), 'cedarling');
  add('@janssenproject/cedarling_wasm: authorize_unsigned (two policies)', await measured(ask));
} catch (error) {
  console.log(`cedarling was not measured: ${error?.message ?? error}`);
}

{
  const { newEnforcer, newModelFromString, StringAdapter } = await import('casbin');
  const model = newModelFromString(`[request_definition]
r = sub, act, obj, to
[policy_definition]
p = sub, act, obj, eft
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub) && r.act == p.act && r.obj == p.obj && keyMatch(r.to, "bob*")`);
  const lines = ['p, staff, send, notes/send, allow', 'p, staff, read, notes/read, allow', 'g, ana, staff', 'g, bob, staff'];
  const enforcer = await newEnforcer(model, new StringAdapter(lines.join('\n')));
  const ask = () => enforcer.enforce('ana', 'send', 'notes/send', call.input.to);
  allowed(await ask(), 'casbin');
  add('casbin: enforce (four strings)', await measured(ask));
}
