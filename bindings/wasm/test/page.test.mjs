// The example page in Chromium: a policy changes and the answers follow, by keyboard alone, on a phone, in the dark.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium, serve } from './browser.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
let site;
let browser;

before(async () => {
  site = await serve({
    '/': here('../examples/browser/index.html'),
    '/style.css': here('../examples/browser/style.css'),
    '/app.js': here('../examples/browser/app.js'),
    '/bundle.js': here('../examples/browser/bundle.js'),
    '/toolgate/': here('node_modules/toolgate/'),
  });
  browser = await chromium();
});

after(async () => {
  await browser.close();
  site.close();
});

async function opened(options = {}) {
  const page = await browser.newPage(options);
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  await page.goto(site.url);
  await page.waitForSelector('html[data-ready]', { timeout: 60_000 });
  return { page, faults, text: (id) => page.textContent(id) };
}

/** Writes into the editor in place of what is there, as a person would. */
async function rewrite(page, change) {
  const text = change(await page.inputValue('#editor'));
  await page.focus('#editor');
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(text);
}

test('answers follow the text', async () => {
  const { page, faults, text } = await opened({ viewport: { width: 1280, height: 1000 } });
  assert.match(await text('#decision'), /Needs approval.*initiator/);
  assert.match(await text('#tools'), /notes\/sendapproval/);
  assert.match(await text('#tests'), /passed/);
  await page.screenshot({ path: here('.work/page-light.png'), fullPage: true });
  await rewrite(page, (policy) => policy.replace('@approval("initiator")\n', ''));
  await page.waitForFunction(() => document.querySelector('#decision').textContent.startsWith('Denied'));
  await page.waitForFunction(() => /^(failed|invalid)/.test(document.querySelector('#tests').textContent));
  await rewrite(page, (policy) => policy.replace('context.input.to', 'context.input.recipient'));
  await page.waitForSelector('#faults button');
  assert.match(await text('#faults'), /recipient/);
  await page.screenshot({ path: here('.work/page-fault.png'), fullPage: true });
  await page.click('#faults button');
  const selected = await page.evaluate(() => {
    const { value, selectionStart, selectionEnd } = document.querySelector('#editor');
    return value.slice(selectionStart, selectionEnd);
  });
  assert.match(selected, /recipient/);
  await rewrite(page, (policy) => policy.replace('context.input.recipient', 'context.input.to'));
  await page.waitForFunction(() => document.querySelector('#decision').textContent.startsWith('Denied'));
  assert.deepEqual(faults, []);
});

test('by keyboard alone', async () => {
  const { page, text } = await opened();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'policies/notes.cedar');
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'call.json');
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-selected')), 'true');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText('{"server": "notes", "tool": "read", "input": {"id": "1"}, "principal": "User::\\"ana\\"", "session": "s1", "origin": "user"}');
  await page.waitForFunction(() => document.querySelector('#decision').textContent.startsWith('Allowed'));
  assert.match(await text('#decision'), /staff-and-helper/);
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('role')), 'tab');
});

test('on a phone, in the dark', async () => {
  const options = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, colorScheme: 'dark' };
  const { page, faults } = await opened(options);
  const { width, dark, small } = await page.evaluate(() => ({
    width: document.documentElement.scrollWidth,
    dark: getComputedStyle(document.body).backgroundColor,
    small: [...document.querySelectorAll('button')].filter((one) => one.getBoundingClientRect().height < 24).length,
  }));
  assert.ok(width <= 360, `${width} pixels wide`);
  assert.equal(dark, 'rgb(21, 23, 26)');
  assert.equal(small, 0);
  await page.screenshot({ path: here('.work/page-phone.png'), fullPage: true });
  assert.deepEqual(faults, []);
});
