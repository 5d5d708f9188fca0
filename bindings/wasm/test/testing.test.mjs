// A bundle's tests in `node:test`: this file is what a package would write.

import { describe, test } from 'node:test';
import { policies } from 'toolgate/testing';

for (const name of ['filesystem', 'github-triage', 'session-labels']) {
  policies(new URL(`../../../policies/examples/${name}/`, import.meta.url), { describe, test });
}
