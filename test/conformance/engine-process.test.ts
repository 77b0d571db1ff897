import { describeEngine } from './engine-suite.ts';
import { processWorld } from './engine-process-world.ts';

describeEngine('process', () => processWorld());
