// The smallest pipeline: one task that prints a line.

import { pipeline, task } from 'gofer/sdk';

pipeline('hello', 'Hello').tasks(task('say-hello', 'alpine:3.22').command('echo', 'Hello from Gofer!')).finish();
