import { parseTemplate, variablesOf } from './template.ts';

type Separator = ' ' | ',' | ';' | undefined;

/** The literal text before and after a variable. */
type Frame = readonly [before: string, after: string];

/** How a header holds signatures: one, or a list of parts. */
interface SignatureForm {
  readonly separator: Separator;
  readonly signature: Frame;
  readonly timestamp?: Frame;
}

/** What a header holds. The caller may have invented it. */
export interface Given {
  readonly signatures: readonly string[];
  readonly timestamp: string | undefined;
}

/**
 * Parses the form of a header in settings. Returns `undefined` if a header could be read in two ways: each part of the form
 * has one variable, and `{timestamp}` stands in a list and begins differently than `{signature}`.
 */
export function signatureForm({
  value,
  separator,
}: {
  readonly value: string;
  readonly separator?: Separator;
}): SignatureForm | undefined {
  const frames = partsOf(value, separator).map(frameOf);
  const [[, signature] = [], ...others] = frames.filter(([name]) => name === 'signature');
  const [[, timestamp] = [], ...more] = frames.filter(([name]) => name === 'timestamp');
  const isKnown = frames.every(([name]) => name === 'signature' || name === 'timestamp');
  if (signature === undefined || !isKnown || others.length + more.length > 0) return undefined;
  if (timestamp === undefined) return { separator, signature };
  const [one, other] = [signature[0], timestamp[0]];
  return one.startsWith(other) || other.startsWith(one) ? undefined : { separator, signature, timestamp };
}

/** Reads the signatures in a header. Parts in another form, such as another version, are skipped. Two times are none. */
export function readSignatures(header: string, form: SignatureForm): Given {
  const parts = partsOf(header, form.separator);
  const inside = (frame: Frame | undefined) => parts.flatMap(part => (frame === undefined ? [] : within(part, frame)));
  const times = inside(form.timestamp);
  return { signatures: inside(form.signature), timestamp: times.length === 1 ? times[0] : undefined };
}

function partsOf(text: string, separator: Separator): readonly string[] {
  return separator === undefined ? [text] : text.split(separator).map(part => part.trim());
}

/** Returns the name of the only variable of a part and its frame; nothing for a part that has not exactly one. */
function frameOf(part: string): readonly [name?: string, frame?: Frame] {
  const template = parseTemplate(part) ?? [];
  const [name, ...others] = variablesOf(template);
  if (name === undefined || others.length > 0) return [];
  const at = template.findIndex(one => typeof one !== 'string');
  return [name, [template.slice(0, at).join(''), template.slice(at + 1).join('')]];
}

function within(part: string, [before, after]: Frame): readonly string[] {
  const isFramed = part.startsWith(before) && part.endsWith(after) && part.length > before.length + after.length;
  return isFramed ? [part.slice(before.length, part.length - after.length)] : [];
}
