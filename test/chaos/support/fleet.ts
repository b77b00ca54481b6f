import type { APIGatewayProxyResult, Context } from 'aws-lambda';
import type { GatewayEvent } from '../../../lambda/io/gateway.ts';
import type { SweepResult } from '../../../lambda/look-around.ts';
import { sweepHandler } from '../../../lambda/sweeper.ts';
import { webhookHandler } from '../../../lambda/webhook.ts';
import { type Machine, openMachine } from './machine.ts';
import type { Outside } from './outside.ts';

/** Lambda: machines that come and go, one invocation at a time each. */
export interface Fleet {
  /** The webhook's answer; `undefined` when its machine died or ran out of time. */
  deliver(event: GatewayEvent): Promise<APIGatewayProxyResult | undefined>;
  sweep(): Promise<SweepResult | undefined>;
  coldStarts(): number;
}

/** Timeouts of the two functions, in milliseconds. */
const webhookMs = 15_000;
const sweeperMs = 75_000;

/** Without `getRemainingTimeInMillis` middy starts no timer of its own, which would run on the real clock. */
const context = {} as Context;

/** `cold`: how often an idle machine is there no longer when the next invocation comes. */
export function openFleet(outside: Outside, cold: number): Fleet {
  const { random } = outside;
  const idle: { webhook: Machine[]; sweeper: Machine[] } = { webhook: [], sweeper: [] };
  let coldStarts = 0;
  const taken = (pool: Machine[]) => {
    const machine = random.chance(cold) ? undefined : pool.pop();
    if (machine?.life.isAlive()) return machine;
    coldStarts += 1;
    return openMachine(outside);
  };
  const invoke = async <T>(pool: Machine[], ms: number, work: (machine: Machine) => Promise<T>) => {
    const machine = taken(pool);
    const result = await ended(machine, ms, work, outside);
    if (machine.life.isAlive()) pool.push(machine);
    return result;
  };
  return {
    deliver: event => invoke(idle.webhook, webhookMs, ({ services }) => webhookHandler(() => services)(event, context)),
    sweep: () =>
      invoke(idle.sweeper, sweeperMs, ({ services }) => sweepHandler(() => services)().catch(() => undefined)),
    coldStarts: () => coldStarts,
  };
}

/** At its timeout a machine is killed; or it had only been frozen, and goes on when nobody waits for it any more. */
function ended<T>(
  machine: Machine,
  ms: number,
  work: (machine: Machine) => Promise<T>,
  { timeout, random }: Outside,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const end = (result?: T) => {
      isOver = true;
      resolve(result);
    };
    machine.life.onCrash(end);
    work(machine).then(end, reject);
    void timeout(ms).then(() => {
      if (isOver) return;
      if (random.chance(0.5)) void machine.life.crash();
      end();
    });
  });
}
