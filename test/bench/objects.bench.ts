// How fast the object store on a directory takes blobs, beside what the disk itself does with the least that is durable:
// create, write, datasync, rename.

import { mkdtemp, open, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFilesStore } from '../../store/objects/files/files-store.ts';
import type { ObjectStore } from '../../store/objects/port.ts';
import type { BenchRow } from './bench-row.ts';

const MIB = 1024 * 1024;
/** A short task's log. */
const SMALL = Buffer.alloc(2_000, 'a line of a log\n');
/** As many as a busy archiver has in flight. */
const LANES = 16;

interface Sizes {
  readonly smallBlobs: number;
  readonly largeMib: number;
}

export async function objectsBench({ smoke }: { readonly smoke: boolean }): Promise<BenchRow[]> {
  const sizes = smoke ? { smallBlobs: 100, largeMib: 8 } : { smallBlobs: 4_000, largeMib: 512 };
  const directory = await mkdtemp(join(tmpdir(), 'gofer-bench-'));
  const store = await openFilesStore({ directory });
  try {
    return [
      await smallBlobs(store, directory, sizes),
      await smallReads(store, sizes),
      ...(await largeBlob(store, sizes)),
    ];
  } finally {
    await store.close();
    await rm(directory, { recursive: true });
  }
}

/** Each under a run of its own, as logs are: a new directory for every blob. */
const smallName = (number: number) => `log/default/bench/${number}/task`;

async function smallBlobs(store: ObjectStore, directory: string, { smallBlobs }: Sizes): Promise<BenchRow> {
  const raw = await perSecond(smallBlobs, async (number) => {
    const temporary = join(directory, `raw-${number}`);
    const file = await open(temporary, 'wx');
    await file.write(SMALL);
    await file.datasync();
    await file.close();
    await rename(temporary, join(directory, `raw-done-${number}`));
  });
  const ours = await perSecond(smallBlobs, (number) => store.put(smallName(number), once(SMALL)));
  return {
    name: `objects: puts of 2 kB in new directories, ${LANES} at once`,
    figure: `${ours}/s`,
    budget: '>= 400/s',
    raw: `${raw}/s file + datasync + rename`,
  };
}

async function smallReads(store: ObjectStore, { smallBlobs }: Sizes): Promise<BenchRow> {
  const figure = await perSecond(smallBlobs, async (number) => drain((await store.open(smallName(number))).body));
  return { name: `objects: reads of 2 kB, ${LANES} at once`, figure: `${figure}/s` };
}

async function largeBlob(store: ObjectStore, { largeMib }: Sizes): Promise<BenchRow[]> {
  const before = process.memoryUsage().rss;
  let peak = before;
  async function* body(): AsyncGenerator<Uint8Array> {
    for (let sent = 0; sent < largeMib; sent += 1) {
      peak = Math.max(peak, process.memoryUsage().rss);
      yield Buffer.alloc(MIB, sent);
    }
  }
  const write = await mibPerSecond(largeMib, async () => void (await store.put('large', body())));
  const read = await mibPerSecond(largeMib, async () => drain((await store.open('large')).body));
  return [
    {
      name: `objects: put of ${largeMib} MiB`,
      figure: `${write} MiB/s, memory +${Math.round((peak - before) / MIB)} MiB`,
      budget: 'memory flat',
    },
    { name: `objects: read of ${largeMib} MiB`, figure: `${read} MiB/s` },
  ];
}

async function perSecond(count: number, work: (number: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const start = performance.now();
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return Math.round((count / (performance.now() - start)) * 1000);
}

async function mibPerSecond(mib: number, work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return Math.round((mib / (performance.now() - start)) * 1000);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function drain(body: AsyncIterable<Uint8Array>): Promise<void> {
  let read = 0;
  for await (const part of body) read += part.length;
  if (read === 0) throw new Error('nothing was read');
}
