// What every runtime decides: the calls of all example bundles, and the records that Rust made of them. Written by
// `cargo test -p toolgate --test it packed`; read by nothing but one file, since a browser has no folders.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';

const [packed, examples] = process.argv.slice(2);
const FILES = ['toolgate.toml', 'entities.json'];
const FOLDERS = ['tools', 'policies', 'schema'];

/** The files of an example bundle, by name. */
function sources(name) {
  const found = {};
  const within = (folder) => readdirSync(`${examples}/${name}/${folder}`).map((file) => `${folder}/${file}`);
  const names = new Set(readdirSync(`${examples}/${name}`));
  for (const file of FILES.filter((one) => names.has(one))) found[file] = readFileSync(`${examples}/${name}/${file}`, 'utf8');
  for (const folder of FOLDERS.filter((one) => names.has(one))) {
    for (const file of within(folder)) found[file] = readFileSync(`${examples}/${name}/${file}`, 'utf8');
  }
  return found;
}

const cases = readdirSync(packed).map((name) => {
  const text = (file) => readFileSync(`${packed}/${name}/${file}`, 'utf8');
  return {
    name,
    bundle: readFileSync(`${packed}/${name}/bundle.toolgate`).toString('base64'),
    files: sources(name.replace(/-\d+$/, '')),
    journal: text('journal.jsonl'),
    calls: text('calls.jsonl').split('\n').filter(Boolean),
    now: Date.parse(text('now')),
    // Explanations stand between the records: only the build with the parser gives them.
    records: text('records').split('\n').filter((line) => !line.startsWith('{"version":1,"decision":')).join('\n'),
  };
});
if (cases.length < 10) throw new Error(`${packed} has ${cases.length} cases: run \`cargo test -p toolgate --test it packed\``);
writeFileSync(new URL('.work/cases.json', import.meta.url), JSON.stringify(cases));
