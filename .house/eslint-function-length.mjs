// ESLint rule: a function has at most `max` lines. A function that holds tests is exempt, since it is a table of
// contents (`describe`, a conformance suite) and the file limit bounds it; the tests in it are not.

const TEST_CALLS = new Set(['test', 'it', 'describe']);

/** @type {import('eslint').Rule.RuleModule} */
export const functionLength = {
  meta: {
    type: 'suggestion',
    schema: [{ type: 'object', properties: { max: { type: 'integer' } }, additionalProperties: false }],
    messages: { tooLong: 'This function has {{lines}} lines; at most {{max}} are allowed.' },
  },
  create(context) {
    const { max } = context.options[0];
    /** One entry for each function around the current node: whether a test was declared inside it. */
    const holdsTests = [];
    const enter = () => holdsTests.push(false);
    const leave = (node) => {
      if (holdsTests.pop()) return;
      const lines = node.loc.end.line - node.loc.start.line + 1;
      if (lines > max) context.report({ node, messageId: 'tooLong', data: { lines, max } });
    };
    return {
      FunctionDeclaration: enter,
      FunctionExpression: enter,
      ArrowFunctionExpression: enter,
      CallExpression(node) {
        if (TEST_CALLS.has(rootName(node.callee))) holdsTests.fill(true);
      },
      'FunctionDeclaration:exit': leave,
      'FunctionExpression:exit': leave,
      'ArrowFunctionExpression:exit': leave,
    };
  },
};

/** `test` of `test`, `test.each(table)` and `describe.skipIf(no)`. */
function rootName(callee) {
  if (callee.type === 'Identifier') return callee.name;
  if (callee.type === 'MemberExpression') return rootName(callee.object);
  if (callee.type === 'CallExpression') return rootName(callee.callee);
  return '';
}
