// The order of functions. gzip looks back 32 KB: functions that are alike should stand within that of each other. Each time
// the one comes next that has most in common with those just before it.

/** A stretch of bytes that two functions may have in common, and how often it may occur without being everybody's. */
const STRETCH = 6;
const COMMON = 60;
const WINDOW = 32_000;

/** The module with names that sort as its functions should stand. */
export function named(module) {
  const { bodies, imported } = functions(module);
  const rank = [];
  order(bodies).forEach((body, at) => (rank[body] = at));
  const name = (body) => [...leb(imported + body), 6, ...Buffer.from(String(rank[body]).padStart(6, '0'))];
  const names = [...leb(bodies.length), ...bodies.flatMap((_, body) => name(body))];
  const content = [4, ...Buffer.from('name'), 1, ...leb(names.length), ...names];
  return Buffer.concat([module, Buffer.from([0, ...leb(content.length), ...content])]);
}

function order(bodies) {
  const stretches = distinctive(bodies);
  const users = new Map();
  stretches.forEach((all, body) => all.forEach((one) => users.set(one, [...(users.get(one) ?? []), body])));
  const shared = bodies.map(() => 0);
  const near = new Map();
  const left = new Set(bodies.keys());
  const window = [];
  const found = [];
  let length = 0;
  const count = (body, by) => {
    for (const one of stretches[body]) {
      const before = near.get(one) ?? 0;
      near.set(one, before + by);
      if (before === 0 || before + by === 0) users.get(one).forEach((user) => (shared[user] += by));
    }
  };
  const score = (body) => shared[body] / (stretches[body].size + 20);
  while (left.size > 0) {
    let next;
    for (const body of left) if (next === undefined || score(body) > score(next)) next = body;
    left.delete(next);
    found.push(next);
    window.push(next);
    length += bodies[next].length;
    count(next, 1);
    while (length > WINDOW && window.length > 1) {
      const gone = window.shift();
      length -= bodies[gone].length;
      count(gone, -1);
    }
  }
  return found;
}

/** For each function its stretches that some others have, and not too many. */
function distinctive(bodies) {
  const all = bodies.map((body) => {
    const own = new Set();
    for (let at = 0; at + STRETCH <= body.length; at++) own.add(body.readUIntBE(at, STRETCH));
    return own;
  });
  const uses = new Map();
  for (const own of all) for (const one of own) uses.set(one, (uses.get(one) ?? 0) + 1);
  return all.map((own) => new Set([...own].filter((one) => uses.get(one) > 1 && uses.get(one) <= COMMON)));
}

/** The bodies of a module without names, and how many functions it imports. */
function functions(module) {
  let at = 8;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = module[at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  const bodies = [];
  let imported = 0;
  while (at < module.length) {
    const kind = module[at++];
    const end = number() + at;
    if (kind === 2) {
      for (let left = number(); left > 0; left--) {
        for (const part of ['module', 'name']) at = number() + at;
        if (module[at++] !== 0) throw new Error('the module imports what is no function');
        number();
        imported += 1;
      }
    }
    if (kind === 10) {
      for (let left = number(); left > 0; left--) {
        const size = number();
        bodies.push(module.subarray(at, (at += size)));
      }
    }
    at = end;
  }
  return { bodies, imported };
}

function leb(value) {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)];
}
