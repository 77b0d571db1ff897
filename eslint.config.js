// Lint rules of the house. The canary in .house/canary/lint proves on every `npm run check` that they still bite.

import tseslint from 'typescript-eslint';
import { functionLength } from './.house/eslint-function-length.mjs';

/** Rooms that decide and do not act: same input, same answer. The globs also match the canary's copy of the folders. */
const PURE = [
  '**/store/model/**/*.ts',
  '**/scheduler/plan/**/*.ts',
  '**/extensions/supervise.ts',
  '**/chaos/checks/**/*.ts',
  '**/*-status.ts',
];

const IMPURE_GLOBALS = ['process', 'console', 'fetch', 'crypto', 'performance', 'Promise', 'queueMicrotask'].concat([
  'setTimeout',
  'setInterval',
  'setImmediate',
]);

const PURE_WHY = 'This room is pure: time and chance come in as parameters, effects go out as data.';

/** Where text and bytes from outside become types: the only places that may assert one. */
const PARSERS = [
  'store/codec.ts',
  'store/keys.ts',
  'store/records/**/*.ts',
  'store/model/{ids,event}.ts',
  '**/*parse*.ts',
  '**/*codec*.ts',
];

/** Programs that talk to a terminal. */
const TALKERS = ['cmd/cli/**/*.ts', 'test/bench/**/*.ts', 'sdk/examples/**/*.ts'];

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', 'api/gen/', '**/node_modules/', '.house/canary/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { house: { rules: { 'function-length': functionLength } } },
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false }],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { allowDefaultCaseForExhaustiveSwitch: false, considerDefaultExhaustiveForUnions: false },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // A port's method returns a promise in every backend, also in those that have nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      'max-params': ['error', 4],
      'max-depth': ['error', 3],
      'max-lines': ['error', 400],
      'house/function-length': ['error', { max: 70 }],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  {
    files: PURE,
    rules: {
      'no-restricted-globals': ['error', ...IMPURE_GLOBALS.map((name) => ({ name, message: PURE_WHY }))],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: PURE_WHY },
        { object: 'Math', property: 'random', message: PURE_WHY },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: ':function[async=true]', message: PURE_WHY },
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: PURE_WHY },
      ],
    },
  },
  {
    ignores: [...PARSERS, 'test/**/*.ts'],
    files: ['**/*.ts'],
    rules: { '@typescript-eslint/consistent-type-assertions': ['error', { assertionStyle: 'never' }] },
  },
  {
    files: TALKERS,
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // `expect(engine.submit).not.toHaveBeenCalled()` takes the method without calling it.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    extends: [tseslint.configs.base],
    plugins: { house: { rules: { 'function-length': functionLength } } },
    rules: {
      'max-params': ['error', 4],
      'max-depth': ['error', 3],
      'max-lines': ['error', 400],
      'house/function-length': ['error', { max: 70 }],
      'no-unused-vars': 'error',
      eqeqeq: 'error',
    },
  },
);
