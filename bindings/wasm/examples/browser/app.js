// The page: texts on one side, what the gate makes of them on the other.

import { BundleError, Gate, Ledger, Suites, ToolgateError } from 'toolgate/author';
import { files } from './bundle.js';

const CALL = 'call.json';
const NOW = Date.parse('2026-01-05T10:00:00Z');
const texts = { ...files };
const names = Object.keys(texts);
let open = names[0];

const at = (id) => document.getElementById(id);
const editor = at('editor');

/** An element with text, and others in it. Text is never taken for markup. */
function element(name, { text, ...attributes } = {}, ...inner) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...inner);
  return made;
}

function show(name, from, to) {
  texts[open] = editor.value;
  open = name;
  editor.value = texts[name];
  at('editor-label').textContent = name;
  at('panel').setAttribute('aria-labelledby', `tab-${names.indexOf(name)}`);
  for (const [index, tab] of [...at('tabs').children].entries()) {
    const selected = names[index] === name;
    tab.setAttribute('aria-selected', selected);
    tab.tabIndex = selected ? 0 : -1;
  }
  if (from === undefined) return;
  editor.focus();
  editor.setSelectionRange(from, to);
}

function tabs() {
  for (const [index, name] of names.entries()) {
    at('tabs').append(
      element('button', { text: name, role: 'tab', id: `tab-${index}`, 'aria-controls': 'panel', type: 'button', onclick: () => show(name) }),
    );
  }
  at('tabs').addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -names.length, End: names.length }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.min(Math.max(names.indexOf(open) + step, 0), names.length - 1);
    show(names[next]);
    at(`tab-${next}`).focus();
  });
}

/** Everything that follows from the texts. */
function decide() {
  texts[open] = editor.value;
  const { [CALL]: call, ...bundle } = texts;
  at('faults').replaceChildren();
  try {
    const gate = Gate.load(bundle);
    const ledger = new Ledger();
    try {
      const decision = gate.decide(call, ledger, NOW);
      decided(decision);
      explained(gate.explain(call, ledger, NOW));
      listed(gate, call, ledger);
      tested(bundle);
    } finally {
      gate.free();
      ledger.free();
    }
  } catch (error) {
    if (!(error instanceof ToolgateError)) throw error;
    faults(error);
  }
}

function faults(error) {
  const found = error instanceof BundleError ? error.diagnostics.filter(({ severity }) => severity === 'error') : [];
  at('decision').className = 'deny';
  at('decision').replaceChildren(element('strong', { text: 'Not loaded' }), ` ${found.length || 1} error${found.length > 1 ? 's' : ''}: what follows is of the last bundle that loaded.`);
  if (found.length === 0) at('faults').append(element('p', { text: error.message }));
  for (const { message, help, place } of found) {
    const line = element('p', { text: `${message}${help ? ` (${help})` : ''} ` });
    if (place && place.file in texts) line.append(element('button', { type: 'button', text: `${place.file}:${place.line}:${place.column}`, onclick: () => go(place) }));
    at('faults').append(line);
  }
}

/** Where a fault stands. Places count bytes, a text field counts UTF-16. */
function go({ file, start, end }) {
  const bytes = new TextEncoder().encode(texts[file]);
  const units = (upTo) => new TextDecoder().decode(bytes.subarray(0, upTo)).length;
  show(file, units(start), units(end));
}

const TOLD = { allow: 'Allowed', deny: 'Denied', needs_approval: 'Needs approval' };

function decided({ decision, reasons, details, policies, approval, obligations }) {
  const list = element('ul');
  for (const [index, reason] of reasons.entries()) list.append(element('li', { text: details[index] ? `${reason}: ${details[index]}` : reason }));
  if (approval) list.append(element('li', { text: `by ${approval.by.join(' and ')}` }));
  if (policies.length > 0) list.append(element('li', { text: `policies: ${policies.join(', ')}` }));
  if (obligations.length > 0) list.append(element('li', { text: `obligations: ${obligations.join(', ')}` }));
  at('decision').className = decision;
  at('decision').replaceChildren(element('strong', { text: TOLD[decision] }), list);
}

const MARKS = { true: '✓ true', false: '✗ false', error: '! error', not_reached: '· not reached' };

function explained({ explained: all }) {
  const own = all.filter(({ policy }) => !policy.startsWith('baseline/'));
  at('why').replaceChildren(
    ...own.map(({ policy, effect, principal, outcome, atoms, file, line }) =>
      element(
        'details',
        outcome === 'true' ? { open: '' } : {},
        element('summary', { text: `${effect} ${policy} for ${principal}: ${outcome === 'true' ? 'applies' : 'does not apply'} (${file}:${line})` }),
        element(
          'ul',
          {},
          ...atoms.map(({ text, outcome, values }) =>
            element(
              'li',
              {},
              `${MARKS[outcome] ?? outcome}: `,
              element('code', { text }),
              ...values.map(({ of, value }) => element('div', { class: 'values', text: `${of} is ${value}` })),
            ),
          ),
        ),
      ),
    ),
  );
}

/** What always holds back, whatever the bundle says, would hide the rest. */
const ours = (condition) => !condition.includes(' baseline/');

function listed(gate, call, ledger) {
  let asked;
  try {
    const { principal, on_behalf_of, credential, origin } = JSON.parse(call);
    asked = { principal, on_behalf_of, credential, origin, any_session: true };
    asked = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
    const { tools } = gate.list(asked, ledger, NOW);
    const rows = tools.filter(({ method }) => !method);
    at('tools').replaceChildren(
      ...rows.map(({ action, standing, conditions, why }) =>
        element('tr', {}, element('td', { text: action }), element('td', { text: standing }), element('td', { text: conditions.filter(ours).join('; ') || why || '' })),
      ),
    );
  } catch (error) {
    at('tools').replaceChildren(element('tr', {}, element('td', { text: `no list: ${error.message}`, colspan: '3' })));
  }
}

function tested(bundle) {
  const suites = Suites.open(bundle);
  try {
    const report = suites.run();
    const found = suites.list().diagnostics.map(({ place, message }) => `${place ? `${place.file}:${place.line}: ` : ''}${message}\n`);
    const text = found.join('') + suites.run({ format: 'plain', verbose: true });
    at('tests').className = report.verdict === 'passed' ? 'allow' : 'deny';
    at('tests').replaceChildren(element('strong', { text: report.verdict }), element('pre', { text }));
  } finally {
    suites.free();
  }
}

let waiting;
editor.addEventListener('input', () => {
  clearTimeout(waiting);
  waiting = setTimeout(decide, 120);
});
editor.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') at(`tab-${names.indexOf(open)}`).focus();
});

editor.value = texts[open];
tabs();
show(open);
decide();
document.documentElement.dataset.ready = 'yes';
