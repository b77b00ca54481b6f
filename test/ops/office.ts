import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { vi } from 'vitest';
import { embeddedSecretTexts } from '../../infra/local/embedded-secrets.ts';
import { localSigner } from '../../infra/local/local-signer.ts';
import { readLocalOptions } from '../../infra/local/options.ts';
import type { OpsContext } from '../../infra/ops/context.ts';
import { scanSqlite } from '../../infra/ops/report/scan-receipts.ts';
import { namesOf } from '../../infra/stack/names.ts';
import type { HttpCall } from '../../lambda/io/http-client.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import type { House } from '../support/house.ts';
import { account, callback, deleteRequest, ketchHouse, ketchWire, tenant } from '../support/ketch.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { answered, minute } from '../support/pace-heard.ts';
import { registered } from '../support/pace-ketch.ts';
import { type Ran, run } from './desk-of.ts';
import { ops } from './ops-process.ts';

/** The real program over a local folder, and an operator who works at the same folder. */
export interface Office {
  readonly house: House;
  readonly desk: OpsContext;
  /** What platforms were called back with. */
  readonly called: readonly HttpCall[];
  /** Runs a command in this process. */
  run(name: string, ...args: readonly string[]): Promise<Ran>;
  /** Runs a command as a process over the folder, at the office's time; `input` is its standard input. */
  process(args: readonly string[], input?: string): ReturnType<typeof ops>;
  /** Asks for the erasure of one person by a platform's message, and gives the id of the receipt. */
  asked(
    identities: readonly object[],
    more?: { readonly calledBack?: boolean; readonly uid?: string },
  ): Promise<string>;
  /** Sweeps a minute later. */
  sweep(): Promise<void>;
}

type Options = NonNullable<Parameters<typeof ketchHouse>[0]>;

export async function office(options: Options = {}): Promise<Office> {
  const folder = temporaryFolder();
  const file = join(folder, 'erasure.sqlite');
  const signer = localSigner(join(folder, 'evidence-key.pem'));
  const called: HttpCall[] = [];
  const sendCallback = async (call: HttpCall) => {
    called.push(call);
    return answered(200);
  };
  const house = await ketchHouse({
    ...options,
    file,
    secrets: {
      'erasure/pepper': embeddedSecretTexts(readLocalOptions({}).settings)['erasure/pepper']!,
      ...options.secrets,
    },
    change: () => ({ signer, sendCallback }),
  });
  const { store, control, readSecret, settings } = house.services;
  const now = () => house.clock.at;
  const desk = { settings, store, all: scanSqlite(file), control, readSecret, signer, now, names: namesOf() };
  return {
    house,
    desk: { ...desk, close: () => undefined },
    called,
    run: (name, ...args) => run({ ...desk, close: () => undefined }, name, ...args),
    process: (args, input) =>
      ops([...args, '--local'], { DATA_DIR: folder, CLOCK: new Date(now()).toISOString() }, input),
    asked: async (identities, { calledBack = false, uid = randomUUID() } = {}) => {
      const request = { identities, callbacks: calledBack ? [callback] : [] };
      await house.send(ketchWire(deleteRequest(request, { metadata: { uid, tenant } })));
      return house.services.pseudonymizer().then(hmacs => hmacs.receipt('ketch', tenant, uid));
    },
    sweep: async () => {
      house.clock.at += minute;
      await house.sweep();
    },
  };
}

/** Somebody with as many profiles under one address. */
export function profiles({ sandbox }: House, email: string, count: number): void {
  const created_at = '2025-01-01T00:00:00.000Z';
  for (let at = 0; at < count; at += 1) sandbox.register({ email, source_id: `${email}-${at}`, created_at }, 'main');
}

/** A receipt that waits for a person: more profiles than one request may delete. */
export async function stopped({ house, asked }: Office, email = 'shared@example.com', count = 7): Promise<string> {
  profiles(house, email, count);
  return asked([byEmail(email)], { calledBack: true });
}

/** A receipt that is erased, told and signed. */
export async function erased({ house, asked, sweep }: Office, sourceId = 'crm-1'): Promise<string> {
  registered(house, sourceId);
  const id = await asked([account(sourceId)]);
  await sweep();
  return id;
}

export function byEmail(identityValue: string) {
  return { identitySpace: 'email', identityFormat: 'raw', identityValue };
}

/** Who decides, and why. */
export function by(name: string, why: string): readonly string[] {
  return ['--by', name, '--why', why];
}

/** A receipt as it is stored. */
export async function standing({ desk }: Office, id: string): Promise<Receipt> {
  return (await desk.store.read(id))!;
}

/** What a command prints on standard error. */
export function errors() {
  return vi.spyOn(console, 'error').mockImplementation(() => undefined);
}
