// The pipeline builder: the document that it prints, and the mistakes that it names.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { configProblems } from '../../../api/operations/config-validation.ts';
import {
  globalSecret,
  pipeline,
  PipelineError,
  pipelineObject,
  pipelineSecret,
  runObject,
  task,
  type Duration,
  type ParentRule,
} from '../../../sdk/index.ts';
import * as sdkRules from '../../../sdk/rules.ts';
import { isIdentifier, isTaskId } from '../../../store/model/ids.ts';

describe('document', () => {
  test('document: every property is there, null when it was not set', () => {
    expect(JSON.parse(JSON.stringify(pipeline('simple', 'Simple').tasks(task('one', 'alpine'))))).toEqual({
      id: 'simple',
      name: 'Simple',
      description: null,
      parallelism: 0,
      tasks: [
        {
          id: 'one',
          description: null,
          image: 'alpine',
          registry_auth: null,
          depends_on: {},
          variables: {},
          entrypoint: null,
          command: null,
          inject_api_token: false,
          always_pull_newest_image: false,
        },
      ],
    });
  });

  test('document: everything that was set is in it, in the words of the wire', () => {
    const full = task('two', 'registry.example.com/two:1')
      .description('second')
      .registryAuth('me', 'secret')
      .dependsOn(task('one', 'alpine'), 'success')
      .dependsOnMany({ left: 'any', right: 'failure' })
      .variable('PASSWORD', pipelineSecret('password'))
      .variables({ A: '1', B: '2' })
      .entrypoint('/bin/sh', '-c')
      .command('echo', 'a b')
      .injectApiToken()
      .alwaysPullNewestImage()
      .retries(3, { backoff: '2s', maxBackoff: '1m', onLost: true })
      .timeout('2h')
      .resources({ cpuMillicores: 500, memoryMib: 64 });
    expect(full.toJSON()).toEqual({
      id: 'two',
      description: 'second',
      image: 'registry.example.com/two:1',
      registry_auth: { user: 'me', pass: 'secret' },
      depends_on: { one: 'Success', left: 'Any', right: 'Failure' },
      variables: { PASSWORD: 'pipeline_secret{{password}}', A: '1', B: '2' },
      entrypoint: ['/bin/sh', '-c'],
      command: ['echo', 'a b'],
      inject_api_token: true,
      always_pull_newest_image: true,
      retries: { limit: 3, backoff_seconds: 2, max_backoff_seconds: 60, on_lost: true },
      timeout_seconds: 7_200,
      resources: { cpu_millicores: 500, memory_mib: 64 },
    });
  });

  test.each<[Duration, number]>([
    [90, 90],
    ['250ms', 0.25],
    ['90s', 90],
    ['1.5m', 90],
    ['2h', 7_200],
  ])('durations: %j is %d seconds', (duration, seconds) => {
    expect(task('one', 'i').timeout(duration).toJSON().timeout_seconds).toBe(seconds);
  });

  test.each([
    ['bash unless told otherwise', task('one', 'i').script('\n  echo hi\n'), ['bash', '-c', 'echo hi']],
    ['another shell', task('one', 'i').script('echo hi', { shell: 'sh' }), ['sh', '-c', 'echo hi']],
  ])('script: %s', (_name, made, command) => {
    expect(made.toJSON().command).toEqual(command);
  });

  test('placeholders: kind and key without spaces', () => {
    expect([pipelineSecret('a'), globalSecret('b'), pipelineObject('c'), runObject('d')]).toEqual([
      'pipeline_secret{{a}}',
      'global_secret{{b}}',
      'pipeline_object{{c}}',
      'run_object{{d}}',
    ]);
  });

  test.each([[''], [' '], ['a}}b']])('placeholders: the key %j is refused', (key) => {
    expect(() => runObject(key)).toThrow(/cannot be a key/);
  });
});

describe('mistakes', () => {
  const one = () => task('one', 'alpine');
  const circle = [
    task('a', 'i').dependsOn('c', 'any'),
    task('b', 'i').dependsOn('a', 'any'),
    task('c', 'i').dependsOn('b', 'any'),
  ];

  test.each([
    ['a bad pipeline id', pipeline('x', 'X'), /pipeline's id is not valid; expected 3 to 32 characters/],
    ['a bad task id', pipeline('good', 'X').tasks(task('-a', 'i')), /task "-a": the id is not valid/],
    ['an empty image', pipeline('good', 'X').tasks(task('one', ' ')), /task "one": the image must not be empty/],
    ['a task twice', pipeline('good', 'X').tasks(one(), one()), /two tasks are called "one"/],
    [
      'an unknown parent, with the nearest name',
      pipeline('good', 'X').tasks(task('build', 'i'), one().dependsOn('biuld', 'any')),
      /task "one" depends on "biuld", which is no task of this pipeline \(did you mean "build"\?\)/,
    ],
    ['a task that waits for itself', pipeline('good', 'X').tasks(one().dependsOn('one', 'any')), /circle: one -> one/],
    ['a circle', pipeline('good', 'X').tasks(...circle), /circle: a -> c -> b -> a/],
    ['parallelism below zero', pipeline('good', 'X').parallelism(-1), /parallelism: -1 is not valid/],
    ['part of a retry', pipeline('good', 'X').tasks(one().retries(1.5)), /task "one": retries: 1.5 is not valid/],
    ['time that runs back', pipeline('good', 'X').timeout(-1), /timeout: -1 is not valid; expected seconds from 0/],
    ['a variable with =', pipeline('good', 'X').tasks(one().variable('A=B', '')), /task "one": variable "A=B"/],
    ['memory below zero', pipeline('good', 'X').tasks(one().resources({ memoryMib: -1 })), /resources: memoryMib -1/],
  ])('mistakes: %s', (_name, made, message) => {
    expect(() => made.validate()).toThrow(message);
  });

  test('mistakes: JavaScript that ignores the types is told what was wrong', () => {
    const wrong = task('one', 'i');
    Reflect.apply(wrong.dependsOn, wrong, ['two', 'sucess']);
    expect(wrong.problems()).toEqual([
      'task "one": dependsOn: "sucess" is no rule; expected "any", "success" or "failure"',
    ]);
  });

  test('mistakes: all of them at once', () => {
    const made = pipeline('!', 'X').tasks(task('!', 'i'), task('!', 'i'));
    expect(made.problems()).toHaveLength(4);
    expect(() => made.validate()).toThrow(PipelineError);
  });

  test('mistakes: a chain of 10,000 tasks is none', () => {
    const chain = Array.from({ length: 10_000 }, (_, index) => {
      const link = task(`t${index}`, 'i');
      return index === 0 ? link : link.dependsOn(`t${index - 1}`, 'success');
    });
    expect(
      pipeline('chain', 'Chain')
        .tasks(...chain.reverse())
        .problems(),
    ).toEqual([]);
  });
});

describe('agreement with the server', () => {
  test.each([
    ['pipeline id', sdkRules.isIdentifier, isIdentifier],
    ['task id', sdkRules.isTaskId, isTaskId],
  ])('agreement: %s', (_name, ours, theirs) => {
    const almostIds = fc.stringMatching(/^[A-Za-z0-9_.\- ]{0,66}$/);
    fc.assert(fc.property(fc.oneof(almostIds, fc.string({ maxLength: 70 })), (text) => ours(text) === theirs(text)));
  });

  test('agreement: on graphs of every kind', () => {
    const ids = fc.constantFrom('a', 'b', 'c', 'd', 'e', '-', '');
    const rules = fc.constantFrom<ParentRule>('any', 'success', 'failure');
    const aTask = fc
      .record({ id: ids, image: fc.constantFrom('i', 'j', ' '), parents: fc.dictionary(ids, rules, { maxKeys: 2 }) })
      .map(({ id, image, parents }) => task(id, image).dependsOnMany(parents));
    const aPipeline = fc
      .record({
        id: fc.constantFrom('good', 'no'),
        parallelism: fc.integer({ min: -1, max: 3 }),
        tasks: fc.array(aTask, { maxLength: 5 }),
      })
      .map(({ id, parallelism, tasks }) =>
        pipeline(id, 'X')
          .parallelism(parallelism)
          .tasks(...tasks),
      );
    fc.assert(
      fc.property(aPipeline, (made) => (made.problems().length === 0) === (configProblems(made.toJSON()).length === 0)),
      { numRuns: 2_000 },
    );
  });
});
