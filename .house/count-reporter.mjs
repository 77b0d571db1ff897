// A vitest reporter that writes the numbers `npm test` ends with to the file named by GOFER_TEST_COUNTS.

import { writeFileSync } from 'node:fs';

export default class CountReporter {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0, flaky: [], failures: [] };
    for (const error of unhandledErrors) counts.failures.push(`outside of any test: ${inShort(error)}`);
    for (const module of modules) {
      // A file or a describe block that broke outside of any test (an import, a hook) counts as one failure of its own.
      countErrors(module.relativeModuleId, module.errors(), counts);
      for (const suite of module.children.allSuites()) countErrors(suite.fullName, suite.errors(), counts);
      for (const testCase of module.children.allTests()) countTest(testCase, counts);
    }
    const file = process.env.GOFER_TEST_COUNTS;
    if (file) writeFileSync(file, JSON.stringify(counts));
  }
}

/** @param {import('vitest/node').TestCase} testCase */
function countTest(testCase, counts) {
  const { state, errors } = testCase.result();
  if (testCase.diagnostic()?.flaky) {
    // It failed at least once: a retry asked for by the test itself does not make it pass here.
    counts.failed += 1;
    counts.flaky.push(testCase.fullName);
  } else if (state === 'passed') counts.passed += 1;
  else if (state === 'skipped') counts.skipped += 1;
  else {
    // 'failed', or 'pending': the run ended before it did.
    counts.failed += 1;
    const why = errors?.[0] === undefined ? state : inShort(errors[0]);
    counts.failures.push(`${testCase.module.relativeModuleId} > ${testCase.fullName}: ${why}`);
  }
}

/** @param {string} where @param {readonly { message?: string }[]} errors */
function countErrors(where, errors, counts) {
  counts.failed += errors.length;
  for (const error of errors) counts.failures.push(`${where}: ${inShort(error)}`);
}

/** Enough to know the failure by; the whole is in vitest's own report. */
const PART_MAX = 200;

/** The first line of its message, the last one (of a log that it carries, that is where the reason stands), and its cause. */
function inShort(error) {
  const lines = String(error?.message ?? error)
    .split('\n')
    .filter((line) => line.trim() !== '');
  const parts = lines.length > 1 ? [lines[0], lines.at(-1)] : [lines[0] ?? ''];
  if (error?.cause !== undefined) parts.push(String(error.cause?.message ?? error.cause).split('\n', 1)[0]);
  return parts.map((part) => part.slice(0, PART_MAX)).join(' … ');
}
