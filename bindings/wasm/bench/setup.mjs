// The same rules for toolgate and for Cedar alone.

const rules = (action, to) => [
  `permit (principal in Group::"staff", action == Action::"${action('send')}", resource);`,
  `permit (principal in Group::"staff", action == Action::"${action('read')}", resource);`,
  `permit (principal == Agent::"helper", action == Action::"${action('send')}", resource);`,
  `forbid (principal, action == Action::"${action('send')}", resource) unless { ${to} like "*@example.com" };`,
  `forbid (principal is Agent, action == Action::"${action('send')}", resource) when { ${to} like "*@other.example" };`,
  `permit (principal in Group::"admins", action, resource);`,
];

export const cedarPolicies = rules((name) => name, 'context.input.to').join('\n');

const uid = (type, id) => ({ type, id });
export const entities = [
  { uid: uid('Group', 'staff'), attrs: {}, parents: [] },
  { uid: uid('Group', 'admins'), attrs: {}, parents: [] },
  { uid: uid('User', 'ana'), attrs: {}, parents: [uid('Group', 'staff')] },
  { uid: uid('User', 'bob'), attrs: {}, parents: [uid('Group', 'staff')] },
  { uid: uid('User', 'root'), attrs: {}, parents: [uid('Group', 'admins')] },
];

const schema = (properties) => ({ type: 'object', properties, required: Object.keys(properties) });
const string = { type: 'string' };
const tools = [
  { name: 'read', inputSchema: schema({ id: string }) },
  { name: 'send', inputSchema: schema({ to: string, text: string }) },
];

export const files = {
  'toolgate.toml': `[bundle]
name = "bench"
version = "1"
[servers.notes]
verified = true
[tools."notes/read"]
effect = "read"
egress = false
[tools."notes/send"]
effect = "write"
egress = true
sensitivity = "internal"
destinations = ["/to"]
`,
  'tools/notes.json': JSON.stringify({ tools }),
  'entities.json': JSON.stringify(entities),
  'policies/bench.cedar': rules((name) => `notes/${name}`, 'context.input.to')
    .map((text, at) => `@id("p${at}")\n${text}`)
    .join('\n'),
};
