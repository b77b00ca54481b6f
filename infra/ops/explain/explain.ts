import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { failureOf } from '../../../lambda/domain/failure.ts';
import type { HttpRequest } from '../../../lambda/domain/http.ts';
import { parseJson } from '../../../lambda/io/json.ts';
import { genericSettings } from '../../../lambda/platforms/generic/settings.ts';
import { isGeneric, openPlatforms } from '../../../lambda/platforms/index.ts';
import { OpsUsageError, type ParsedArgs } from '../args.ts';
import type { Command } from '../command.ts';
import type { OpsContext } from '../context.ts';
import type { Output } from '../terminal.ts';
import { explainMessage } from './explain-message.ts';

export const explainCommand: Command = {
  summary: 'show how a message of a generic platform would be read',
  options: { body: { type: 'string' }, headers: { type: 'string' } },
  help: `npm run ops -- explain PLATFORM --body FILE [--headers FILE]

Reads a message of a generic platform as its settings say, and prints the rule
that matches, the places that are read, and the reply and callback that would
follow. Sends nothing, stores nothing, and prints no value of the message. The
signature is not checked.

  --body FILE     the message, as JSON
  --headers FILE  its headers, as a JSON object (default: JSON content type)

  npm run ops -- explain datagrail --body sample.json
`,
  run: async (args, { settings }, output) => explain(args, settings, output),
};

/** Prints the explanation. Returns exit code 0 if the message would be accepted, 1 if it would be refused. */
function explain(args: ParsedArgs, { platforms }: OpsContext['settings'], output: Output): number {
  const [name = '', ...others] = args.positionals;
  const generic = Object.keys(platforms).filter(one => one === 'generic' || isGeneric(platforms[one]));
  if (others.length > 0 || !generic.includes(name)) {
    const known = generic.length === 0 ? ', and there is none' : `: ${generic.join(', ')}`;
    throw new OpsUsageError(`PLATFORM: must be a generic platform in the settings${known}`);
  }
  const request = requestOf(args, name);
  const verdict = verdictOf(name, platforms[name], request);
  const lines = [...explainMessage(v.parse(genericSettings, platforms[name]), request), `result: ${verdict.text}`];
  if (output.json) output.printJson({ accepted: verdict.accepted, lines });
  else for (const line of lines) output.print(line);
  return verdict.accepted ? 0 : 1;
}

function requestOf(args: ParsedArgs, name: string): HttpRequest {
  const rawBody = readFile('--body', args.text('body'));
  const given = args.text('headers');
  const text = given === undefined ? '{}' : readFile('--headers', given).toString('utf8');
  const headers = v.safeParse(v.record(v.string(), v.string()), parseJson(text)?.value);
  if (!headers.success) throw new OpsUsageError('--headers: must be a JSON object of texts');
  const all = Object.entries({ 'content-type': 'application/json', ...headers.output });
  return {
    method: 'POST',
    path: `/webhooks/${name}`,
    headers: new Map(all.map(([header, value]) => [header.toLowerCase(), [value]])),
    rawBody,
  };
}

function readFile(option: string, path: string | undefined): Buffer {
  if (path === undefined) throw new OpsUsageError(`${option}: give a file`);
  try {
    return readFileSync(path);
  } catch {
    throw new OpsUsageError(`${option}: the file cannot be read`);
  }
}

/** Reads the message as the webhook does. The text contains no value of it. */
function verdictOf(name: string, section: unknown, request: HttpRequest): { accepted: boolean; text: string } {
  try {
    const parsed = openPlatforms({ [name]: section })
      .get(name)
      ?.parse(request);
    if (parsed === undefined) return { accepted: false, text: 'no such platform' };
    if (!('erase' in parsed)) return { accepted: true, text: 'test' in parsed ? 'a test' : 'ignored' };
    const unreadable = parsed.unreadable ?? [];
    const also = unreadable.length === 0 ? '' : `; unreadable: ${[...new Set(unreadable)].join(', ')}`;
    return { accepted: true, text: `${parsed.erase.length} erasure(s)${also}` };
  } catch (thrown) {
    const { status, message } = failureOf(thrown);
    return { accepted: false, text: `refused with ${status}: ${message}` };
  }
}
