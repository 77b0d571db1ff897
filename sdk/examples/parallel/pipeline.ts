// Tasks without a dependency between them run side by side. Here three parts are made at once, and joined when all are there.

import { pipeline, task } from 'gofer/sdk';

const plan = task('plan', 'alpine:3.22').command('echo', 'three parts to make');

const parts = ['roof', 'walls', 'floor'].map((part) =>
  task(part, 'alpine:3.22').command('echo', `made the ${part}`).dependsOn(plan, 'success'),
);

const join = task('join', 'alpine:3.22').command('echo', 'all parts are there');
for (const part of parts) join.dependsOn(part, 'success');

pipeline('parallel', 'Parallel tasks')
  .description('A diamond: one task, three at once, one that joins them.')
  .tasks(plan, ...parts, join)
  .finish();
