// Reads pipelines and what belongs to them, and shows it: shared by `pipeline …` and `fetch`.

import type { Context } from '../context.ts';
import { pipelineListView, pipelineView, type ListedPipeline } from '../views/pipeline-views.ts';

/** Enough to see how a pipeline has been doing. */
const RECENT_RUNS = 5;

/** Calls at the same time: a namespace with thousands of pipelines must not flood the server. */
const CALLS_MAX = 8;

export async function showPipelines({ client, settings, show }: Context): Promise<void> {
  const { namespace: namespaceId } = settings;
  const { pipelines } = await client.listPipelines({ namespaceId });
  if (settings.outputFormat !== 'plain') {
    show({ json: { pipelines }, text: () => '' });
    return;
  }
  const listed: ListedPipeline[] = [];
  for (let start = 0; start < pipelines.length; start += CALLS_MAX) {
    const some = pipelines.slice(start, start + CALLS_MAX).map(async (pipeline) => {
      const of = { namespaceId, pipelineId: pipeline.pipeline_id };
      const { runs } = await client.listRuns({ ...of, limit: 1, reverse: true });
      return { pipeline, lastRun: runs[0]?.started ?? 0 };
    });
    listed.push(...(await Promise.all(some)));
  }
  show({ json: { pipelines }, text: pipelineListView(listed) });
}

export async function showPipeline({ client, settings, show }: Context, pipelineId: string): Promise<void> {
  const of = { namespaceId: settings.namespace, pipelineId };
  const [{ pipeline }, { config }, { runs }] = await Promise.all([
    client.getPipeline(of),
    client.getConfig({ ...of, version: 0 }),
    client.listRuns({ ...of, limit: RECENT_RUNS, reverse: true }),
  ]);
  show({ json: { pipeline, config, runs }, text: pipelineView({ pipeline, config, runs }) });
}
