// The same in vitest.

import { describe, test } from 'vitest';
import { policies } from 'toolgate/testing';

policies(new URL('../../../../policies/examples/session-labels/', import.meta.url), { describe, test });
