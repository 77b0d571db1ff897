// The Docker engine keeps the promises of the engine port, on a real daemon.

import { describeEngine } from '../conformance/engine-suite.ts';
import { dockerWorld } from './docker-world.ts';

describeEngine('docker', dockerWorld);
