// Where the CLI takes its settings from, and which source wins.

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DEFAULT_SETTINGS, loadSettings, type SettingsSources } from '../../../../cmd/cli/cli-settings.ts';
import { temporaryDirectory } from '../../../temporary-directory.ts';

async function aHome(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await temporaryDirectory();
  onTestFinished(() => directory[Symbol.asyncDispose]());
  const home = directory.path;
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(home, name)), { recursive: true });
    await writeFile(path.join(home, name), text);
  }
  return home;
}

const sources = (home: string, others: Partial<SettingsSources> = {}): SettingsSources => ({
  home,
  environment: {},
  options: {},
  ...others,
});

describe('precedence', () => {
  test('settings: nothing set gives the defaults', async () => {
    expect(await loadSettings(sources(await aHome({})))).toEqual(DEFAULT_SETTINGS);
  });

  test('settings: each source wins over the one before', async () => {
    const home = await aHome({
      '.gofer.toml': 'api_base_url = "http://one"\ntoken = "one"\nnamespace = "one"\ndetail = true\n',
      '.config/gofer.toml': 'token = "two"\nnamespace = "two"\n',
    });
    expect(
      await loadSettings(
        sources(home, { environment: { GOFER_NAMESPACE: 'three' }, options: { outputFormat: 'json' } }),
      ),
    ).toEqual({ apiBaseUrl: 'http://one', token: 'two', namespace: 'three', detail: true, outputFormat: 'json' });
  });

  test('settings: options win over the environment, and undefined ones do not', async () => {
    const environment = { GOFER_NAMESPACE: 'env', GOFER_TOKEN: 'env' };
    const options = { namespace: 'option', token: undefined };
    const settings = await loadSettings(sources(await aHome({}), { environment, options }));
    expect([settings.namespace, settings.token]).toEqual(['option', 'env']);
  });

  test('settings: an empty variable counts as unset', async () => {
    const environment = { GOFER_API_BASE_URL: '', GOFER_DETAIL: '' };
    expect(await loadSettings(sources(await aHome({}), { environment }))).toEqual(DEFAULT_SETTINGS);
  });
});

describe('mistakes', () => {
  test.each([
    ['TOML that does not parse', { '.gofer.toml': 'token = ' }, {}, /\.gofer\.toml is not valid/],
    ['a wrong type', { '.gofer.toml': 'token = 3' }, {}, /token in .*\.gofer\.toml: expected text/],
    ['a base URL that is none', {}, { GOFER_API_BASE_URL: 'localhost:8080' }, /"localhost:8080" is not valid/],
    ['a switch that is neither on nor off', {}, { GOFER_DETAIL: 'perhaps' }, /detail in the environment/],
    ['an unknown output format', {}, { GOFER_OUTPUT_FORMAT: 'xml' }, /expected plain, json or silent/],
  ])('settings: %s is a usage error', async (_name, files, environment, message) => {
    const home = await aHome(files);
    await expect(loadSettings(sources(home, { environment }))).rejects.toMatchObject({
      message: expect.stringMatching(message) as string,
      exitCode: 2,
    });
  });
});
