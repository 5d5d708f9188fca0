// What a user writes, held against the declarations by `tsc`, and against the run time by `types.test.mjs`.

import { BundleError, Gate, Ledger } from 'toolgate';
import type { Decision, DecisionRecord, Identity, ToolCall } from 'toolgate';
import * as author from 'toolgate/author';
import { Guard, guard } from 'toolgate/mcp';
import { toolgate } from 'toolgate/slim';

export function use(bundle: Uint8Array, module: WebAssembly.Module, server: object): string {
  const gate = Gate.unpack(bundle, { limits: { depth: 8 } });
  using ledger = new Ledger();
  const call: ToolCall = { server: 'git', tool: 'git_status', principal: 'User::"ana"', input: { repo_path: '/srv' } };
  const decision: Decision = gate.decide(call, ledger, 0);
  if (decision.decision === 'needs_approval') return decision.approval.by.join();
  // @ts-expect-error: only what waits has approvers
  decision.approval;
  const record: DecisionRecord = gate.authorize(call, ledger, 0);
  switch (record.decision) {
    case 'allow':
    case 'deny':
      break;
    case 'needs_approval':
      return record.approval.by.join();
    default:
      record satisfies never;
  }
  // @ts-expect-error: records are frozen
  record.decision = 'allow';
  // @ts-expect-error: a misspelt member
  gate.decide({ ...call, sesion: 's1' } satisfies ToolCall, ledger, 0);
  // @ts-expect-error: a call without a principal
  gate.decide({ server: 'git' }, ledger, 0);
  // @ts-expect-error: only the build with the parser loads text
  Gate.load({});
  // @ts-expect-error: a gate is loaded, not made
  new Gate();
  const who = gate.identify({ sub: 'ana' });
  if (!('decision' in who)) who satisfies Identity;
  try {
    author.Gate.load({ 'toolgate.toml': '' }, { strict: true }).explain(call, new author.Ledger(), 0).explained[0]?.atoms;
  } catch (error) {
    if (error instanceof BundleError) return `${error.place?.file}:${error.place?.line}`;
  }
  const { Gate: Other } = toolgate(module);
  Other.unpack(bundle).free();
  guard(server, { gate, ledger, rendering: 'hide', who: () => ({ principal: 'User::"ana"' }) });
  new Guard({ gate, ledger, now: () => 0 }).protect(server);
  return record.json;
}
