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
 * @throws {TypeError} If it is none, or if `JSON.parse` would give back something
 *   else; the message says why.
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
  const fault = faultOf(value);
  if (fault !== undefined) {
    const { path, what } = fault;
    throw new TypeError(`${path === "" ? "it" : `payload${path}`} is ${what}`);
  }
  return json;
}

/** What `JSON.stringify` leaves out, or writes as something else. */
interface Fault {
  /** Where it is, such as `".items[2]"`. */
  readonly path: string;
  /** What it is. */
  readonly what: string;
}

/**
 * The first fault in a value that `JSON.stringify` takes, so it has no cycles. A
 * walk of its own takes a fraction of what a replacer would.
 */
function faultOf(value: unknown): Fault | undefined {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? undefined : fault(String(value));
    case "function":
    case "symbol":
      return fault(`a ${typeof value}`);
    case "object":
      return value === null ? undefined : faultInObject(value);
  }
}

function faultInObject(value: object): Fault | undefined {
  if (Array.isArray(value)) return faultInArray(value);
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") {
    // It says itself what stands for it; an invalid date would be null.
    return value instanceof Date && Number.isNaN(value.getTime())
      ? fault("an invalid Date")
      : undefined;
  }
  const parent = Object.getPrototypeOf(value);
  if (parent !== null && Object.getPrototypeOf(parent) !== null) {
    return fault(classOf(value));
  }
  for (const name of Object.keys(value)) {
    const found = faultOf((value as Record<string, unknown>)[name]);
    if (found !== undefined) return inside(`.${name}`, found);
  }
}

function faultInArray(values: readonly unknown[]): Fault | undefined {
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    const found = value === undefined ? fault("undefined") : faultOf(value);
    if (found !== undefined) return inside(`[${index}]`, found);
  }
}

function fault(what: string): Fault {
  return { path: "", what };
}

function inside(step: string, { path, what }: Fault): Fault {
  return { path: step + path, what };
}

function classOf(value: object): string {
  if (value instanceof Promise) return "a Promise, perhaps without an await";
  const name: unknown = value.constructor?.name;
  return typeof name === "string" && name !== ""
    ? `${/^[AEIOU]/.test(name) ? "an" : "a"} ${name}`
    : "an object of a class";
}
