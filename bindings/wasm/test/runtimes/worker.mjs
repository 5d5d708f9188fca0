import * as toolgate from 'toolgate';
import * as author from 'toolgate/author';
import { decide } from '../examples.mjs';

export default {
  async fetch(request) {
    const cases = await request.json();
    return new Response(`${decide(toolgate, cases)} calls, ${decide(author, cases)} with the parser`);
  },
};
