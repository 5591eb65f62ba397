/** The environment variables that a program gets. */
export interface Environment {
  /** Which variables of this process it gets: all, none, or these. */
  readonly inherit: boolean | readonly string[];
  /** The variables that it gets beside those. */
  readonly own: Readonly<Record<string, string>>;
}

/** The variables as `spawn` takes them; `undefined` is all of this process. */
export function variablesOf(
  { inherit, own }: Environment,
  ofProcess: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> | undefined {
  if (inherit === true) {
    return Object.keys(own).length === 0 ? undefined : { ...ofProcess, ...own };
  }
  const variables: Record<string, string> = {};
  for (const name of inherit || []) {
    const value = ofProcess[name];
    if (value !== undefined) variables[name] = value;
  }
  return { ...variables, ...own };
}

/**
 * Copies and checks the variables that the user gave.
 *
 * @throws {TypeError} If they make no sense.
 */
export function checkEnvironment(
  kind: string,
  inherit: unknown = true,
  own: unknown = {},
): Environment {
  if (typeof inherit !== "boolean" && !isListOf(isName, inherit)) {
    throw new TypeError(
      `Cannot make job "${kind}" with this inheritEnv: ` +
        "expected true, false or an array of names of variables",
    );
  }
  if (
    typeof own !== "object" || own === null || Array.isArray(own) ||
    !Object.keys(own).every(isName) || !Object.values(own).every(isValue)
  ) {
    throw new TypeError(
      `Cannot make job "${kind}" with this env: ` +
        "expected an object whose values are strings without NUL",
    );
  }
  return {
    inherit: typeof inherit === "boolean" ? inherit : [...inherit],
    own: { ...own as Record<string, string> },
  };
}

function isListOf(
  isItem: (item: unknown) => boolean,
  list: unknown,
): list is readonly string[] {
  return Array.isArray(list) && Array.from(list).every(isItem);
}

function isName(name: unknown): boolean {
  return isValue(name) && name !== "" && !(name as string).includes("=");
}

function isValue(value: unknown): boolean {
  return typeof value === "string" && !value.includes("\0");
}
