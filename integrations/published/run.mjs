// The official TypeScript client, and the Inspector's command line, with a published server bare and behind the guard.
//
//     node run.mjs GUARD WORK

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const [guard, work] = process.argv.slice(2);
const modules = join(dirname(fileURLToPath(import.meta.url)), "node_modules");

function script(name) {
  const manifest = join(modules, name, "package.json");
  const bin = JSON.parse(readFileSync(manifest, "utf8")).bin;
  return join(dirname(manifest), typeof bin === "string" ? bin : Object.values(bin)[0]);
}

const everything = ["node", script("@modelcontextprotocol/server-everything")];

function guarded(name, policies) {
  const folder = join(work, `${name}.toolgate-bundle`);
  rmSync(folder, { recursive: true, force: true });
  const first = spawnSync(guard, ["guard", "--server", name, "--", ...everything], { cwd: work, input: "" });
  if (first.status !== 0) throw new Error(`the guard does not start: ${first.stderr}`);
  writeFileSync(join(folder, "policies/main.cedar"), policies);
  return [guard, "guard", "--bundle", folder, "--", ...everything];
}

async function seen([command, ...args]) {
  const found = {};
  const client = new Client(
    { name: "published", version: "1" },
    { capabilities: { elicitation: { form: {} }, sampling: {}, roots: {} } },
  );
  client.setRequestHandler("elicitation/create", async () => ({ action: "accept", content: { name: "Ada" } }));
  client.setRequestHandler("sampling/createMessage", async () => ({
    role: "assistant", model: "none", content: { type: "text", text: "sampled" },
  }));
  client.setRequestHandler("roots/list", async () => ({ roots: [{ uri: "file:///tmp", name: "tmp" }] }));
  await client.connect(new StdioClientTransport({ command, args, cwd: work, stderr: "ignore" }));
  await new Promise((resolve) => setTimeout(resolve, 500));
  const progress = [];
  const call = async (name, args_) => {
    try {
      return await client.callTool({ name, arguments: args_ }, { onprogress: (one) => progress.push(one.progress) });
    } catch (error) {
      return { error: error.code, message: error.message };
    }
  };
  found.server = client.getServerVersion();
  found.tools = await client.listTools();
  found.prompts = await client.listPrompts();
  found.resources = await client.listResources();
  found.echo = await call("echo", { message: "hello" });
  found.sum = await call("get-sum", { a: 1, b: 2 });
  found.structured = await call("get-structured-content", { location: "Chicago" });
  found.long = await call("trigger-long-running-operation", { duration: 0.5, steps: 5 });
  found.sampling = await call("trigger-sampling-request", { prompt: "x", maxTokens: 5 });
  found.elicitation = await call("trigger-elicitation-request", {});
  found.prompt = await client.getPrompt({ name: "simple-prompt" });
  // This client forgets a call's progress when it reads the answer: what it reads together with that is lost.
  found.progress = progress.slice(0, 4);
  await client.close();
  return found;
}

function inspected(words) {
  // The Inspector takes options of the server for its own, and ends its own at `--`: it starts a file without any.
  const file = join(work, "inspected.mjs");
  const start = `const [command, ...args] = ${JSON.stringify(words)};`;
  const inherit = 'spawn(command, args, { stdio: "inherit" }).on("exit", (code) => process.exit(code ?? 1));';
  writeFileSync(file, `import { spawn } from "node:child_process";\n${start}\n${inherit}\n`);
  const cli = [script("@modelcontextprotocol/inspector"), "--cli", "node", file];
  const told = (...method) => spawnSync("node", [...cli, "--method", ...method], { cwd: work, encoding: "utf8" }).stdout;
  return { list: told("tools/list"), echo: told("tools/call", "--tool-name", "echo", "--tool-arg", "message=hello") };
}

mkdirSync(work, { recursive: true });
const behind = guarded("typescript", '@id("all") permit (principal, action, resource);\n');
let faults = 0;
function compare(what, left, right) {
  const [bare, through] = [JSON.stringify(left), JSON.stringify(right)];
  if (bare === through && bare !== undefined && bare.length > 2) return;
  faults += 1;
  console.log(`${what}\n  bare    ${bare?.slice(0, 600)}\n  guarded ${through?.slice(0, 600)}`);
}

const [bare, through] = [await seen(everything), await seen(behind)];
for (const key of Object.keys(bare)) compare(`typescript: ${key}`, bare[key], through[key]);
console.log(`typescript: ${Object.keys(bare).length} answers compared`);
const [plain, inspectedThrough] = [inspected(everything), inspected(behind)];
for (const key of Object.keys(plain)) compare(`inspector: ${key}`, plain[key], inspectedThrough[key]);
console.log(`inspector: ${Object.keys(plain).length} answers compared`);
const denying = guarded("denying", '@id("reads") permit (principal, action in Action::"read", resource) unless { action == Action::"denying/get-env" };\n');
const denied = await (async () => {
  const client = new Client({ name: "published", version: "1" }, { capabilities: {} });
  await client.connect(new StdioClientTransport({ command: denying[0], args: denying.slice(1), cwd: work, stderr: "ignore" }));
  const names = (await client.listTools()).tools.map((tool) => tool.name);
  const answer = await client.callTool({ name: "get-env", arguments: {} });
  await client.close();
  return { hidden: !names.includes("get-env"), error: answer.isError, text: answer.content[0].text };
})();
compare("typescript: a denied tool", { hidden: true, error: true }, { hidden: denied.hidden, error: denied.error });
console.log(`typescript: denied with: ${denied.text}`);
process.exit(faults ? 1 : 0);
