import config from "../deno.json" with { type: "json" };

/** What can be imported from the package. */
export interface EntryPoint {
  /** The key in `exports`, such as `"./stores/memory"`. */
  readonly name: string;
  /** The source file, relative to the root. */
  readonly path: string;
}

/** The entry points, as `deno.json` has them. */
export const entryPoints: readonly EntryPoint[] = Object.entries(config.exports)
  .map(([name, path]) => ({ name, path }));

if (import.meta.main) {
  console.log(entryPoints.map(({ path }) => path).join(" "));
}
