import { bad, type Check, type CheckContext, ok, warning } from './finding.ts';

/** Signed timestamps are refused from five minutes on; a minute's half shows that nobody keeps the clock right. */
const warnFromMs = 30_000;
const badFromMs = 300_000;

/** This machine's clock against the one of Voucherify's answers (RFC 9110, section 6.6.1). */
export const clockCheck: Check = {
  name: 'clock',
  run: async patient => {
    const off = await offMs(patient);
    if (off === undefined) return [warning('no answer of Voucherify to compare with')];
    const says = `this machine's clock is ${Math.round(off / 1000)} s away from Voucherify's`;
    if (off > badFromMs) return [bad(`${says}: set it by NTP; what it signs is refused from 300 s on`)];
    return [off > warnFromMs ? warning(`${says}: set it by NTP`) : ok(says)];
  },
};

async function offMs({ probes }: CheckContext): Promise<number | undefined> {
  const offs = [...(await probes()).values()].flatMap(({ result, at }) => {
    const told = result.kind === 'answer' ? Date.parse(String(result.headers['date'])) : Number.NaN;
    return Number.isNaN(told) ? [] : [Math.abs(at - told)];
  });
  return offs.length === 0 ? undefined : Math.min(...offs);
}
