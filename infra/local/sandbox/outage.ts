/**
 * What may be wrong with the whole of Voucherify: `error` answers 500 in HTML, `down` breaks every connection,
 * `hang` takes requests and never answers.
 */
export type Outage = 'error' | 'down' | 'hang';

/** Thrown instead of an answer when nothing would come back over the wire. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
  readonly outage: Exclude<Outage, 'error'>;

  constructor(outage: Exclude<Outage, 'error'>) {
    super(`the sandbox is set to ${outage}`);
    this.outage = outage;
  }
}
