// Secrets are put into the store once and named by key; the value reaches only the task that asks for it. Before the first run:
//
//   gofer secret pipeline put secrets api-password hunter2
//   gofer secret global put mail-server smtp.example.com

import { globalSecret, pipeline, pipelineSecret, task } from 'gofer/sdk';

// A task that prints a secret has told everybody who may read logs: it shows the length only.
const show = 'echo "the password has ${#API_PASSWORD} letters, mail goes through $MAIL_SERVER"';

pipeline('secrets', 'Secrets')
  .tasks(
    task('log-in', 'alpine:3.22')
      .variable('API_PASSWORD', pipelineSecret('api-password'))
      .variable('MAIL_SERVER', globalSecret('mail-server'))
      .command('sh', '-c', show),
  )
  .finish();
