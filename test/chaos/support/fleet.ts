import type { APIGatewayProxyResult, Context } from 'aws-lambda';
import type { GatewayEvent } from '../../../lambda/aws/api-gateway.ts';
import { eventsHandler } from '../../../lambda/events.ts';
import type { SweepResult } from '../../../lambda/sweep/backlog.ts';
import { sweepHandler } from '../../../lambda/sweeper.ts';
import { webhookHandler } from '../../../lambda/webhook.ts';
import type { Environment } from './environment.ts';
import { type Machine, openMachine } from './machine.ts';

/** Simulates Lambda: machines that start and end, each with one invocation at a time. */
export interface Fleet {
  /** Returns the webhook's reply, or `undefined` after a crash or a timeout. */
  deliver(event: GatewayEvent): Promise<APIGatewayProxyResult | undefined>;
  /** Returns the reply to an event of a customer, or `undefined` after a crash or a timeout. */
  event(event: GatewayEvent): Promise<APIGatewayProxyResult | undefined>;
  sweep(): Promise<SweepResult | undefined>;
  coldStarts(): number;
}

/** Timeouts of the functions, in milliseconds. */
const webhookMs = 15_000;
const sweeperMs = 75_000;
const eventsMs = 9000;

/** Without `getRemainingTimeInMillis` middy starts no timer of its own, which would run on the real clock. */
const context = {} as Context;

/** Returns a fleet; `cold` is the probability that an invocation gets a new machine although one is idle. */
export function openFleet(environment: Environment, cold: number): Fleet {
  const { random } = environment;
  const idle: { webhook: Machine[]; sweeper: Machine[]; events: Machine[] } = {
    webhook: [],
    sweeper: [],
    events: [],
  };
  let coldStarts = 0;
  const taken = (pool: Machine[]) => {
    const machine = random.chance(cold) ? undefined : pool.pop();
    if (machine?.lifecycle.isAlive()) return machine;
    coldStarts += 1;
    return openMachine(environment);
  };
  const invoke = async <T>(pool: Machine[], ms: number, work: (machine: Machine) => Promise<T>) => {
    const machine = taken(pool);
    const result = await ended(machine, ms, work, environment);
    if (machine.lifecycle.isAlive()) pool.push(machine);
    return result;
  };
  return {
    deliver: event => invoke(idle.webhook, webhookMs, ({ services }) => webhookHandler(() => services)(event, context)),
    event: event => invoke(idle.events, eventsMs, ({ services }) => eventsHandler(() => services)(event, context)),
    sweep: () =>
      invoke(idle.sweeper, sweeperMs, ({ services }) => sweepHandler(() => services)().catch(() => undefined)),
    coldStarts: () => coldStarts,
  };
}

/** At the timeout, half of the machines are killed; the others continue although their result is ignored. */
function ended<T>(
  machine: Machine,
  ms: number,
  work: (machine: Machine) => Promise<T>,
  { timeout, random }: Environment,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const end = (result?: T) => {
      isOver = true;
      resolve(result);
    };
    machine.lifecycle.onCrash(end);
    work(machine).then(end, reject);
    void timeout(ms).then(() => {
      if (isOver) return;
      if (random.chance(0.5)) void machine.lifecycle.crash();
      end();
    });
  });
}
