/**
 * Packs the library as a user would install it, and checks the package from
 * the outside: what is in it, its types, and that it runs.
 *
 *     deno run -A scripts/check_package.ts
 */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../deno.json" with { type: "json" };
import { entryPoints } from "./entry_points.ts";
import { portableTests } from "./portable_tests.ts";

const COMMAND_TIMEOUT_MS = 120_000;
const RUNTIMES = ["node@22", "node@24", "bun@1"] as const;

const ROOT = new URL("..", import.meta.url);
const FIXTURES = new URL("../tests/package/", import.meta.url);

let passed = 0;
let failed = 0;

const dir = await Deno.makeTempDir({ prefix: "scheduler_package_" });
try {
  if (await check("pack and install", install)) await checkInstalled();
} finally {
  await Deno.remove(dir, { recursive: true });
}
console.log(
  `${failed === 0 ? "ok" : "FAILED"} | ${passed} passed | ${failed} failed`,
);
Deno.exitCode = failed === 0 ? 0 : 1;

async function checkInstalled(): Promise<void> {
  await check("contents", checkContents);
  await check("types, nodenext", () => checkTypes("nodenext"));
  await check("types, bundler", () => checkTypes("bundler"));
  await check("bundle the tests", bundleTests);
  await check("web standards alone", checkWeb);
  for (const runtime of RUNTIMES) await checkRuntime(runtime);
}

/** Runs one check, counts it, and tells whether it passed. */
async function check(name: string, run: () => unknown): Promise<boolean> {
  const start = performance.now();
  try {
    const printed = await run();
    passed++;
    const took = Math.round(performance.now() - start);
    const lastLine = String(printed ?? "").split("\n").at(-1);
    console.log(`${name} ... ok (${took}ms) ${lastLine}`.trimEnd());
    return true;
  } catch (error) {
    failed++;
    console.log(`${name} ... FAILED\n${(error as Error).message}`);
    return false;
  }
}

/** Runs a command in the consumer's folder and returns what it printed. */
async function run(
  command: string,
  args: readonly string[],
  cwd: string | URL = dir,
): Promise<string> {
  const { code, signal, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd,
    stdin: "null",
    env: { NODE_NO_WARNINGS: "1" },
    signal: AbortSignal.timeout(COMMAND_TIMEOUT_MS),
  }).output();
  const decoder = new TextDecoder();
  const printed = decoder.decode(stdout);
  if (code === 0) return printed.trim();
  throw new Error(
    `${[command, ...args].join(" ")} ended with ${signal ?? code}\n` +
      printed + decoder.decode(stderr),
  );
}

/** An empty project, with the tarball, TypeScript and the types of Node. */
async function install(): Promise<void> {
  const tarball = join(dir, "scheduler.tgz");
  const pack = ["pack", "--no-source-maps", "--allow-dirty", "-o", tarball];
  await run(Deno.execPath(), pack, ROOT);
  await Deno.writeTextFile(
    join(dir, "package.json"),
    JSON.stringify({ private: true, type: "module" }),
  );
  const packages = [tarball, "typescript@5", "@types/node@22", "esbuild@0"];
  await run("npm", ["install", "--no-audit", "--no-fund", ...packages]);
  for (const { name } of Deno.readDirSync(FIXTURES)) {
    await Deno.copyFile(new URL(name, FIXTURES), join(dir, name));
  }
}

/** Declarations for every entry point, the papers, and nothing that is ours. */
async function checkContents(): Promise<void> {
  const root = join(dir, "node_modules", config.name);
  const manifest = JSON.parse(
    await Deno.readTextFile(join(root, "package.json")),
  );
  const files = Array.from(filesIn(root), (file) => relative(root, file));
  const wanted = entryPoints.flatMap(({ name }) => {
    const { types, default: code } = manifest.exports[name];
    return [types ?? `declarations of ${name}`, code];
  }).map((path) => path.replace("./", "")).concat(
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
  );
  const missing = wanted.filter((file) => !files.includes(file));
  const extra = files.filter((file) =>
    file.endsWith(".ts") && !file.endsWith(".d.ts") ||
    /(^|\/)(examples|scripts|\.ci|bench)\/|_(test|bench)\./.test(file)
  );
  const clients = Object.keys(manifest.dependencies ?? {})
    .filter((name) => name !== "cron-parser");
  if (missing.length + extra.length + clients.length > 0) {
    throw new Error(
      `missing: [${missing}]; too much: [${extra}]; dependencies: [${clients}]`,
    );
  }
}

function* filesIn(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* filesIn(path);
    else yield path;
  }
}

/** Compiles a consumer, with the declarations of all entry points. */
async function checkTypes(moduleResolution: string): Promise<void> {
  const imports = entryPoints.map(({ name }, index) =>
    `export * as entry${index} from "${name.replace(".", config.name)}";`
  );
  await Deno.writeTextFile(join(dir, "entry_points.ts"), imports.join("\n"));
  const tsconfig = {
    compilerOptions: {
      module: moduleResolution === "nodenext" ? "nodenext" : "esnext",
      moduleResolution,
      target: "es2022",
      lib: ["es2023", "esnext.disposable"],
      types: ["node"],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
    },
    files: ["consumer.ts", "entry_points.ts"],
  };
  await Deno.writeTextFile(
    join(dir, "tsconfig.json"),
    JSON.stringify(tsconfig),
  );
  await run("npx", ["tsc", "-p", "tsconfig.json"]);
}

/** Bundles the portable tests, in a syntax that Node 22 knows. */
async function bundleTests(): Promise<void> {
  const tests = portableTests();
  if (tests.length === 0) throw new Error("no test is portable");
  const bundles = join(dir, "bundles");
  await bundle(["--platform", "deno", "--outdir", bundles], tests);
  await run("npx", [
    "esbuild",
    ...filesIn(bundles),
    "--target=node22",
    `--outdir=${join(dir, "tests")}`,
  ]);
}

/** Runs a bundle for browsers where there is no Node API. */
async function checkWeb(): Promise<void> {
  const output = join(dir, "web.js");
  const entry = fileURLToPath(new URL("web.mjs", FIXTURES));
  const options = ["--platform", "browser", "--format", "iife", "-o", output];
  await bundle(options, [entry]);
  await run(await executable("node@22"), ["web_context.mjs", output]);
}

async function bundle(options: string[], files: string[]): Promise<void> {
  await run(
    Deno.execPath(),
    ["bundle", "--frozen", ...options, ...files],
    ROOT,
  );
}

/** Runs the package as installed, and the portable tests. */
async function checkRuntime(runtime: string): Promise<void> {
  let path = "";
  await check(runtime, async () => {
    path = await executable(runtime);
    return run(path, ["--version"]);
  });
  await check(
    `${runtime}, every entry point`,
    () => run(path, ["all_exports.mjs"]),
  );
  await check(`${runtime}, tests`, () => {
    const tests = Array.from(filesIn(join(dir, "tests"))).sort();
    return run(path, ["run_tests.mjs", ...tests]);
  });
}

/** Finds a runtime on npm, such as `node@22`, and returns the path of its binary. */
function executable(runtime: string): Promise<string> {
  const [name] = runtime.split("@");
  const print = `${name} -p process.execPath`;
  return run("npx", ["--yes", "--package", runtime, "--call", print]);
}
