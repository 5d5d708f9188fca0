// A headless Chromium, and a site for it.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import * as playwright from 'playwright-core';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.wasm': 'application/wasm' };
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export function chromium() {
  const executablePath = process.env.CHROMIUM ?? PLACES.find((place) => existsSync(place));
  if (executablePath === undefined) {
    throw new Error('there is no Chromium: install it (`apt-get install chromium`), or name it in CHROMIUM');
  }
  // Chromium has no sandbox for root.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return playwright.chromium.launch({ executablePath, args });
}

/** Serves files: a path of `files` that ends in `/` is a folder. */
export function serve(files) {
  const found = (path) => {
    const folder = Object.keys(files).find((one) => one.length > 1 && one.endsWith('/') && path.startsWith(one));
    const file = files[path] ?? (folder && files[folder] + path.slice(folder.length));
    return file && !path.includes('..') && existsSync(file) && statSync(file).isFile() ? file : undefined;
  };
  const server = createServer((request, response) => {
    const file = found(new URL(request.url, 'http://localhost').pathname);
    response.writeHead(file ? 200 : 404, { 'content-type': TYPES[file && extname(file)] ?? 'text/plain' });
    response.end(file ? readFileSync(file) : 'not found');
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve({ url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() });
    });
  });
}
