/**
 * Packs the library as a user would install it, and checks the package from
 * the outside: what is in it, its types, its size, and that it runs.
 *
 *     deno task check:package
 */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../deno.json" with { type: "json" };
import { check, finishChecks } from "./checks.ts";
import { entryPoints } from "./entry_points.ts";
import { filesIn } from "./files_in.ts";
import { packedNpmFolder } from "./packed_npm_folder.ts";
import { portableTests } from "./portable_tests.ts";
import { runCommand } from "./run_command.ts";

const RUNTIMES = ["node@22", "node@24", "bun@1"] as const;
/** How many checks run at once: the tests of a runtime keep one core busy. */
const LANES = 2;

/** Installed beside the package. */
const USERS_PACKAGES = [
  "typescript@5",
  "@types/node@22",
  "pg@8",
  "@types/pg@8",
  "@google-cloud/firestore@8", // the oldest that will do; our tests use the newest
];
const TOOLS = [
  "esbuild@0.28.2",
  "publint@0.3.25",
  "@arethetypeswrong/cli@0.18.5",
];

/** What is imported from which entry point, and how many bytes it may take. */
interface Bundle {
  readonly imports: Readonly<Record<string, string>>;
  readonly maxBytes: number;
}

const BUNDLES: readonly Bundle[] = [
  { imports: { SimpleTrigger: "." }, maxBytes: 4_000 },
  {
    imports: { StdScheduler: ".", MemoryStore: "./stores/memory" },
    maxBytes: 170_000,
  },
];

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FIXTURES = join(ROOT, "tests", "package");

const dir = await Deno.makeTempDir({ prefix: "scheduler_package_" });
const npmFolder = join(dir, "npm");
const tarball = join(dir, "scheduler.tgz");
const consumer = join(dir, "consumer");
const tools = join(dir, "tools");
const installed = join(consumer, "node_modules", config.name);

try {
  if (await check("pack and install", install)) await checkInstalled();
} finally {
  await Deno.remove(dir, { recursive: true });
}
finishChecks();

async function checkInstalled(): Promise<void> {
  const bundled = await check("bundle the tests", bundleTests);
  const checks = [
    ...RUNTIMES.map((runtime) => () => checkRuntime(runtime, bundled)),
    () => check("Firestore's client 8", checkFirestore),
    () => check("contents", checkContents),
    () => check("publint", lintPackage),
    () => check("are the types wrong", lintTypes),
    () => check("types, nodenext", () => checkTypes("nodenext")),
    () => check("types, bundler", () => checkTypes("bundler")),
    () => check("syntax for Node 22", checkSyntax),
    () => check("web standards alone", checkWeb),
    ...BUNDLES.map(({ imports, maxBytes }) => () =>
      check(
        `bundle of ${Object.keys(imports).join(" and ")}`,
        () => checkSize(imports, maxBytes),
      )
    ),
  ];
  const lane = async () => {
    for (let next = checks.shift(); next; next = checks.shift()) await next();
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** An empty project with the package in it, and the tools in another. */
async function install(): Promise<void> {
  const prepared = await Promise.allSettled([
    packedNpmFolder(npmFolder, ROOT),
    npmInstall(tools, TOOLS),
    ...RUNTIMES.map(executable),
  ]);
  for (const result of prepared) {
    if (result.status === "rejected") throw result.reason;
  }
  const packed = await runCommand("npm", ["pack", npmFolder], dir);
  await Deno.rename(join(dir, packed.split("\n").at(-1)!), tarball);
  await npmInstall(consumer, [tarball, ...USERS_PACKAGES]);
  for (const { name } of Deno.readDirSync(FIXTURES)) {
    if (!name.endsWith("_test.ts")) {
      await Deno.copyFile(join(FIXTURES, name), join(consumer, name));
    }
  }
}

async function npmInstall(folder: string, packages: string[]): Promise<void> {
  await Deno.mkdir(folder);
  await Deno.writeTextFile(
    join(folder, "package.json"),
    JSON.stringify({ private: true, type: "module" }),
  );
  const options = ["--no-audit", "--no-fund", "--prefer-offline"];
  await runCommand("npm", ["install", ...options, ...packages], folder);
}

/** Runs a command of the consumer's, where the package is installed. */
function run(
  command: string,
  args: readonly string[],
  env?: Record<string, string>,
): Promise<string> {
  return runCommand(command, args, consumer, env);
}

/** Declarations for every entry point, the papers, and nothing that is ours. */
function checkContents(): string {
  const files = Array.from(
    filesIn(installed),
    (file) => relative(installed, file),
  );
  const wanted = [
    ...entryPoints.flatMap(({ path }) => {
      const module = path.replace(/^\.\/(.*)\.ts$/, "esm/$1");
      return [`${module}.js`, `${module}.d.ts`];
    }),
    "package.json",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "firestore.indexes.json",
  ];
  const missing = wanted.filter((file) => !files.includes(file));
  // `deno pack` takes a module that nothing imports as it is.
  const extra = files.filter((file) =>
    file.endsWith(".ts") && !file.endsWith(".d.ts") ||
    /(^|\/)(examples|scripts|\.ci|bench)\/|_(test|bench)\./.test(file) ||
    !file.startsWith("esm/") && !wanted.includes(file) ||
    file === "esm/package.json"
  );
  if (missing.length + extra.length > 0) {
    throw new Error(`missing: [${missing}]; too much: [${extra}]`);
  }
  return `${files.length} files`;
}

async function lintPackage(): Promise<void> {
  const publint = ["publint", "run", tarball, "--strict"];
  await runCommand("npx", publint, tools);
}

async function lintTypes(): Promise<void> {
  const attw = ["attw", tarball, "--profile", "esm-only", "--format", "ascii"];
  await runCommand("npx", [...attw, "--no-definitely-typed"], tools);
}

/** Compiles a consumer, with the declarations of all entry points. */
async function checkTypes(moduleResolution: string): Promise<void> {
  const imports = entryPoints.map(({ name }, index) =>
    `export * as entry${index} from "${name.replace(".", config.name)}";`
  );
  const entries = `entry_points_${moduleResolution}.ts`;
  await Deno.writeTextFile(join(consumer, entries), imports.join("\n"));
  await compile(moduleResolution, {
    skipLibCheck: false,
    files: ["consumer.ts", entries],
  });
}

async function compile(
  moduleResolution: string,
  { skipLibCheck, files }: { skipLibCheck: boolean; files: string[] },
): Promise<void> {
  const tsconfig = `tsconfig.${moduleResolution}.${skipLibCheck}.json`;
  const compilerOptions = {
    module: moduleResolution === "nodenext" ? "nodenext" : "esnext",
    moduleResolution,
    target: "es2022",
    lib: ["es2023", "esnext.disposable"],
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck,
    noEmit: true,
  };
  await Deno.writeTextFile(
    join(consumer, tsconfig),
    JSON.stringify({ compilerOptions, files }),
  );
  await run("npx", ["tsc", "-p", tsconfig]);
}

/** Compiles and runs the store with a client other than that of the tests. */
async function checkFirestore(): Promise<string> {
  await compile("nodenext", { skipLibCheck: true, files: ["firestore.ts"] });
  // Starts the emulator, unless there is one.
  await import("../tests/helpers/firestore_emulator.ts");
  const host = Deno.env.get("FIRESTORE_EMULATOR_HOST");
  if (host === undefined) return "types alone: there is no emulator";
  return run(await executable("node@22"), ["firestore.mjs"], {
    FIRESTORE_EMULATOR_HOST: host,
  });
}

/** Parses all modules, whether or not they are ever loaded. */
async function checkSyntax(): Promise<string> {
  const modules = Array.from(filesIn(installed))
    .filter((file) => file.endsWith(".js"));
  const parse = ["--experimental-vm-modules", "parse_all.mjs"];
  return run(await executable("node@22"), [...parse, ...modules]);
}

/** Bundles a few imports as a bundler would for production. */
async function checkSize(
  imports: Bundle["imports"],
  maxBytes: number,
): Promise<string> {
  const names = Object.keys(imports);
  const entry = join(consumer, `${names.join("_")}.mjs`);
  const code = Object.entries(imports).map(([name, entryPoint]) =>
    `export { ${name} } from "${entryPoint.replace(".", config.name)}";`
  );
  await Deno.writeTextFile(entry, code.join("\n"));
  const output = entry.replace(".mjs", ".min.js");
  const options = ["--bundle", "--minify", "--format=esm", "--platform=node"];
  const esbuild = ["esbuild", entry, ...options, `--outfile=${output}`];
  await runCommand("npx", esbuild, tools);
  const { size } = await Deno.stat(output);
  if (size <= maxBytes) return `${size} bytes`;
  throw new Error(`${size} bytes; expected at most ${maxBytes}`);
}

/** Bundles the portable tests, in a syntax that Node 22 knows. */
async function bundleTests(): Promise<void> {
  const tests = portableTests();
  if (tests.length === 0) throw new Error("no test is portable");
  const bundles = join(dir, "bundles");
  await bundle(["--platform", "deno", "--outdir", bundles], tests);
  const output = `--outdir=${join(consumer, "tests")}`;
  const esbuild = ["esbuild", ...filesIn(bundles), "--target=node22", output];
  await runCommand("npx", esbuild, tools);
}

/** Runs a bundle for browsers where there is no Node API. */
async function checkWeb(): Promise<void> {
  const output = join(consumer, "web.js");
  const options = ["--platform", "browser", "--format", "iife", "-o", output];
  await bundle(options, [join(FIXTURES, "web.mjs")]);
  await run(await executable("node@22"), ["web_context.mjs", output]);
}

async function bundle(options: string[], files: string[]): Promise<void> {
  const deno = ["bundle", "--frozen", ...options, ...files];
  await runCommand(Deno.execPath(), deno, ROOT);
}

/** Runs the package as installed, and the portable tests. */
async function checkRuntime(runtime: string, tests: boolean): Promise<void> {
  const path = await executable(runtime);
  await check(runtime, () => run(path, ["--version"]));
  await check(
    `${runtime}, every entry point`,
    () => run(path, ["all_exports.mjs"]),
  );
  if (!tests) return;
  const files = Array.from(filesIn(join(consumer, "tests"))).sort();
  await check(
    `${runtime}, tests`,
    () => run(path, ["run_tests.mjs", ...files]),
  );
}

/** Finds a runtime on npm, such as `node@22`, and returns the path of its binary. */
function executable(runtime: string): Promise<string> {
  const [name] = runtime.split("@");
  const print = `${name} -p process.execPath`;
  const npx = ["--yes", "--package", runtime, "--call", print];
  return runCommand("npx", npx, ROOT);
}
