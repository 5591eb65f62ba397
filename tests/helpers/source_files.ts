import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);

/** A module of this repository. */
export interface SourceFile {
  /** Its path from the root, such as `"src/api/job.ts"`. */
  readonly path: string;
  /** Its text without comments. */
  readonly code: string;
  /** What it imports or re-exports: paths from the root, or bare names. */
  readonly imports: readonly string[];
  /** Those of the imports that are there at run time, from the beginning. */
  readonly loads: readonly string[];
}

/** A comment that starts its line: what else looks like one may be a string. */
const COMMENT = /^[ \t]*(?:\/\*[\s\S]*?\*\/|\/\/.*$)/gm;
const STATEMENT =
  /^(?:import|export) (?<what>(?:[^;"]*? from )?)"(?<from>[^"]+)"/gm;
const EXPRESSION = /\bimport\("(?<from>[^"]+)"\)/g;

/** The modules in these folders, and these files. */
export function sourceFiles(...paths: string[]): SourceFile[] {
  return paths.flatMap((path) => [...modulesIn(path)]).sort().map(read);
}

function* modulesIn(path: string): Generator<string> {
  if (path.endsWith(".ts")) return yield path;
  for (const entry of Deno.readDirSync(new URL(path, ROOT))) {
    const inside = `${path}/${entry.name}`;
    if (entry.isDirectory) yield* modulesIn(inside);
    else if (inside.endsWith(".ts")) yield inside;
  }
}

function read(path: string): SourceFile {
  const code = Deno.readTextFileSync(new URL(path, ROOT)).replace(COMMENT, "");
  const statements = Array.from(code.matchAll(STATEMENT), ({ groups }) => ({
    from: resolve(path, groups!.from),
    isType: groups!.what.startsWith("type "),
  }));
  const expressions = Array.from(
    code.matchAll(EXPRESSION),
    ({ groups }) => resolve(path, groups!.from),
  );
  return {
    path,
    code,
    imports: [...statements.map(({ from }) => from), ...expressions],
    loads: statements.filter(({ isType }) => !isType).map(({ from }) => from),
  };
}

function resolve(path: string, from: string): string {
  if (!from.startsWith(".")) return from;
  const file = new URL(from, new URL(path, ROOT));
  return fileURLToPath(file).slice(fileURLToPath(ROOT).length)
    .replaceAll("\\", "/");
}
