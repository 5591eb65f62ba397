/**
 * Builds the npm package into `npm/`, and runs the portable tests there.
 *
 *     deno task build:npm [version]
 */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../deno.json" with { type: "json" };
import { entryPoints } from "./entry_points.ts";
import { finishNpmFolder } from "./finish_npm_folder.ts";
import { COMMANDS, packageJson } from "./package_json.ts";
import { portableTests } from "./portable_tests.ts";

const OUT_DIR = "npm";
const OLDEST_NODE = "22.13.0";

const root = fileURLToPath(new URL("..", import.meta.url));
Deno.chdir(root);
checkNode();
// @ts-ignore: mapped in scripts/deno.json, so that all else needs no JSR
const { build, emptyDir } = await import("@deno/dnt");

const manifest = packageJson(config, Deno.args[0]);
const tests = portableTests().map((path) => relative("tests", path));
await emptyDir(OUT_DIR);
await build({
  entryPoints: [
    ...entryPoints,
    ...Object.entries(COMMANDS)
      .map(([name, path]) => ({ kind: "bin", name, path })),
  ],
  outDir: OUT_DIR,
  shims: { deno: { test: "dev" } },
  scriptModule: false,
  declarationMap: false, // The sources are not in the package.
  polyfills: false, // Node 22 needs none.
  typeCheck: "single",
  test: true,
  rootTestDir: "tests",
  testPattern: `{${tests.join(",")}}`,
  compilerOptions: {
    target: "ES2023", // Node 22 does not know `using`.
    lib: ["ESNext", "DOM", "DOM.Iterable"],
  },
  // For the build and its tests; `finishNpmFolder` leaves it out.
  package: { ...manifest, devDependencies: { "@types/node": "^22" } },
});
await finishNpmFolder(OUT_DIR, manifest, root);

/** dnt tests what it builds on the Node that it finds. */
function checkNode(): void {
  const { stdout } = new Deno.Command("node", { args: ["--version"] })
    .outputSync();
  const version = new TextDecoder().decode(stdout).trim();
  const compared = version.replace("v", "")
    .localeCompare(OLDEST_NODE, "en", { numeric: true });
  if (compared >= 0) return;
  console.error(
    `Cannot build the npm package on Node ${version}: expected Node ${OLDEST_NODE} or newer`,
  );
  Deno.exit(1);
}
