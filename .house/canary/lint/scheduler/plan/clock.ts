// expects: no-restricted-properties no-restricted-syntax no-restricted-globals
export const now = Date.now();
export const chance = Math.random();
export const today = new Date();
export async function later(): Promise<void> {}
setTimeout(() => process.exit(), now * chance);
