// Each runtime, with the package as `npm pack` makes it: it loads, and decides all example calls as Rust did.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { chromium, serve } from './browser.mjs';

const run = promisify(execFile);
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const bin = (name) => here(`node_modules/.bin/${name}`);
const WANTED = /^1\d\d calls, 2\d\d with the parser$/;

async function prints(command, ...rest) {
  const { stdout } = await run(command, rest, { cwd: here('.'), timeout: 120_000 });
  assert.match(stdout.trim(), WANTED);
}

test('Node, import', () => prints(process.execPath, 'runtimes/node.mjs'));
test('Node, require', () => prints(process.execPath, 'runtimes/node.cjs'));
test('Deno', () => prints(bin('deno'), 'run', '--allow-read', '--no-remote', 'runtimes/node.mjs'));
test('Bun', () => prints(bin('bun'), 'run', 'runtimes/node.mjs'));

test('workerd', async () => {
  const port = await worker('runtimes/worker.mjs', 18_431);
  try {
    const response = await answered(`http://127.0.0.1:18431/`, readFileSync(here('.work/cases.json')));
    assert.match(response, WANTED);
  } finally {
    port.kill();
  }
});

test('Chromium, a page', async () => {
  const site = await serve({
    '/': here('runtimes/page.html'),
    '/examples.mjs': here('examples.mjs'),
    '/cases.json': here('.work/cases.json'),
    '/toolgate/': here('node_modules/toolgate/'),
  });
  const browser = await chromium();
  try {
    const page = await browser.newPage();
    await page.goto(site.url);
    await page.waitForFunction(() => document.title !== 'toolgate in a page', undefined, { timeout: 60_000 });
    assert.match(await page.title(), WANTED);
  } finally {
    await browser.close();
    site.close();
  }
});

/** workerd with a worker, bundled as a user's tools would: modules stay files of their own. */
export async function worker(entry, port) {
  const out = here('.work/worker');
  mkdirSync(out, { recursive: true });
  const options = { bundle: true, format: 'esm', conditions: ['workerd'], loader: { '.wasm': 'copy' }, assetNames: '[name]' };
  await build({ ...options, entryPoints: [here(entry)], outfile: `${out}/worker.mjs`, logLevel: 'error' });
  const modules = ['toolgate', 'author'].map((name) => `(name = "${name}.wasm", wasm = embed "${name}.wasm")`);
  writeFileSync(
    `${out}/config.capnp`,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.mjs", esModule = embed "worker.mjs"), ${modules.join(', ')}],
  compatibilityDate = "2026-11-01"
);
`,
  );
  return spawn(bin('workerd'), ['serve', `${out}/config.capnp`], { stdio: 'inherit' });
}

/** The answer of a server that may be about to start. */
async function answered(url, body) {
  for (let tries = 0; ; tries++) {
    try {
      const response = await fetch(url, { method: 'POST', body });
      return await response.text();
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
