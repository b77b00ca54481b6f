import { pepperName } from '../../../lambda/domain/names.ts';
import { secretNames } from '../../stack/names.ts';
import { OpsUsageError, type ParsedArgs } from '../args.ts';
import type { Command } from '../command.ts';
import type { OpsContext } from '../context.ts';
import { formatResult, sandboxFix } from '../doctor/check.ts';
import { checkSecret, secretLabel } from '../doctor/secret-checks.ts';
import type { Output } from '../terminal.ts';
import { readNewSecret } from './read-secret.ts';

export const secretCommand: Command = {
  summary: 'set a secret without a file, or check all of them',
  options: { rotate: { type: 'boolean' }, 'end-rotation': { type: 'boolean' } },
  help: `npm run ops -- secret set NAME [--rotate | --end-rotation]
npm run ops -- secret check [NAME ...]

set asks for the values of a secret on the terminal, which does not show them.
Otherwise it reads standard input: one value, or the whole secret as JSON. It
writes no file, prints no value, and stores nothing that the functions would
reject. A running function reads the new values within six minutes.
check says whether each secret is filled in and valid, and prints no value.
Exit code 1 if one is not.

NAME is a name of the settings: voucherify/PROJECT, platform/NAME or
events/PROJECT; only the last part, if one secret has it. The pepper cannot be
set: receipts can only be found with it.

  --rotate        keep the stored value as "previous", which is accepted too
                  until --end-rotation (RUNBOOK.md#rotating-a-platforms-secret)
  --end-rotation  accept only the current value from now on; asks nothing

  npm run ops -- secret set voucherify/main
  npm run ops -- secret set platform/ketch --rotate
  pass show ketch | npm run -s ops -- secret set platform/ketch
  npm run ops -- secret check
`,
  showsIdentity: true,
  run: (args, context, output) => {
    const [action, ...names] = args.positionals;
    if (action === 'check') return checkSecrets(names, context, output);
    const [name, ...others] = names;
    if (action !== 'set' || name === undefined || others.length > 0)
      throw new OpsUsageError('secret: must be followed by set NAME, or by check');
    return setSecret(resolveName(name, context), args, context, output);
  },
};

/** Returns the logical name of a secret that the settings require. Throws {@link OpsUsageError} for any other. */
function resolveName(text: string, { settings }: OpsContext): string {
  const names = secretNames(settings);
  const matching = names.filter(name => name === `erasure/${text}` || name === text || name.split('/').at(-1) === text);
  const [name] = matching;
  if (name !== undefined && matching.length === 1) return name;
  const known = names.filter(one => one !== pepperName).map(one => one.replace('erasure/', ''));
  throw new OpsUsageError(`secret: must be one of ${known.join(', ')}`);
}

async function setSecret(name: string, args: ParsedArgs, context: OpsContext, output: Output): Promise<number> {
  if (name === pepperName)
    throw new OpsUsageError('secret: the pepper cannot be set: no receipt could be found with it');
  const { writeSecret, local } = context;
  if (writeSecret === undefined) {
    const fix = local && `. If Voucherify rejects the key: ${sandboxFix(local)}`;
    throw new OpsUsageError(`secret set: npm start has fixed secrets of its own${fix ?? ''}`);
  }
  const rotation = args.isSet('rotate') ? 'begin' : args.isSet('end-rotation') ? 'end' : undefined;
  const text = await readNewSecret({ name, rotation }, context);
  const problem = (await checkSecret(name, text, context)).find(({ grade }) => grade === 'bad');
  if (problem !== undefined) throw new OpsUsageError(`not stored: ${problem.message}`);
  await writeSecret(name, text);
  const label = secretLabel(name, context);
  if (output.json) output.printJson({ secret: label, stored: true });
  else output.print(`${label}: stored; a running function reads it within six minutes`);
  return 0;
}

async function checkSecrets(names: readonly string[], context: OpsContext, output: Output): Promise<number> {
  const all = names.length === 0 ? secretNames(context.settings) : names.map(name => resolveName(name, context));
  const found = (await Promise.all(all.map(name => checkSecret(name, undefined, context)))).flat();
  if (output.json) output.printJson(found);
  else for (const result of found) output.print(formatResult(result), 2);
  return found.some(({ grade }) => grade === 'bad') ? 1 : 0;
}
