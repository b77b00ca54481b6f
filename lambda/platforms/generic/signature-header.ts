import { templateOf, variablesIn } from './template.ts';

/** The literal text before and after a variable. */
type Frame = readonly [before: string, after: string];

/** The form of a header with signatures: one, or a list of parts. */
interface SignatureForm {
  readonly separator: string | undefined;
  readonly signature: Frame;
  readonly timestamp?: Frame;
}

/**
 * Parses the form of a header in settings. Returns `undefined` if a header could be read in two ways: each part of the form
 * has one variable, and `{timestamp}` is in a list and begins differently than `{signature}`.
 */
export function signatureForm(settings: { readonly value: string; readonly separator?: string }) {
  const { value, separator } = settings;
  const frames = partsOf(value, separator).flatMap(framesOf);
  const [signature, timestamp] = ['signature', 'timestamp'].map(name => frames.find(([one]) => one === name)?.[1]);
  const known = [signature, timestamp].filter(frame => frame !== undefined);
  if (signature === undefined || frames.length > known.length) return undefined;
  if (timestamp === undefined) return { separator, signature };
  const [one, other] = [signature[0], timestamp[0]];
  return one.startsWith(other) || other.startsWith(one) ? undefined : { separator, signature, timestamp };
}

/** Returns each variable of a part with its frame. A part without a variable gets one without a name, which no form has. */
function framesOf(part: string): readonly (readonly [name: string, frame: Frame])[] {
  const [template, names] = [templateOf(part), variablesIn(part)];
  const at = template.findIndex(one => typeof one !== 'string');
  const frame: Frame = [template.slice(0, at).join(''), template.slice(at + 1).join('')];
  return (names.length === 0 ? [''] : names).map(name => [name, frame]);
}

/**
 * Reads a header. Parts in another form, such as another version, are skipped, and two times are none. The caller may have
 * invented all of it.
 */
export function readSignatures(header: string, form: SignatureForm | undefined) {
  const parts = partsOf(header, form?.separator);
  const inside = (frame: Frame | undefined) => parts.flatMap(part => (frame === undefined ? [] : within(part, frame)));
  const [timestamp, ...others] = inside(form?.timestamp);
  return { signatures: inside(form?.signature), timestamp: others.length === 0 ? timestamp : undefined };
}

function partsOf(text: string, separator: string | undefined): readonly string[] {
  return separator === undefined ? [text] : text.split(separator).map(part => part.trim());
}

function within(part: string, [before, after]: Frame): readonly string[] {
  const isFramed = part.startsWith(before) && part.endsWith(after);
  return isFramed ? [part.slice(before.length, part.length - after.length)] : [];
}
