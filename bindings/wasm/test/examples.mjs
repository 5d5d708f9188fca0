// Decides all calls of all example bundles, in whatever runtime this is: the records must be Rust's, byte for byte.

const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** How many calls were decided. */
export function decide({ Gate, Ledger }, cases) {
  let calls = 0;
  for (const one of cases) {
    const packed = bytes(one.bundle);
    const gates = [Gate.unpack(packed)];
    if (Gate.load) {
      const loaded = Gate.load(one.files, { strict: true });
      same(one.name, 'the packed bundle', String(loaded.pack()), String(packed));
      gates.push(loaded);
    }
    for (const gate of gates) {
      const ledger = Ledger.replay(gate, one.journal);
      let records = '';
      for (const call of one.calls) {
        records += gate.authorize(JSON.parse(call), ledger, one.now).json + '\n';
        calls += 1;
      }
      same(one.name, 'the records', records + ledger.snapshot(), one.records);
      gate.free();
      ledger.free();
    }
  }
  if (calls < 100) throw new Error(`${calls} calls`);
  return calls;
}

function same(name, what, found, wanted) {
  if (found === wanted) return;
  const at = [...found].findIndex((c, index) => c !== wanted[index]);
  throw new Error(`${name}: ${what} differ at ${at}: ${found.slice(at - 40, at + 40)} is not ${wanted.slice(at - 40, at + 40)}`);
}
