// From nothing to the first decision: a process of Node, a page of Chromium, an isolate of workerd. Milliseconds, median of five.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium, serve } from '../test/browser.mjs';
import { worker } from '../test/worker.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const [one] = JSON.parse(readFileSync(here('../test/.work/cases.json')));
const cold = here('../test/.work/cold.json');
writeFileSync(cold, JSON.stringify({ bundle: one.bundle, call: one.calls[0], now: one.now }));

const CODE = `
const { bundle, call, now } = given;
const gate = Gate.unpack(Uint8Array.from(atob(bundle), (c) => c.charCodeAt(0)));
const { decision } = gate.decide(call, new Ledger(), now);`;

async function median(times, work) {
  const found = [];
  for (let i = 0; i < times; i++) found.push(await work());
  return found.sort((a, b) => a - b)[times >> 1];
}

const node = (name) => {
  const code = `const start = performance.now(); const given = JSON.parse((await import('node:fs')).readFileSync('${cold}'));
const { Gate, Ledger } = await import('${name}');${CODE} console.log(performance.now() - start);`;
  return Number(execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: here('../test') }));
};

async function page(browser, name) {
  const text = `<!doctype html><script type="module">
const given = await (await fetch('/cold.json')).json();
const start = performance.now();
const { Gate, Ledger } = await import('/toolgate/dist/${name}.web.js');${CODE}
document.title = String(performance.now() - start);</script>`;
  writeFileSync(here('../test/.work/cold.html'), text);
  const site = await serve({ '/': here('../test/.work/cold.html'), '/cold.json': cold, '/toolgate/': here('../test/node_modules/toolgate/') });
  const tab = await browser.newPage();
  try {
    await tab.goto(site.url);
    await tab.waitForFunction(() => document.title !== '');
    return Number(await tab.title());
  } finally {
    await tab.close();
    site.close();
  }
}

async function isolate() {
  const [entry, port] = [here('../test/.work/cold.worker.mjs'), 18_432];
  writeFileSync(entry, `import { Gate, Ledger } from 'toolgate';
export default { async fetch(request) { const given = await request.json(); ${CODE} return new Response(decision); } };`);
  const start = performance.now();
  const running = await worker(entry, port);
  try {
    await running.answer(readFileSync(cold));
    return performance.now() - start - running.bundled;
  } finally {
    running.kill();
  }
}

for (const name of ['toolgate', 'toolgate/author']) console.log(`Node, ${name}: ${(await median(5, () => node(name))).toFixed(0)} ms`);
const browser = await chromium();
for (const name of ['index', 'author']) console.log(`Chromium, ${name}: ${(await median(5, () => page(browser, name))).toFixed(0)} ms`);
await browser.close();
console.log(`workerd, the process included: ${(await median(5, isolate)).toFixed(0)} ms`);
