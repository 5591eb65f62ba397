/**
 * Imports every entry point of the installed package, then runs the smoke
 * test; a process that does not end by itself shows up as a timeout.
 */
import { createRequire } from "node:module";
import { smoke } from "./smoke.mjs";

const require = createRequire(import.meta.url);
const { exports } = require("./node_modules/@x/scheduler/package.json");

const all = {};
for (const name of Object.keys(exports)) {
  const module = await import(name.replace(".", "@x/scheduler"));
  if (Object.keys(module).length === 0) throw new Error(`${name} is empty`);
  Object.assign(all, module);
}
await smoke(all, new all.MemoryStore());
