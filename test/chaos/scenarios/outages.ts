import { isFinal } from '../../../lambda/receipts/receipt.ts';
import { storeUnavailable } from '../../../lambda/receipts/rows.ts';
import { calm, type Mix } from '../support/faults.ts';
import { exceeded, mostInWindow, type Outcome, throttledCalls } from '../support/measures.ts';
import { registryOf } from '../support/population.ts';
import { newRequestOf } from '../support/requests.ts';
import { evenDeliveries, runAndVerify } from '../support/run-simulation.ts';
import { openSimulation, type SimulationOptions } from '../support/simulation.ts';
import { keyOf } from '../support/voucherify.ts';

const minute = 60_000;
const hour = 60 * minute;
const month = 30 * 24 * hour;

/** After an outage: the last pause between two probes, the sweep that sends the good one, and the sweep that follows. */
const recoveryMinutes = 3;

/**
 * All requests arrive while Voucherify is down. The backlog must then be processed as fast as the share permits, and not
 * faster; requests that arrive meanwhile, one every two minutes, must get their outcome at once.
 */
export async function runBacklog(seed: number, requests: number, limit = 160, share = 0.5): Promise<Outcome> {
  const sim = openSimulation({ seed, mix: calm, callsPerMinute: limit, quotaShare: share, lags: true });
  const { time, start, voucherify, sender, truth } = sim;
  const within = requests * 200;
  const registry = registryOf(sim);
  const delivery = (at: number, number: number) => {
    const request = { ...newRequestOf('source', number, start + at, registry), callbacks: 1 };
    truth.add(request);
    return [at, request] as const;
  };
  const back = within + 30 * minute;
  const backlog = Array.from({ length: requests }, (_, number) => delivery((number * within) / requests, number));
  const fresh = Array.from({ length: requests / 100 }, (_, number) =>
    delivery(back + (5 + number * 2) * minute, requests + number),
  );
  voucherify.sandbox.outage('down');
  time.in(back, () => voucherify.sandbox.outage(undefined));
  await runAndVerify(sim, { deliveries: [...backlog, ...fresh], oddSweeps: 0, longest: month });
  const ends = [...sim.watch.receipts.values()].map(({ closedAt = Number.POSITIVE_INFINITY }) => closedAt);
  const burst = Math.max(1, Math.floor(Math.min(5, (limit * share) / 10)));
  const minutes = (ends.reduce((last, at) => Math.max(last, at), 0) - start - back) / minute;
  // A look-up and a deletion each: verifications give way.
  const expected = (2 * truth.requests.size) / (limit * share - burst);
  const most = mostInWindow(voucherify.sent, 'main', minute);
  const throttled = throttledCalls(voucherify.sent);
  const freshCompleted = fresh.filter(([, { uid }]) => sender.exchanges.get(uid)?.gotInProgress === false).length;
  const bounds = exceeded(
    ['minutes until the backlog is processed', minutes, expected * 1.05 + recoveryMinutes],
    ['calls in a minute', most, limit * share],
    ['calls that got a 429', throttled, 0],
    ['fresh requests without an outcome at once', fresh.length - freshCompleted, 0],
  );
  const violations = [...truth.violations, ...bounds];
  return { violations, minutes, expected, most, throttled, fresh: fresh.length, freshCompleted };
}

/** Voucherify rejects the key for six hours; then a new version of the secret is stored. */
export async function runRejectedKey(seed: number, count: number): Promise<Outcome> {
  const sim = openSimulation({ seed, mix: calm, callsPerMinute: 600 });
  const { time, start, voucherify, secrets } = sim;
  const deliveries = evenDeliveries(sim, { count, within: 8 * hour });
  const [revoked, renewed] = [hour, 7 * hour];
  time.in(revoked, () => voucherify.sandbox.revoke(keyOf('main').appId));
  time.in(renewed, () => {
    const fresh = { ...keyOf('main'), appToken: 'token-of-the-new-version' };
    voucherify.sandbox.addKey(fresh);
    secrets['erasure/voucherify/main'] = JSON.stringify({ appId: fresh.appId, appToken: fresh.appToken });
  });
  await runAndVerify(sim, { deliveries, oddSweeps: 0, longest: month });
  // The first ten minutes are left out: the breaker has to open first.
  const probes = voucherify.sent.filter(({ at }) => at > start + revoked + 10 * minute && at < start + renewed);
  const good = voucherify.sent.find(({ at, status }) => at >= start + renewed && status < 300 && status > 0);
  const alarms = sim.alarms.filter(({ alarm }) => alarm === 'voucherify-key-refused').length;
  const mostProbes = mostInWindow(probes, 'main', minute);
  const recoveryMs = (good?.at ?? time.now()) - start - renewed;
  const bounds = exceeded(['probes in a minute', mostProbes, 1], ['ms until a call succeeds', recoveryMs, 2 * minute]);
  const violations = [...sim.truth.violations, ...bounds, ...(alarms > 0 ? [] : ['the rejected key raised no alarm'])];
  const probesPerHour = probes.length / ((renewed - revoked - 10 * minute) / hour);
  return { violations, alarms, mostProbes, probesPerHour, recoveryMs };
}

/** The second of two projects closes every connection for a day while requests arrive. */
export async function runTwoProjects(seed: number, count: number, mix: Mix = calm): Promise<Outcome> {
  const sim = openSimulation({ seed, mix, projects: ['main', 'us'], callsPerMinute: 600, lags: true });
  const { time, watch, start, voucherify } = sim;
  const deliveries = evenDeliveries(sim, { count, within: 20 * hour });
  let [closedMeanwhile, deletedMeanwhile] = [0, 0];
  voucherify.down('us', true);
  time.in(24 * hour, () => {
    closedMeanwhile = [...watch.receipts.values()].filter(({ state }) => isFinal(state)).length;
    deletedMeanwhile = voucherify.sandbox.deletions().length;
    voucherify.down('us', false);
  });
  await runAndVerify(sim, { deliveries, oddSweeps: 0.03, longest: month, atLeast: 24 * hour });
  const writes = [...watch.writes.values()].reduce((sum, { length }) => sum + length, 0);
  const bounds = exceeded(
    ['receipts closed while one project was unreachable', closedMeanwhile, 0],
    ['customers of the other project that were not deleted meanwhile', count - deletedMeanwhile, 0],
  );
  return {
    violations: [...sim.truth.violations, ...bounds],
    closedMeanwhile,
    deletedMeanwhile,
    requests: count,
    writesPerReceipt: writes / count,
    callsToDownProject: voucherify.sent.filter(({ project, at }) => project === 'us' && at < start + 24 * hour).length,
  };
}

/**
 * AWS throttles for a while: the reads of the callback queue for three hours, and the signing key for 40 minutes. Requests
 * arrive while Voucherify is down for an hour, so that only a sweep can erase. It must do so although it cannot read that
 * queue, each sweep must report its counts, and the key must raise no alarm.
 */
export async function runThrottledAws(seed: number, count: number): Promise<Outcome> {
  const isBefore = (end: number) => sim.time.now() < sim.start + end;
  const wrapStores: SimulationOptions['wrapStores'] = ({ store, control }) => ({
    control,
    store: {
      ...store,
      due: async (queue, ...asked) => {
        if (queue === 'callback' && isBefore(3 * hour)) throw storeUnavailable();
        return store.due(queue, ...asked);
      },
    },
  });
  const [from, until] = [hour, hour + 40 * minute];
  const mix: SimulationOptions['mix'] = (port, verb) =>
    port === 'signer' && verb === 'sign' && !isBefore(from) && isBefore(until) ? 'throttled' : 'ok';
  const sim = openSimulation({ seed, mix, wrapStores, callsPerMinute: 6000 });
  const { time, start, voucherify, watch, reported } = sim;
  const deliveries = evenDeliveries(sim, { count, within: 50 * minute });
  voucherify.sandbox.outage('down');
  time.in(hour, () => voucherify.sandbox.outage(undefined));
  let openMeanwhile = count;
  time.in(3 * hour, () => {
    openMeanwhile = [...watch.receipts.values()].filter(({ state }) => !isFinal(state)).length;
  });
  await runAndVerify(sim, { deliveries, oddSweeps: 0, longest: month, atLeast: 4 * hour });
  const sweepsMeanwhile = reported.filter(({ at }) => at < start + 3 * hour).length;
  const alarms = (name: string) => sim.alarms.filter(({ alarm }) => alarm === name).length;
  const bounds = exceeded(
    ['receipts open while the callback queue was throttled', openMeanwhile, 0],
    ['sweeps without counts', 3 * 60 - 3 - sweepsMeanwhile, 0],
    ['alarms about a key that was throttled for 40 minutes', alarms('evidence-unsigned'), 0],
  );
  const isSilent = alarms('store-unavailable') === 0;
  const violations = [...sim.truth.violations, ...bounds, ...(isSilent ? ['the throttled queue raised no alarm'] : [])];
  return { violations, openMeanwhile, sweepsMeanwhile, alarms: alarms('store-unavailable') };
}
