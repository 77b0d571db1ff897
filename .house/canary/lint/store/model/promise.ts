// expects: no-restricted-globals
export const soon = Promise.resolve(1);
