#!/usr/bin/env node
import { join } from 'node:path';

/**
 * The operator's tool as a command of this repository: `npx voucherify-erasure-ops`. npm links the executables of a workspace
 * and puts the Node.js of the repository first in their PATH. The tool takes its name from the script that runs.
 */
process.argv[1] = join(import.meta.dirname, '../../ops/ops.ts');
await import('../../ops/ops.ts');
