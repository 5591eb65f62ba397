/** The same code everywhere: what `mod.ts` loads is at home in any runtime. */
import { assertEquals } from "@std/assert";
import { sourceFiles } from "../helpers/source_files.ts";

/** The modules that these load, and all they load in their turn. */
function loadedBy(...entryPoints: string[]): Set<string> {
  const known = new Map(
    sourceFiles("mod.ts", "src", "triggers", "jobs", "stores")
      .map((file) => [file.path, file]),
  );
  const loaded = new Set(entryPoints);
  // A set that grows meanwhile is walked to its end.
  for (const path of loaded) {
    for (const from of known.get(path)?.loads ?? []) loaded.add(from);
  }
  return loaded;
}

Deno.test("mod.ts and the memory store load one package, and no API of Deno, Node or Bun", () => {
  const loaded = loadedBy("mod.ts", "stores/memory.ts");
  const foreign = [...loaded].filter((path) => !path.endsWith(".ts"));
  assertEquals(foreign, ["cron-parser"]);
});

Deno.test("no store loads a database client: users bring theirs", () => {
  for (const store of ["sqlite", "postgres", "firestore"]) {
    const foreign = [...loadedBy(`stores/${store}.ts`)]
      .filter((path) => !path.endsWith(".ts") && !path.startsWith("node:"));
    assertEquals(foreign, []);
  }
});
