/**
 * Builds the npm package into `npm/`, and runs the portable tests there.
 *
 *     deno task build:npm [version]
 */
import { relative } from "node:path";
// @ts-ignore: mapped in scripts/deno.json, so that all else needs no JSR
import { build, emptyDir } from "@deno/dnt";
import config from "../deno.json" with { type: "json" };
import { entryPoints } from "./entry_points.ts";
import { portableTests } from "./portable_tests.ts";

const OUT_DIR = "npm";
const version = Deno.args[0] ?? config.version;

Deno.chdir(new URL("..", import.meta.url));
await emptyDir(OUT_DIR);
await build({
  entryPoints: [...entryPoints],
  outDir: OUT_DIR,
  shims: { deno: { test: "dev" } },
  scriptModule: false,
  polyfills: false, // Node 22 needs none
  typeCheck: "single",
  test: true,
  rootTestDir: "tests",
  testPattern: `{${
    portableTests().map((path) => relative("tests", path)).join(",")
  }}`,
  compilerOptions: {
    target: "ES2023", // Node 22 does not know `using`
    lib: ["ESNext", "DOM", "DOM.Iterable"],
  },
  package: {
    name: config.name,
    version,
    description: "Simple, durable and distributed scheduling of jobs",
    keywords: ["scheduler", "cron", "jobs", "queue", "postgres", "firestore"],
    license: config.license,
    type: "module",
    sideEffects: false,
    engines: { node: ">=22" },
    exports: Object.fromEntries(entryPoints.map(({ name, path }) => {
      const output = `./esm/${path.replace("./", "").replace(".ts", "")}`;
      return [name, { types: `${output}.d.ts`, default: `${output}.js` }];
    })),
    peerDependencies: {
      "@google-cloud/firestore": range("@google-cloud/firestore"),
      pg: range("pg"),
    },
    peerDependenciesMeta: {
      "@google-cloud/firestore": { optional: true },
      pg: { optional: true },
    },
    devDependencies: { "@types/node": "^22" },
  },
  postBuild() {
    for (const file of ["README.md", "LICENSE", "CHANGELOG.md"]) {
      Deno.copyFileSync(file, `${OUT_DIR}/${file}`);
    }
    checkPackageJson();
  },
});

/** The range of versions in `npm:name@range`. */
function range(name: keyof typeof config.imports): string {
  return config.imports[name].slice(`npm:${name}@`.length);
}

/** dnt makes what the code imports a dependency: no store may import its client. */
function checkPackageJson(): void {
  const { dependencies, exports } = JSON.parse(
    Deno.readTextFileSync(`${OUT_DIR}/package.json`),
  );
  const extra = Object.keys(dependencies).filter((name) =>
    name !== "cron-parser"
  );
  if (extra.length > 0) {
    throw new Error(`Cannot publish: depends on ${extra.join(", ")}`);
  }
  for (const target of Object.values<Record<string, string>>(exports)) {
    for (const file of Object.values(target)) {
      Deno.statSync(`${OUT_DIR}/${file}`);
    }
  }
}
