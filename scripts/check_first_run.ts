/**
 * Checks what somebody sees who runs an example on a machine that has nothing
 * but Deno: only what the example imports is fetched, and nothing is printed
 * but its own output.
 *
 *     deno task check:first-run
 */
import { check, finishChecks } from "./checks.ts";
import { filesIn } from "./files_in.ts";

const ROOT = new URL("..", import.meta.url);
const TIMEOUT_MS = 60_000;
const MEGABYTE = 1_000_000;

/** What the examples import, and how much of the disk that may take. */
const EXAMPLES = [
  {
    path: "examples/repeating.ts",
    packages: /^(cron-parser|luxon)$/,
    maxMb: 5,
  },
  { path: "examples/sqlite.ts", packages: /^(cron-parser|luxon)$/, maxMb: 5 },
  {
    path: "examples/postgres.ts",
    packages: /^(cron-parser|luxon|pg.*|postgres-.*|split2|xtend)$/,
    maxMb: 6,
  },
] as const;

/** What `examples/say.ts` puts before each line. */
const OWN_LINE = /^\d\d:\d\d:\d\d\.\d{3} {2}\S/;
/** Deno's progress, where there is no terminal. */
const DOWNLOAD = /^Download https:\/\//;

for (const { path, packages, maxMb } of EXAMPLES) {
  await check(`fetched by ${path}`, () =>
    withEmptyCache(async (cache) => {
      await deno(["cache", "--frozen", path], cache);
      return checkFetched(cache, packages, maxMb);
    }));
}
await check(
  "printed by the first run, and by the second",
  () =>
    withEmptyCache(async (cache) => {
      await checkPrinted(cache, DOWNLOAD);
      await checkPrinted(cache);
    }),
);
finishChecks();

async function withEmptyCache<T>(
  run: (cache: string) => Promise<T>,
): Promise<T> {
  const cache = await Deno.makeTempDir({ prefix: "scheduler_deno_dir_" });
  try {
    return await run(cache);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

function checkFetched(cache: string, wanted: RegExp, maxMb: number): string {
  const registries = `${cache}/npm`;
  const fetched = Array.from(Deno.readDirSync(registries))
    .flatMap(({ name }) =>
      Array.from(Deno.readDirSync(`${registries}/${name}`))
    )
    .map(({ name }) => name);
  const extra = fetched.filter((name) => !wanted.test(name));
  if (extra.length > 0) throw new Error(`fetched as well: ${extra.join(", ")}`);
  const bytes = Array.from(filesIn(registries))
    .reduce((sum, file) => sum + Deno.statSync(file).size, 0);
  const summary = `${fetched.length} packages, ${mb(bytes)} MB`;
  if (bytes > maxMb * MEGABYTE) {
    throw new Error(`fetched ${summary}; expected at most ${maxMb} MB`);
  }
  return summary;
}

function mb(bytes: number): string {
  return (bytes / MEGABYTE).toFixed(1);
}

/** Runs an example that ends by itself, and looks at each line it printed. */
async function checkPrinted(cache: string, progress?: RegExp): Promise<void> {
  const args = ["run", "--no-prompt", "examples/once.ts"];
  const { stdout, stderr } = await deno(args, cache);
  const strange = [
    ...stdout.split("\n").filter((line) => !OWN_LINE.test(line)),
    ...stderr.split("\n").filter((line) => !progress?.test(line)),
  ].filter((line) => line !== "");
  if (strange.length > 0) throw new Error(`printed:\n${strange.join("\n")}`);
}

/** Runs Deno to its end, with what it fetched in the given folder. */
async function deno(
  args: string[],
  cache: string,
): Promise<{ stdout: string; stderr: string }> {
  const output = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { DENO_DIR: cache, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).output();
  const decoder = new TextDecoder();
  const stderr = decoder.decode(output.stderr);
  if (output.code !== 0) throw new Error(`exit code ${output.code}\n${stderr}`);
  return { stdout: decoder.decode(output.stdout), stderr };
}
