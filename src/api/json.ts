/** A value that survives `JSON.stringify` and `JSON.parse`. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/**
 * Writes a value as JSON.
 *
 * @throws {TypeError} If it is none; the message says why not.
 */
export function toJson(value: JsonValue): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "it throws";
    throw new TypeError(why, { cause });
  }
  if (json === undefined) throw new TypeError(`it is of type ${typeof value}`);
  return json;
}
