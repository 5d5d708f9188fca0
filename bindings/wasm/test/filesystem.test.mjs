// The reference filesystem server, as it is published: a server of ours in front of it is guarded, and passes on what is
// allowed. Real files, real policies: those of the example bundle `filesystem`, with another root.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { CallToolRequestSchema, ElicitRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { Gate, Ledger } from 'toolgate/author';
import { guard } from 'toolgate/mcp';

const program = fileURLToPath(new URL('node_modules/@modelcontextprotocol/server-filesystem/dist/index.js', import.meta.url));
const root = realpathSync(mkdtempSync(join(tmpdir(), 'toolgate-')));
mkdirSync(join(root, 'data/drafts'), { recursive: true });
mkdirSync(join(root, 'secrets'));
writeFileSync(join(root, 'data/report.txt'), 'all is well');
writeFileSync(join(root, 'secrets/key'), 'hunter2');

const upstream = new Client({ name: 'gate', version: '1.0.0' });
await upstream.connect(new StdioClientTransport({ command: process.execPath, args: [program, root], stderr: 'ignore' }));

/** The example's files, with our root, and with the tools of the version that is installed as pins. */
async function bundle() {
  const cases = JSON.parse(readFileSync(new URL('.work/cases.json', import.meta.url)));
  const { files } = cases.find(({ name }) => name === 'filesystem-0');
  const moved = Object.entries(files).map(([name, text]) => [name, text.replaceAll('/srv', root)]);
  const encoded = (text) => text.replaceAll(encodeURIComponent('/srv'), encodeURIComponent(root));
  const tools = JSON.stringify(await upstream.listTools());
  return { ...Object.fromEntries(moved.map(([name, text]) => [name, encoded(text)])), 'tools/filesystem.json': tools };
}

const records = [];
const server = new Server({ name: 'filesystem', version: '1.0.0' }, { capabilities: { tools: {} } });
guard(server, {
  gate: Gate.load(await bundle()),
  ledger: new Ledger(),
  who: () => ({ principal: 'Agent::"assistant"', on_behalf_of: ['User::"ana"'] }),
  session: 's1',
  onRecord: (record) => record.decision && records.push(record),
});
server.setRequestHandler(ListToolsRequestSchema, ({ params }) => upstream.listTools(params));
server.setRequestHandler(CallToolRequestSchema, ({ params }) => upstream.callTool(params));
const [ours, theirs] = InMemoryTransport.createLinkedPair();
const client = new Client({ name: 'model', version: '1.0.0' }, { capabilities: { elicitation: {} } });
client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { approve: true } }));
await server.connect(theirs);
await client.connect(ours);
after(() => Promise.all([client.close(), upstream.close()]));

async function call(name, path, more = {}) {
  const { content, isError = false } = await client.callTool({ name, arguments: { path: join(root, 'x', '..', path), ...more } });
  return [isError, content[0].text];
}

test('what is permitted is read from the disk', async () => {
  assert.deepEqual(await call('read_text_file', 'data/report.txt'), [false, 'all is well']);
});

test('secrets are not, though the server itself would give them', async () => {
  const direct = await upstream.callTool({ name: 'read_text_file', arguments: { path: join(root, 'secrets/key') } });
  assert.equal(direct.content[0].text, 'hunter2');
  const [denied, text] = await call('read_text_file', 'secrets/key');
  assert.ok(denied && text.startsWith('Denied: nothing below ') && !text.includes('hunter2'), text);
});

test('a path that leads elsewhere is no path', async () => {
  const { isError, content } = await client.callTool({
    name: 'read_text_file',
    arguments: { path: `${root}/data/../secrets/key` },
  });
  assert.ok(isError && content[0].text.includes('(invalid_arguments)'), content[0].text);
});

test('drafts are written once the user agrees, reports are not', async () => {
  const [failed] = await call('write_file', 'data/drafts/note.txt', { content: 'a draft' });
  assert.equal(failed, false);
  assert.equal(readFileSync(join(root, 'data/drafts/note.txt'), 'utf8'), 'a draft');
  const [denied] = await call('write_file', 'data/report.txt', { content: 'all is lost' });
  assert.equal(denied, true);
  assert.equal(readFileSync(join(root, 'data/report.txt'), 'utf8'), 'all is well');
});

test('the list shows what could be allowed, and every call left a record', async () => {
  const { tools } = await client.listTools();
  const names = tools.map(({ name }) => name);
  assert.ok(names.includes('read_text_file') && !names.includes('read_multiple_files'), names.join());
  assert.deepEqual(records.map(({ decision }) => decision), ['allow', 'deny', 'deny', 'needs_approval', 'allow', 'deny']);
});
