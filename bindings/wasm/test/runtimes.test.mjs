// Each runtime, with the package as `npm pack` makes it: it loads, and decides all example calls as Rust did.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium, serve } from './browser.mjs';
import { worker } from './worker.mjs';

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
  const running = await worker(here('runtimes/worker.mjs'), 18_431);
  try {
    assert.match(await running.answer(readFileSync(here('.work/cases.json'))), WANTED);
  } finally {
    running.kill();
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
