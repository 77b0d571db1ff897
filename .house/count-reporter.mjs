// A vitest reporter that writes the numbers `npm test` ends with to the file named by GOFER_TEST_COUNTS.

import { writeFileSync } from 'node:fs';

export default class CountReporter {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0, flaky: [] };
    for (const module of modules) {
      // A file or a describe block that broke outside of any test (an import, a hook) counts as one failure of its own.
      counts.failed += module.errors().length;
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
      for (const testCase of module.children.allTests()) countTest(testCase, counts);
    }
    const file = process.env.GOFER_TEST_COUNTS;
    if (file) writeFileSync(file, JSON.stringify(counts));
  }
}

/** @param {import('vitest/node').TestCase} testCase */
function countTest(testCase, counts) {
  const { state } = testCase.result();
  if (testCase.diagnostic()?.flaky) {
    // It failed at least once: a retry asked for by the test itself does not make it pass here.
    counts.failed += 1;
    counts.flaky.push(testCase.fullName);
  } else if (state === 'passed') counts.passed += 1;
  else if (state === 'skipped') counts.skipped += 1;
  else counts.failed += 1; // 'failed', or 'pending': the run ended before it did.
}
