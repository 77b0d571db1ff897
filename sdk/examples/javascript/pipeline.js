// The builder needs no TypeScript. Types are still checked by editors that read JSDoc and the package's declarations.

import { pipeline, task } from 'gofer/sdk';

const first = task('first', 'alpine:3.22').command('echo', 'one');
const second = task('second', 'alpine:3.22').command('echo', 'two').dependsOn(first, 'success');

pipeline('javascript', 'Plain JavaScript').tasks(first, second).finish();
