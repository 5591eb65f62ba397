/** What may import what, and where what belongs. */
import { assert, assertEquals } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { type SourceFile, sourceFiles } from "./helpers/source_files.ts";

/** Each import between these files that is not of one of these places. */
function strays(
  files: readonly SourceFile[],
  ...places: readonly string[]
): string[] {
  assert(files.length > 0);
  return files.flatMap(({ path, imports }) =>
    imports.filter(isOurs)
      .filter((from) => !places.some((place) => isIn(place, from)))
      .map((from) => `${path} imports ${from}`)
  );
}

function isOurs(from: string): boolean {
  return from.endsWith(".ts") || from.endsWith(".json");
}

function isIn(place: string, path: string): boolean {
  return path === place || path.startsWith(`${place}/`);
}

Deno.test("the contracts stand on nothing", () => {
  assertEquals(strays(sourceFiles("src/api"), "src/api"), []);
});

Deno.test("the core stands on the contracts alone", () => {
  assertEquals(strays(sourceFiles("src/core"), "src/core", "src/api"), []);
});

Deno.test("nothing in src knows a trigger, a job or a store", () => {
  assertEquals(strays(sourceFiles("src"), "src"), []);
});

Deno.test("triggers, jobs and stores stand on src, and not on each other", () => {
  for (const folder of ["triggers", "jobs", "stores"]) {
    assertEquals(strays(sourceFiles(folder), folder, "src"), []);
  }
});

Deno.test("one store knows nothing of the others", () => {
  const stores = sourceFiles("stores").filter(({ path }) =>
    path.split("/").length === 2
  );
  for (const store of stores) {
    const parts = store.path.slice(0, -".ts".length);
    const files = sourceFiles("stores").filter(({ path }) =>
      path === store.path || isIn(parts, path)
    );
    assertEquals(strays(files, store.path, parts, "src"), []);
  }
});

Deno.test("mod.ts re-exports, and does nothing else", () => {
  const [{ code }] = sourceFiles("mod.ts");
  const reExport = /export (?:type )?(?:\*|\{[^}]*\}) from "[^"]+";/g;
  assertEquals(code.replace(reExport, "").trim(), "");
});

/** What users get. */
function shipped(): SourceFile[] {
  const places = config.publish.include
    .map((place) => place.replace(/\/$/, ""))
    .filter((place) => !/\.(md|json)$|^LICENSE$/.test(place));
  return sourceFiles(...places);
}

Deno.test("nothing shipped uses Deno's own API, or imports what is not shipped", () => {
  const files = shipped();
  const ofDeno = files.filter(({ code }) => /\bDeno\b *[.?[]/.test(code));
  assertEquals(ofDeno.map(({ path }) => path), []);
  assertEquals(strays(files, ...files.map(({ path }) => path)), []);
});

/** Tests in these stand for something else than one source file. */
const APART = [
  "promises",
  "conformance",
  "conformance_suite",
  "interleavings",
  "package",
  "bench",
  "helpers",
];

Deno.test("each test is where its source is, and bears its name", () => {
  const sources = [...shipped(), ...sourceFiles("examples", "tests")]
    .map(({ path }) => path.replace(/^tests\//, ""));
  const lost = sourceFiles("tests")
    .map(({ path }) => path.replace(/^tests\//, ""))
    .filter((path) => path.endsWith("_test.ts") && path !== "layers_test.ts")
    .filter((path) => !APART.some((folder) => isIn(folder, path)))
    .filter((path) => !sources.some((source) => mirrors(path, source)));
  assertEquals(lost, []);
});

/** Whether a test is of this file, of an aspect of it, or of its folder. */
function mirrors(test: string, source: string): boolean {
  const subject = test.slice(0, -"test.ts".length);
  const parts = source.split("/");
  return !source.endsWith("_test.ts") &&
    parts.some((_, depth) =>
      subject.startsWith(
        `${parts.slice(0, depth + 1).join("/").replace(/\.ts$/, "")}_`,
      )
    );
}
