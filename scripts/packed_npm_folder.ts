import { join } from "node:path";
import config from "../deno.json" with { type: "json" };
import { finishNpmFolder } from "./finish_npm_folder.ts";
import { packageJson } from "./package_json.ts";
import { runCommand } from "./run_command.ts";

/**
 * Makes the folder that `build:npm` makes, but with the modules of `deno pack`,
 * so that it needs neither dnt nor JSR.
 */
export async function packedNpmFolder(
  folder: string,
  root: string,
): Promise<void> {
  const tarball = `${folder}.deno.tgz`;
  const modules = join(folder, "esm");
  await Deno.mkdir(modules, { recursive: true });
  const pack = ["pack", "--no-source-maps", "--allow-dirty", "-o", tarball];
  await runCommand(Deno.execPath(), pack, root);
  const unpack = ["xzf", tarball, "-C", modules, "--strip-components=1"];
  await runCommand("tar", unpack, root);
  // Of `esm/package.json` dnt writes one of its own; the papers are beside the modules.
  await Deno.copyFile(
    join(modules, "package.json"),
    join(folder, "package.json"),
  );
  for (const { name, isFile } of Deno.readDirSync(modules)) {
    if (isFile && /^[A-Z]|\.indexes\.json$/.test(name)) {
      await Deno.remove(join(modules, name));
    }
  }
  await finishNpmFolder(folder, packageJson(config), root);
}
