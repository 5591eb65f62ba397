/** Parses the given modules, without a look at what they import. */
import { readFile } from "node:fs/promises";
import { SourceTextModule } from "node:vm";

const paths = process.argv.slice(2);
for (const path of paths) {
  const source = await readFile(path, "utf8");
  new SourceTextModule(source, { identifier: path });
}
console.log(`${paths.length} modules`);
