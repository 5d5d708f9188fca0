/** toolgate without a parser: decides packed bundles. */
export * from './types.js';
