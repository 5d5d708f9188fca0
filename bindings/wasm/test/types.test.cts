// The same from CommonJS.

import toolgate = require('toolgate');
import author = require('toolgate/author');

export const gate: toolgate.Gate = author.Gate.load({});
