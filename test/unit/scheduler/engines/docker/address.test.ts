import { describe, expect, test } from 'vitest';
import {
  addressOrigin,
  addressScope,
  addressText,
  parseDockerHost,
} from '../../../../../scheduler/engines/docker/address.ts';

const TLS = { ca: 'a', cert: 'b', key: 'c' };

describe('docker address', () => {
  test.each([
    ['unix:///var/run/docker.sock', 'http://docker', 'local'],
    ['tcp://10.0.0.5:2375', 'http://10.0.0.5:2375', 'shared'],
    ['tcp://docker.example.com', 'http://docker.example.com:2375', 'shared'],
    ['http://localhost:99', 'http://localhost:99', 'local'],
    ['tcp://127.0.0.1:2375/', 'http://127.0.0.1:2375', 'local'],
    ['tcp://[::1]:2375', 'http://[::1]:2375', 'local'],
    ['tcp://[fd00::7]:2375', 'http://[fd00::7]:2375', 'shared'],
  ])('%s is called at %s and is %s', (text, origin, scope) => {
    const address = parseDockerHost(text);
    expect([addressOrigin(address), addressScope(address)]).toEqual([origin, scope]);
  });

  test('with TLS the default port and the scheme change', () => {
    const address = parseDockerHost('tcp://docker.example.com', TLS);
    expect([addressOrigin(address), addressText(address)]).toEqual([
      'https://docker.example.com:2376',
      'tcp://docker.example.com:2376',
    ]);
  });

  test.each([
    '',
    'unix://',
    'unix://relative.sock',
    'tcp://',
    'tcp://host:0',
    'tcp://host:70000',
    'ssh://host',
    'tcp://a b',
  ])('%j is refused and named', (text) =>
    expect(() => parseDockerHost(text)).toThrow(expect.objectContaining({ code: 'invalid' })),
  );
});
