/** Where the project lives, for everything that links to it. */
export const REPOSITORY = "https://github.com/x/scheduler";

/**
 * The commands of the package: the name of each, and the source that starts
 * it. What is named here becomes `bin`.
 */
export const COMMANDS: Readonly<Record<string, string>> = {};

/** Clients that users bring along: what the tests ran with, and no more. */
const PEERS = {
  "@google-cloud/firestore": "^8 || ^9",
  pg: "^8",
};

/** What depends on being installed; whatever else the code imports is a mistake. */
const DEPENDENCIES = ["cron-parser"] as const;

/** The part of `deno.json` that the package repeats. */
export interface Config {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly imports: Readonly<Record<string, string>>;
}

/** One entry of `exports`. */
export interface ExportTargets {
  readonly types: string;
  readonly default: string;
}

/** The `package.json` that is published. */
export interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly main: string;
  readonly types: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, ExportTargets>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

/** Makes the `package.json` of a build that has its modules in `esm/`. */
export function packageJson(
  config: Config,
  version: string = config.version,
): PackageJson {
  const exports = mapValues(config.exports, (path) => ({
    types: `${built(path)}.d.ts`,
    default: `${built(path)}.js`,
  }));
  const bin = mapValues(COMMANDS, (path) => `${built(path)}.js`);
  return {
    name: config.name,
    version,
    description: "Simple, durable and distributed scheduling of jobs",
    keywords: ["scheduler", "cron", "jobs", "queue", "postgres", "firestore"],
    homepage: `${REPOSITORY}#readme`,
    repository: { type: "git", url: `git+${REPOSITORY}.git` },
    bugs: { url: `${REPOSITORY}/issues` },
    license: config.license,
    type: "module",
    sideEffects: false,
    engines: { node: ">=22.13" }, // has `node:sqlite` without a flag
    main: exports["."].default,
    types: exports["."].types,
    ...(Object.keys(bin).length > 0 ? { bin } : {}),
    exports,
    dependencies: Object.fromEntries(
      DEPENDENCIES.map((name) => [name, range(name, config.imports[name])]),
    ),
    peerDependencies: PEERS,
    peerDependenciesMeta: mapValues(PEERS, () => ({ optional: true })),
  };
}

/** `./stores/memory.ts` → `./esm/stores/memory` */
function built(path: string): string {
  return path.replace(/^\.\//, "./esm/").replace(/\.ts$/, "");
}

/** The range of versions in `npm:name@range`. */
function range(name: string, specifier = ""): string {
  const prefix = `npm:${name}@`;
  if (specifier.startsWith(prefix)) return specifier.slice(prefix.length);
  throw new Error(
    `Cannot read the versions of ${name} in deno.json: expected "${prefix}…", got "${specifier}"`,
  );
}

function mapValues<T, U>(
  record: Readonly<Record<string, T>>,
  map: (value: T) => U,
): Record<string, U> {
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => [key, map(value)]),
  );
}
