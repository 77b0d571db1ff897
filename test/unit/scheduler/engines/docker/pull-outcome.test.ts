import { describe, expect, test } from 'vitest';
import { createPullProgress, pullFailure } from '../../../../../scheduler/engines/docker/pull-outcome.ts';

describe('a failed pull', () => {
  test.each([
    [400, 'invalid reference format: repository name must be lowercase'],
    [404, "pull access denied for nosuch/thing, repository does not exist or may require 'docker login'"],
    [404, 'manifest for busybox:nope not found: manifest unknown: manifest unknown'],
    [500, 'manifest unknown'],
    [500, 'unauthorized: incorrect username or password'],
    [500, 'Get "https://host/v2/": unauthorized: authentication required'],
    [500, 'Head "https://host/v2/x/manifests/1": no basic auth credentials'],
    [200, 'no matching manifest for linux/arm64/v8 in the manifest list entries'],
    [500, 'denied: requested access to the resource is denied'],
  ])('%d %s is final', (status, message) =>
    expect(pullFailure(status, message)).toEqual({ kind: 'final', why: message }),
  );

  test.each([
    [500, 'Get "https://registry.example/v2/": dial tcp: lookup registry.example on 10.0.0.1:53: no such host'],
    [500, 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused'],
    [500, 'net/http: TLS handshake timeout'],
    [500, 'received unexpected HTTP status: 503 Service Unavailable'],
    [500, 'toomanyrequests: You have reached your pull rate limit'],
    [200, 'unexpected EOF'],
  ])('%d %s may pass', (status, message) => expect(pullFailure(status, message).kind).toBe('passing'));
});

describe('progress of a pull', () => {
  const line = (layer: string, status: string, current = 0, total = 0) => ({
    layer,
    status,
    current,
    total,
    error: null,
  });

  test('nothing is known before the first bytes', () => {
    const progress = createPullProgress();
    progress.add(line('latest', 'Pulling from x'));
    progress.add(line('a', 'Pulling fs layer'));
    expect(progress.percent()).toBeNull();
  });

  test('layers count by their bytes, and unpacking does not count again', () => {
    const progress = createPullProgress();
    const seen = [
      line('a', 'Downloading', 50, 100),
      line('b', 'Downloading', 0, 300),
      line('a', 'Download complete'),
      line('a', 'Extracting', 5, 100),
      line('b', 'Downloading', 300, 300),
    ].map((entry) => {
      progress.add(entry);
      return progress.percent();
    });
    expect(seen).toEqual([50, 12, 25, 25, 100]);
  });
});
