// workerd with a worker, bundled as a user's tools would: modules stay files of their own.

import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import workerd from 'workerd';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Starts it. `answer` is what it answers to a body, `bundled` how long the bundling took. */
export async function worker(entry, port) {
  const start = performance.now();
  const out = here(`.work/worker-${port}`);
  mkdirSync(out, { recursive: true });
  const options = { bundle: true, format: 'esm', conditions: ['workerd'], loader: { '.wasm': 'copy' }, assetNames: '[name]' };
  await build({ ...options, entryPoints: [entry], outfile: `${out}/worker.mjs`, logLevel: 'error' });
  const modules = readdirSync(out).filter((file) => file.endsWith('.wasm'));
  const embedded = modules.map((file) => `(name = "${file}", wasm = embed "${file}")`);
  writeFileSync(
    `${out}/config.capnp`,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.mjs", esModule = embed "worker.mjs"), ${embedded.join(', ')}],
  compatibilityDate = "2026-11-01"
);
`,
  );
  const bundled = performance.now() - start;
  // The program itself: what npm links is a script that starts it, and that leaves it running when it is killed.
  const running = spawn(workerd.default, ['serve', `${out}/config.capnp`], { stdio: 'inherit' });
  return { bundled, kill: () => running.kill(), answer: (body) => answered(`http://127.0.0.1:${port}/`, body) };
}

/** The answer of a server that may be about to start. */
async function answered(url, body) {
  for (let tries = 0; ; tries++) {
    try {
      const response = await fetch(url, { method: 'POST', body });
      return await response.text();
    } catch (error) {
      if (tries === 2000) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
