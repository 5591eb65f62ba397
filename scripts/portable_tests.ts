import { fileURLToPath } from "node:url";

const TESTS = new URL("../tests/", import.meta.url);

/** Deno beyond `Deno.test`, and the databases, which need a server. */
const NOT_PORTABLE =
  /\bDeno\.(?!test\b(?!\.))|from "(pg|@google-cloud\/firestore)"/;
const LOCAL_IMPORT = /from "(\.{1,2}\/[^"]+)"/g;

/**
 * The test files that run under Node and Bun as well: neither they nor what
 * they import uses anything of Deno but `Deno.test`, or a database client.
 */
export function portableTests(): string[] {
  return Array.from(testsIn(TESTS))
    .filter((file) => isPortable(file, new Set()))
    .map((file) => fileURLToPath(file))
    .sort();
}

function* testsIn(folder: URL): Generator<URL> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* testsIn(new URL(`${name}/`, folder));
    else if (name.endsWith("_test.ts")) yield new URL(name, folder);
  }
}

function isPortable(file: URL, seen: Set<string>): boolean {
  if (seen.has(file.href)) return true;
  seen.add(file.href);
  const source = Deno.readTextFileSync(file);
  if (NOT_PORTABLE.test(source)) return false;
  return Array.from(source.matchAll(LOCAL_IMPORT))
    .every(([, path]) => isPortable(new URL(path, file), seen));
}
