const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const toolgate = require('toolgate');
const author = require('toolgate/author');

const cases = JSON.parse(readFileSync(join(__dirname, '../.work/cases.json')));
import('../examples.mjs').then(({ decide }) => {
  console.log(`${decide(toolgate, cases)} calls, ${decide(author, cases)} with the parser`);
});
