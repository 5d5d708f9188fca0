// A small bundle to begin with.

export const files = {
  'policies/notes.cedar': `@id("staff-and-helper")
@reason("staff work with notes, and their helper for them")
permit (
  principal,
  action in [Action::"notes/read", Action::"notes/send"],
  resource
)
when { principal in Group::"staff" || principal == Agent::"helper" };

@id("only-within")
@reason("notes stay within the company")
forbid (principal, action == Action::"notes/send", resource)
unless { context.input.to like "*@example.com" };

@id("sending-is-confirmed")
@reason("the user confirms what an agent sends")
@approval("initiator")
forbid (principal is Agent, action == Action::"notes/send", resource);
`,
  'call.json': `{
  "server": "notes",
  "tool": "send",
  "input": { "to": "bob@example.com", "text": "see you" },
  "principal": "Agent::\\"helper\\"",
  "on_behalf_of": ["User::\\"ana\\""],
  "session": "s1",
  "origin": "agent"
}
`,
  'tests/notes.test.yaml': `version: 1
now: 2026-01-05T10:00:00Z
calls:
  send:
    principal: 'User::"ana"'
    origin: user
    session: s1
    tool: notes/send
    input: {to: bob@example.com, text: hello}
tests:
  - name: staff send to colleagues
    call: send
    expect: {allow: [staff-and-helper]}
  - name: nothing is sent outside
    call: {extends: send, input: {to: eve@elsewhere.example, text: hello}}
    expect: {deny: [only-within]}
  - name: the helper asks first
    call: {extends: send, principal: 'Agent::"helper"', on_behalf_of: ['User::"ana"'], origin: agent}
    expect: {approval: [initiator]}
`,
  'toolgate.toml': `[bundle]
name = "notes"
version = "1.0.0"

[servers.notes]
owner = "docs-team"
verified = true

[tools."notes/read"]
owner = "docs-team"
purpose = "read a note"
effect = "read"
egress = false
sensitivity = "internal"

[tools."notes/send"]
owner = "docs-team"
purpose = "send a note"
effect = "write"
egress = true
sensitivity = "internal"
destinations = ["/to"]
`,
  'tools/notes.json': `{
  "tools": [
    {
      "name": "read",
      "inputSchema": {
        "type": "object",
        "properties": { "id": { "type": "string" } },
        "required": ["id"]
      }
    },
    {
      "name": "send",
      "inputSchema": {
        "type": "object",
        "properties": { "to": { "type": "string" }, "text": { "type": "string" } },
        "required": ["to", "text"]
      }
    }
  ]
}
`,
  'entities.json': `[
  { "uid": { "type": "Group", "id": "staff" }, "attrs": {}, "parents": [] },
  { "uid": { "type": "User", "id": "ana" }, "attrs": {}, "parents": [{ "type": "Group", "id": "staff" }] }
]
`,
};
