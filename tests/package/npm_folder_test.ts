import { assert, assertEquals, assertRejects } from "@std/assert";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { finishNpmFolder } from "../../scripts/finish_npm_folder.ts";
import { packageJson } from "../../scripts/package_json.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const manifest = packageJson(config, "1.2.3");

/** A folder as dnt leaves it, with empty modules. */
async function builtFolder(
  dependencies: Record<string, string>,
): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "scheduler_npm_" });
  const files = {
    ".npmignore": "/src/\n/esm/tests/some_test.js\n/test_runner.js\n",
    "package.json": JSON.stringify({
      ...manifest,
      module: "./esm/mod.js",
      scripts: { test: "node test_runner.js" },
      dependencies,
      devDependencies: { "@types/node": "^22", picocolors: "^1.0.0" },
    }),
    "test_runner.js": "",
    "esm/package.json": `{\n  "type": "module"\n}\n`,
    ...Object.fromEntries(
      Object.values(config.exports).flatMap((source) => {
        const module = join("esm", source.replace(".ts", ""));
        return [[`${module}.js`, ""], [`${module}.d.ts`, "export {};"]];
      }),
    ),
  };
  for (const [name, content] of Object.entries(files)) {
    await Deno.mkdir(dirname(join(path, name)), { recursive: true });
    await Deno.writeTextFile(join(path, name), content);
  }
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

Deno.test("what dnt built becomes what is published", async () => {
  await using folder = await builtFolder({ "cron-parser": "^5.10.5" });
  await finishNpmFolder(folder.path, manifest, ROOT);
  const published = JSON.parse(
    await Deno.readTextFile(join(folder.path, "package.json")),
  );
  assertEquals(published, { ...manifest });
  assertEquals(published.version, "1.2.3");
  assertEquals(published.sideEffects, false);
  assertEquals(
    ["scripts", "devDependencies", "module"].filter((key) => key in published),
    [],
  );
  const names = Array.from(Deno.readDirSync(folder.path), ({ name }) => name);
  for (
    const paper of [
      "README.md",
      "LICENSE",
      "CHANGELOG.md",
      "firestore.indexes.json",
    ]
  ) assert(names.includes(paper), paper);
  await assertRejects(
    () => Deno.stat(join(folder.path, "esm", "package.json")),
    Deno.errors.NotFound,
  );
  const readme = await Deno.readTextFile(join(folder.path, "README.md"));
  assertEquals(readme.match(/\]\((?!https:|#)[^)]*\)/g), null);
});

Deno.test("code that imports a client of its own is not published", async () => {
  await using folder = await builtFolder({
    "cron-parser": "^5.10.5",
    pg: "^8",
  });
  await assertRejects(
    () => finishNpmFolder(folder.path, manifest, ROOT),
    Error,
    "Cannot publish: the code imports pg",
  );
});

Deno.test("a package without a module that it names is not published", async () => {
  await using folder = await builtFolder({ "cron-parser": "^5.10.5" });
  await Deno.remove(join(folder.path, "esm/stores/sqlite.d.ts"));
  await assertRejects(
    () => finishNpmFolder(folder.path, manifest, ROOT),
    Deno.errors.NotFound,
    "sqlite.d.ts",
  );
});
