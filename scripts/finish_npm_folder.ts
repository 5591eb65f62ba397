import { join } from "node:path";
import { absoluteLinks } from "./absolute_links.ts";
import { type PackageJson, REPOSITORY } from "./package_json.ts";

const PAGES = ["README.md", "CHANGELOG.md"];
const PAPERS = ["LICENSE", "firestore.indexes.json"];

/**
 * Makes a folder that dnt has built and tested into what is published. dnt has
 * to be through: it starts its tests by a script of its own `package.json`.
 *
 * @throws {Error} if the code depends on more than the given `package.json` says, or
 * if something is missing that it names.
 */
export async function finishNpmFolder(
  folder: string,
  manifest: PackageJson,
  root: string,
): Promise<void> {
  const built = await readJson(join(folder, "package.json"));
  // dnt makes what the code imports a dependency, and no store may import its client.
  const extra = Object.keys(built.dependencies ?? {})
    .filter((name) => !Object.hasOwn(manifest.dependencies, name));
  if (extra.length > 0) {
    throw new Error(`Cannot publish: the code imports ${extra.join(", ")}`);
  }
  await Deno.writeTextFile(
    join(folder, "package.json"),
    `${JSON.stringify(manifest, undefined, 2)}\n`,
  );
  // It would hide `sideEffects: false`, and all would be bundled for one class.
  await Deno.remove(join(folder, "esm", "package.json"));
  for (const name of PAGES) {
    const markdown = await Deno.readTextFile(join(root, name));
    await Deno.writeTextFile(
      join(folder, name),
      absoluteLinks(markdown, REPOSITORY),
    );
  }
  for (const name of PAPERS) {
    await Deno.copyFile(join(root, name), join(folder, name));
  }
  for (const file of targets(manifest)) await Deno.stat(join(folder, file));
}

/** The files that are named. */
function targets({ main, types, bin, exports }: PackageJson): string[] {
  const exported = Object.values(exports)
    .flatMap((target) => [target.types, target.default]);
  return [main, types, ...Object.values(bin ?? {}), ...exported];
}

// deno-lint-ignore no-explicit-any
async function readJson(path: string): Promise<any> {
  return JSON.parse(await Deno.readTextFile(path));
}
