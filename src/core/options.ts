import { printable } from "./text.ts";

/**
 * Throws a `TypeError` if an option does not exist: a misspelt one would do
 * nothing, silently.
 *
 * @param what What the options are for, such as `make job "shell"`.
 */
export function checkOptions(
  what: string,
  options: unknown,
  known: readonly string[],
): void {
  if (options === undefined) return;
  if (
    typeof options !== "object" || options === null || Array.isArray(options)
  ) {
    throw new TypeError(
      `Cannot ${what} with the options ${printable(options)}: ` +
        "expected an object",
    );
  }
  const hidden = namesInClasses(options).find((name) => !known.includes(name));
  if (hidden !== undefined) {
    throw new TypeError(
      `Cannot ${what} with ${printable(options)} as its options: ` +
        `expected an object with ${quoted(known)}`,
    );
  }
  const name = unknownName(options, known);
  if (name === undefined) return;
  const near = nearest(name, known);
  throw new TypeError(
    `Cannot ${what} with the option ${printable(name)}: ` +
      (near === undefined ? "" : `perhaps "${near}" was meant; `) +
      (known.length === 0
        ? "expected none"
        : `expected one of ${quoted(known)}`),
  );
}

/** The first option that is not known; inherited ones would be read as well. */
function unknownName(
  options: object,
  known: readonly string[],
): string | undefined {
  for (const name in options) if (!known.includes(name)) return name;
}

/**
 * What the classes define of which an object is an instance. Whoever passes a
 * clock in place of options with a clock has it refused by these.
 */
function namesInClasses(options: object): string[] {
  const names: string[] = [];
  for (
    let parent = Object.getPrototypeOf(options),
      next = parent && Object.getPrototypeOf(parent);
    // The last one is that of all objects.
    next !== null;
    parent = next, next = Object.getPrototypeOf(next)
  ) {
    for (const name of Object.getOwnPropertyNames(parent)) {
      const isEnumerable = Object.prototype.propertyIsEnumerable;
      if (name !== "constructor" && !isEnumerable.call(parent, name)) {
        names.push(name);
      }
    }
  }
  return names;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}

/** The known name that most likely was meant, if one is close. */
function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length > 100) return undefined;
  const [word, ...others] = [name, ...known].map((name) => name.toLowerCase());
  let best: string | undefined;
  let least = Infinity;
  for (const [index, other] of others.entries()) {
    // One that lacks its unit, such as "timeout" for "timeoutMs", is close, and
    // so is one that says more, such as "tableName" for "table".
    const isPart = Math.min(word.length, other.length) > 3 &&
      (other.startsWith(word) || word.startsWith(other));
    const edits = isPart ? 0.5 : editsBetween(word, other);
    if (edits < least && edits <= Math.max(word.length, other.length) / 3) {
      [best, least] = [known[index], edits];
    }
  }
  return best;
}

/** How many characters must be added, removed or replaced (Levenshtein). */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [index, letter] of Array.from(a).entries()) {
    const next = [index + 1];
    for (let at = 0; at < b.length; at++) {
      next.push(Math.min(
        next[at] + 1,
        row[at + 1] + 1,
        row[at] + (b[at] === letter ? 0 : 1),
      ));
    }
    row = next;
  }
  return row[b.length];
}
