// `gofer pipeline …`

import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { done } from '../context.ts';
import { action, leaf, type Host } from '../host.ts';
import { versionNumber, wholeNumber } from '../parse-arguments.ts';
import { showPipeline, showPipelines } from '../show/pipelines.ts';
import { configListView, configView, deploymentListView, deploymentView } from '../views/pipeline-views.ts';
import { defineObjects, pipelineObjects } from './object.ts';
import { defineStart } from './run-start.ts';

export function definePipeline(family: Command, host: Host): void {
  leaf(family, {
    usage: 'list',
    summary: 'List the pipelines of the namespace',
    examples: ['gofer pipeline list'],
  }).action(action(host, (context) => showPipelines(context)));
  leaf(family, {
    usage: 'get <pipeline>',
    summary: 'Show a pipeline, its tasks and its last runs',
    examples: ['gofer pipeline get hello'],
  }).action(action(host, showPipeline));
  defineStart(family, host, {
    usage: 'run <pipeline>',
    summary: 'Start a run: the same as run start',
    examples: ['gofer pipeline run hello --variable WHO=world'],
  });
  defineStates(family, host);
  defineConfigs(family.command('config').description('The versions of a pipeline'), host);
  defineDeployments(family.command('deployment').description('Which version was deployed when'), host);
  defineObjects(family.command('object').description('Objects that runs of a pipeline share'), host, pipelineObjects);
}

function defineStates(family: Command, host: Host): void {
  const states = [
    { verb: 'enable', state: 'active', said: 'Enabled', summary: 'Let new runs of a pipeline be started again' },
    { verb: 'disable', state: 'disabled', said: 'Disabled', summary: 'Refuse new runs of a pipeline' },
  ] as const;
  for (const { verb, state, said, summary } of states) {
    leaf(family, { usage: `${verb} <pipeline>`, summary, examples: [`gofer pipeline ${verb} hello`] }).action(
      action(host, async ({ client, settings, show }, pipelineId: string) => {
        await client.updatePipeline({ namespaceId: settings.namespace, pipelineId, state });
        show(done({ pipeline: { pipeline_id: pipelineId, state } }, `${said} pipeline [${pipelineId}]`));
      }),
    );
  }
  leaf(family, {
    usage: 'delete <pipeline>',
    summary: 'Delete a pipeline with its runs, logs, objects and secrets',
    examples: ['gofer pipeline delete hello'],
  }).action(
    action(host, async ({ client, settings, show }, pipelineId: string) => {
      await client.deletePipeline({ namespaceId: settings.namespace, pipelineId });
      show(done({ deleted: { pipeline_id: pipelineId } }, `Deleted pipeline [${pipelineId}]`));
    }),
  );
}

function defineConfigs(parent: Command, host: Host): void {
  leaf(parent, {
    usage: 'list <pipeline>',
    summary: 'List the versions of a pipeline',
    examples: ['gofer pipeline config list hello'],
  }).action(
    action(host, async (context, pipelineId: string) => {
      const { configs } = await context.client.listConfigs(pipelineOf(context, pipelineId));
      context.show({ json: { configs }, text: configListView(configs) });
    }),
  );
  leaf(parent, {
    usage: 'get <pipeline> [version]',
    summary: 'Show a version; without one, the newest',
    examples: ['gofer pipeline config get hello 3', 'gofer pipeline config get hello --json'],
  }).action(
    action(host, async (context, pipelineId: string, version: string | undefined) => {
      const place = { ...pipelineOf(context, pipelineId), version: versionNumber(version ?? 'latest') };
      const { config } = await context.client.getConfig(place);
      context.show({ json: { config }, text: configView(config) });
    }),
  );
  leaf(parent, {
    usage: 'deploy <pipeline> <version>',
    summary: 'Let new runs use a version; an older one to roll back',
    examples: ['gofer pipeline config deploy hello 2'],
  }).action(
    action(host, async (context, pipelineId: string, version: string) => {
      const place = { ...pipelineOf(context, pipelineId), version: versionNumber(version) };
      const { deployment } = await context.client.deployConfig(place);
      context.show(done({ deployment }, `Deployed [${pipelineId}] v${deployment.end_version}`));
    }),
  );
  leaf(parent, {
    usage: 'delete <pipeline> <version>',
    summary: 'Delete a version that is not live',
    examples: ['gofer pipeline config delete hello 1'],
  }).action(
    action(host, async (context, pipelineId: string, text: string) => {
      const version = versionNumber(text);
      await context.client.deleteConfig({ ...pipelineOf(context, pipelineId), version });
      context.show(done({ deleted: { pipeline_id: pipelineId, version } }, `Deleted [${pipelineId}] v${version}`));
    }),
  );
}

function defineDeployments(parent: Command, host: Host): void {
  leaf(parent, {
    usage: 'list <pipeline>',
    summary: 'List the deployments of a pipeline',
    examples: ['gofer pipeline deployment list hello'],
  }).action(
    action(host, async (context, pipelineId: string) => {
      const { deployments } = await context.client.listDeployments(pipelineOf(context, pipelineId));
      context.show({ json: { deployments }, text: deploymentListView(deployments) });
    }),
  );
  leaf(parent, {
    usage: 'get <pipeline> <deployment>',
    summary: 'Show a deployment',
    examples: ['gofer pipeline deployment get hello 1'],
  }).action(
    action(host, async (context, pipelineId: string, text: string) => {
      const deploymentId = wholeNumber('deployment', text.replace(/^#/, ''), 1);
      const { deployment } = await context.client.getDeployment({ ...pipelineOf(context, pipelineId), deploymentId });
      context.show({ json: { deployment }, text: deploymentView(deployment) });
    }),
  );
}

function pipelineOf({ settings }: Context, pipelineId: string) {
  return { namespaceId: settings.namespace, pipelineId };
}
