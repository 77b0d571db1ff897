// A failed task can be started again, with a growing pause in between. This one fails twice on purpose; it counts its attempts in
// an object of the run, since every attempt starts with an empty directory.

import { pipeline, task } from 'gofer/sdk';

const countAndFail = `
  const { GOFER_API_BASE_URL, GOFER_NAMESPACE, GOFER_PIPELINE_ID, GOFER_RUN_ID, GOFER_TOKEN = '' } = process.env;
  const url = GOFER_API_BASE_URL.replace(/[/]+$/, '') + '/api/namespaces/' + GOFER_NAMESPACE +
    '/pipelines/' + GOFER_PIPELINE_ID + '/runs/' + GOFER_RUN_ID + '/objects/attempts';
  const headers = { 'gofer-api-version': 'v0', authorization: 'Bearer ' + GOFER_TOKEN };
  const earlier = await fetch(url, { headers });
  const attempt = earlier.ok ? Number(await earlier.text()) + 1 : 1;
  const stored = await fetch(url + '?force=true', { method: 'POST', headers, body: String(attempt) });
  if (!stored.ok) throw new Error(await stored.text());
  console.log('attempt', attempt);
  process.exit(attempt < 3 ? 1 : 0);
`;

pipeline('retries', 'Retries')
  .tasks(
    task('stubborn', 'node:22-alpine')
      .injectApiToken()
      .command('node', '--input-type=module', '-e', countAndFail)
      .retries(4, { backoff: '200ms', maxBackoff: '2s' }),
  )
  .finish();
