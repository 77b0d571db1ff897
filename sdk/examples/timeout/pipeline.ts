// A task that runs longer than its timeout is stopped and has failed; the run's own timeout bounds everything together. The run
// ends as failed, after `clean-up` has run.

import { pipeline, task } from 'gofer/sdk';

const slow = task('slow', 'alpine:3.22').command('sh', '-c', 'echo "this takes a minute"; sleep 60').timeout('1s');

pipeline('timeout', 'Timeout')
  .timeout('5m')
  .tasks(slow, task('clean-up', 'alpine:3.22').command('echo', 'slow was stopped').dependsOn(slow, 'failure'))
  .finish();
