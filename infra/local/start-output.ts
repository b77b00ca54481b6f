import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { styleText } from 'node:util';
import * as v from 'valibot';
import { platformSecretName } from '../../lambda/domain/names.ts';
import { parseJson } from '../../lambda/io/json.ts';
import { embeddedSecretTexts } from './embedded-secrets.ts';
import { messageSourceOf, type PlatformMessage } from './page/platform-messages.ts';
import type { LocalRun } from './run.ts';

/**
 * Returns what `npm start` prints: where everything is, in 80 columns. Writes a request for curl to the data folder, so
 * that the printed command is short and the same in every shell.
 */
export function announcement(run: Pick<LocalRun, 'url' | 'sandboxUrl' | 'services'>, data: string): readonly string[] {
  const { url, sandboxUrl, services } = run;
  const [first, ...others] = Object.keys(services.settings.platforms).map(name => `${url}/webhooks/${name}`);
  const curl = sandboxUrl === undefined ? undefined : curlCommand(run, data);
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['page', sandboxUrl === undefined ? undefined : `${url}/`],
    ['webhooks', first],
    ...others.map(other => ['', other] as const),
    ['sandbox', sandboxUrl === undefined ? undefined : `${sandboxUrl}/sandbox/customers`],
    ['try it', curl],
    [
      'receipts',
      data === ':memory:' ? undefined : `npm run ops -- list --local${data === '.data' ? '' : ', with this DATA_DIR'}`,
    ],
    ['clock', clockText(services.now())],
    ['data', data === ':memory:' ? 'in memory, gone at the end' : `${data}: delete this folder to start again`],
    ['stop', 'Ctrl+C'],
  ];
  const lines = rows.flatMap(([name, text]) => (text === undefined ? [] : [`  ${name.padEnd(9)} ${text}`]));
  const sandbox = sandboxUrl === undefined ? [] : [`sandbox Voucherify ${sandboxUrl}`];
  return [...sandbox, '', ...lines, '', `ready ${url}`];
}

/** A moved clock is easily forgotten: requests with today's date are then rejected. */
function clockText(now: number): string | undefined {
  const isMoved = Math.abs(now - Date.now()) > 1000;
  return isMoved ? `${new Date(now).toISOString().slice(0, 19)}Z, which is not the time of this machine` : undefined;
}

/** Returns a curl command that sends an erasure request; undefined if the folder or the settings do not allow one. */
function curlCommand(
  { url, sandboxUrl, services }: Parameters<typeof announcement>[0],
  data: string,
): string | undefined {
  const { settings, now } = services;
  // Neither of these signs the time, so the file stays valid.
  const platform = ['ketch', 'shopify'].find(name => Object.hasOwn(settings.platforms, name));
  if (platform === undefined || data === ':memory:') return undefined;
  const secretText = embeddedSecretTexts(settings)[platformSecretName(platform)] ?? '';
  const context = { now: now(), secretText, callbackUrl: `${sandboxUrl}/sandbox/callbacks` };
  const person = { source_id: 'crm-10042', email: 'ada@example.com' };
  const message = messageSourceOf(platform, settings.platforms[platform])?.build(person, context);
  if (message === undefined) return undefined;
  const file = join(data, `${platform}.curl`);
  try {
    writeFileSync(file, curlConfig(`${url}/webhooks/${platform}`, message));
  } catch {
    return undefined;
  }
  // In PowerShell, curl is another command.
  const curl = process.platform === 'win32' ? 'curl.exe' : 'curl';
  return `${curl} --config ${file.includes(' ') ? `"${file}"` : file}`;
}

/** The format of `curl --config` (curl's manual): one option per line, its value in quotes. */
function curlConfig(url: string, { headers, body }: PlatformMessage): string {
  const quoted = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  const lines = Object.entries(headers).map(([name, value]) => `header = ${quoted(`${name}: ${value}`)}`);
  // Without them, a script that captures the output gets a progress meter too.
  const quiet = ['silent', 'show-error'];
  return [`url = ${quoted(url)}`, ...quiet, ...lines, `data-binary = ${quoted(body)}`, ''].join('\n');
}

const lineSchema = v.looseObject({ time: v.string(), event: v.string() });

/**
 * Returns a log line for a person on a terminal with so many columns: local time, event, and what is not zero. Continues it
 * on the next line between two details. Other text stays as it is.
 */
export function readableLine(line: string, columns = Number.POSITIVE_INFINITY): string {
  const parsed = v.safeParse(lineSchema, parseJson(line)?.value);
  if (!parsed.success) return line;
  const { time, event, ...fields } = parsed.output;
  const clock = new Date(time).toLocaleTimeString('en-GB');
  const text = wrapDetails(`${clock}  ${event.padEnd(13)}`, detailsOf(fields), columns);
  return fields['alarm'] === undefined ? text : styleText('yellow', text, { stream: process.stderr });
}

/** An alarm and a platform need no name before them, and a code that only repeats the outcome says nothing. */
function detailsOf({ alarm, platform, receipt, ...rest }: Readonly<Record<string, unknown>>): readonly string[] {
  const others = Object.entries(rest).filter(
    ([name, value]) => value !== 0 && !(name === 'code' && value === rest['outcome']),
  );
  const details = [
    ...[alarm, platform].flatMap(value => (value === undefined ? [] : [String(value)])),
    ...others.map(([name, value]) => `${name} ${String(value)}`),
    ...(typeof receipt === 'string' ? [`receipt ${receipt.slice(0, 12)}…`] : []),
  ];
  return details.length === 0 ? ['nothing to do'] : details;
}

function wrapDetails(start: string, details: readonly string[], columns: number): string {
  const lines: string[] = [];
  let current = start;
  for (const [at, detail] of details.entries()) {
    const text = at === details.length - 1 ? detail : `${detail},`;
    if (at > 0 && current.length + 1 + text.length > columns) {
      lines.push(current);
      current = ' '.repeat(start.length);
    }
    current = `${current} ${text}`;
  }
  return `${[...lines, current].join('\n')}\n`;
}
