import { readFileSync } from 'node:fs';
import * as toolgate from 'toolgate';
import * as author from 'toolgate/author';
import { decide } from '../examples.mjs';

const cases = JSON.parse(readFileSync(new URL('../.work/cases.json', import.meta.url)));
console.log(`${decide(toolgate, cases)} calls, ${decide(author, cases)} with the parser`);
