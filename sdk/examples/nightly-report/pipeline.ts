// A small night's work: two tasks at the same time, a third that joins what they found into a report, and a fourth that "mails" it.
// The report is handed on as an object of the run; the password comes from a secret. `npm start` runs this one.

import { pipeline, pipelineSecret, runObject, task } from 'gofer/sdk';

/** Runs in the task: stores standard input as an object of this run, by Gofer's own API. */
const putObject = (key: string) => `
  const { GOFER_API_BASE_URL: url, GOFER_NAMESPACE: ns, GOFER_PIPELINE_ID: id, GOFER_RUN_ID: run } = process.env;
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const path = '/api/namespaces/' + ns + '/pipelines/' + id + '/runs/' + run + '/objects/${key}?force=true';
  const headers = { 'gofer-api-version': 'v0', authorization: 'Bearer ' + (process.env.GOFER_TOKEN ?? 'none') };
  const answer = await fetch(url + path, { method: 'POST', headers, body: Buffer.concat(chunks) });
  if (!answer.ok) throw new Error(answer.status + ' ' + (await answer.text()));
`;

const store = (key: string) => `node --input-type=module -e "$PUT_${key.toUpperCase()}"`;

const orders = task('count-orders', 'node:22-alpine')
  .description('Counts the orders of the day.')
  .variable('PUT_ORDERS', putObject('orders'))
  .script(`echo "counting orders" && sleep 0.3 && echo 1204 | ${store('orders')} && echo "1204 orders"`, {
    shell: 'sh',
  });

const stock = task('check-stock', 'node:22-alpine')
  .description('Looks at the stock at the same time.')
  .variable('PUT_STOCK', putObject('stock'))
  .script(`echo "checking stock" && sleep 0.2 && echo 37 | ${store('stock')} && echo "37 articles run low" >&2`, {
    shell: 'sh',
  });

const report = task('write-report', 'node:22-alpine')
  .description('Joins both into a report, and hands it on as an object.')
  .dependsOn('count-orders', 'success')
  .dependsOn('check-stock', 'success')
  .variables({ ORDERS: runObject('orders'), STOCK: runObject('stock'), PUT_REPORT: putObject('report') })
  .script(
    `echo "writing the report" && printf 'Orders: %s\\nRunning low: %s\\n' $ORDERS $STOCK | ${store('report')} && echo done`,
    { shell: 'sh' },
  );

const mail = task('mail-report', 'node:22-alpine')
  .description('Reads the report from the object and the password from the secret.')
  .dependsOn('write-report', 'success')
  .variables({ REPORT: runObject('report'), PASSWORD: pipelineSecret('mail-password') })
  .retries(2, { backoff: '1s' })
  .script('test -n "$PASSWORD" && echo "logged in with a password of ${#PASSWORD} characters" && echo "$REPORT"', {
    shell: 'sh',
  });

pipeline('nightly-report', 'Nightly report')
  .description('An example: a graph of four tasks, an object from task to task, and a secret.')
  .parallelism(2)
  .tasks(orders, stock, report, mail)
  .finish();
