// A script runs in the image's shell: bash unless told otherwise. `set -eu` makes it stop at the first mistake.

import { pipeline, task } from 'gofer/sdk';

pipeline('script', 'Script')
  .tasks(
    task('count', 'alpine:3.22').script(
      `
        set -eu
        for number in 1 2 3; do
          echo "number $number"
        done
        printf 'no newline at the end'
      `,
      { shell: 'sh' },
    ),
  )
  .finish();
