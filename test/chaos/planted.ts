import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Defect, defects } from './support/defects.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const parts = ['lambda', 'infra', 'test', 'package.json'];

/** Plants each defect into a copy of the code and runs the small size there. Returns how many were not detected. */
export async function runPlanted(match: string): Promise<number> {
  let missed = 0;
  for (const defect of defects.filter(({ name }) => name.includes(match))) {
    const caught = await detect(defect);
    missed += caught === undefined ? 1 : 0;
    console.log(
      `${caught === undefined ? 'MISSED' : 'caught'} ${defect.name}${caught === undefined ? '' : `: ${caught}`}`,
    );
  }
  return missed;
}

/** Returns the first run that fails, with its violation. */
async function detect(defect: Defect): Promise<string | undefined> {
  const copy = mkdtempSync(join(tmpdir(), 'planted-'));
  try {
    for (const part of parts) cpSync(join(root, part), join(copy, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    for (const { file, is, becomes } of [defect, defect.also ?? []].flat()) {
      const sound = readFileSync(join(copy, file), 'utf8');
      if (!sound.includes(is)) throw new Error(`${defect.name}: ${file} has changed: update the snippet`);
      writeFileSync(
        join(copy, file),
        sound.replace(is, () => becomes),
      );
    }
    return firstFailure(await runSmall(copy, defect));
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

async function runSmall(copy: string, { fuzz, scenario }: Defect): Promise<string> {
  const only = scenario === undefined ? [] : ['--only', scenario];
  const chaos = ['test/chaos/run.ts', '--small', '--first', ...only];
  const generated = ['test/fuzz/run.ts', '--only', fuzz ?? '', '--seed', '1', '--batches', '5'];
  const child = spawn(process.execPath, fuzz === undefined ? chaos : generated, {
    cwd: copy,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return `${out}\n${errors}`;
}

function firstFailure(printed: string): string | undefined {
  const lines = printed.split('\n');
  const finding = lines.find(line => line.startsWith('FINDING '));
  if (finding !== undefined) return finding.slice('FINDING '.length);
  const failed = lines.findIndex(line => line.startsWith('FAIL '));
  if (failed !== -1) return `${lines[failed]?.replace(/ \(.*/, '').slice(5)}: ${lines[failed + 1]?.trim()}`;
  return lines.find(line => /^\w*Error: /.test(line));
}
