// Tasks share no disk: what one makes for another goes through the object store. A small object can be received as a variable;
// a large one is fetched, as `measure` does.

import { pipeline, runObject, task } from 'gofer/sdk';
import { getRunObject, putRunObject } from './run-objects.ts';

const make = task('make', 'node:22-alpine')
  .injectApiToken()
  .command(
    'node',
    '--input-type=module',
    '-e',
    `${putRunObject} await putRunObject('greeting', 'made by the first task');`,
  );

pipeline('objects', 'Objects between tasks')
  .tasks(
    make,
    task('read', 'alpine:3.22')
      .dependsOn(make, 'success')
      .variable('GREETING', runObject('greeting'))
      .command('sh', '-c', 'echo "received: $GREETING"'),
    task('measure', 'node:22-alpine')
      .dependsOn(make, 'success')
      .injectApiToken()
      .command(
        'node',
        '--input-type=module',
        '-e',
        `${getRunObject} console.log('bytes:', (await getRunObject('greeting')).byteLength);`,
      ),
  )
  .finish();
