// A task can wait for its parent's success, for its failure, or for its end, whatever that was. Here the parent fails on
// purpose: `celebrate` is skipped, `repair` and `report` run, and the run as a whole ends as failed.

import { pipeline, task } from 'gofer/sdk';

const risky = task('risky', 'alpine:3.22').command('sh', '-c', 'echo "this goes wrong"; exit 3');

pipeline('dependencies', 'Kinds of dependency')
  .tasks(
    risky,
    task('celebrate', 'alpine:3.22').command('echo', 'it worked').dependsOn(risky, 'success'),
    task('repair', 'alpine:3.22').command('echo', 'cleaning up').dependsOn(risky, 'failure'),
    task('report', 'alpine:3.22').command('echo', 'risky has ended').dependsOn(risky, 'any'),
  )
  .finish();
