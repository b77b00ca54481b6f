import * as v from 'valibot';

/** Returns the schema of a text of this form. */
export function textLike(form: RegExp, message: string) {
  return v.pipe(v.string(), v.regex(form, message));
}

/** Returns the schema of one of these values. Its message lists them. */
export function oneOf<const T extends readonly (string | number)[]>(values: T) {
  return v.picklist(values, `must be ${values.join(', ').replace(/, ([^,]*)$/, ' or $1')}`);
}

/** Returns the schema of a list that is not empty. */
export function listOf<S extends v.GenericSchema>(item: S, what: string) {
  return v.pipe(v.array(item), v.nonEmpty(`must hold at least one ${what}`));
}

/** Returns the schema of one value or a list of them. Its output is a list. */
export function oneOrList<S extends v.GenericSchema>(item: S, what: string) {
  const one = v.pipe(
    item,
    v.transform((value): v.InferOutput<S>[] => [value]),
  );
  const list = listOf(item, what);
  return v.lazy(value => (Array.isArray(value) ? list : one));
}

/** Returns the schema of a whole number in a range, both ends included. */
export function wholeNumber(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(least, message), v.maxValue(most, message));
}
