import { isIPv4, isIPv6 } from 'node:net';
import * as v from 'valibot';

/** RFC 4632 and RFC 4291, section 2.3: an address and how many of its bits count. A zone (`%eth0`) is of one machine. */
function isRange(text: string): boolean {
  const [, address = '', bits = ''] = /^([0-9a-f.:]+)\/(0|[1-9]\d{0,2})$/i.exec(text) ?? [];
  return (isIPv4(address) && Number(bits) <= 32) || (isIPv6(address) && Number(bits) <= 128);
}

const ranges = v.pipe(
  v.array(v.pipe(v.string(), v.check(isRange, 'must be a CIDR range'))),
  // It could mean that all may call, or none.
  v.nonEmpty('must hold at least one range'),
);

/** API Gateway takes no upper case, and a wildcard is no address to send anything to. */
const hostName = v.pipe(
  v.string(),
  v.maxLength(253, 'must be at most 253 characters long'),
  v.regex(
    /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$/,
    'must be a lower-case domain name such as erasure.example.com',
  ),
);

const domain = v.pipe(
  v.strictObject({
    name: hostName,
    certificateArn: v.pipe(
      v.string(),
      v.regex(/^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate\/[\w-]+$/, 'must be the ARN of a certificate in ACM'),
    ),
    hostedZone: v.exactOptional(
      v.strictObject({
        id: v.pipe(v.string(), v.regex(/^Z[A-Z0-9]{1,31}$/, 'must be the id of a hosted zone, such as Z0123456789ABC')),
        name: hostName,
      }),
    ),
  }),
  v.forward(
    v.check(
      ({ name, hostedZone }) => hostedZone === undefined || `.${name}`.endsWith(`.${hostedZone.name}`),
      'must be the zone that the domain lies in',
    ),
    ['hostedZone', 'name'],
  ),
);

/** What settings say of running it: who is told, who may call, and under which name. */
export const operations = v.strictObject({
  alarmEmail: v.exactOptional(v.pipe(v.string(), v.email('must be an e-mail address'))),
  allowIps: v.exactOptional(ranges),
  waf: v.exactOptional(v.boolean()),
  domain: v.exactOptional(domain),
});
