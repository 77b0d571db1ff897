// A task may be given a share of the machine. Engines without such limits (process) leave them aside.

import { pipeline, task } from 'gofer/sdk';

pipeline('resources', 'Resources')
  .parallelism(2)
  .tasks(
    task('modest', 'alpine:3.22')
      .description('Half a core and 64 MiB are enough.')
      .resources({ cpuMillicores: 500, memoryMib: 64 })
      .command('echo', 'enough for me'),
  )
  .finish();
