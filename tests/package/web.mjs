/** Runs the smoke test on what a bundler for browsers makes of the package. */
import * as scheduler from "../../mod.ts";
import { MemoryStore } from "../../stores/memory.ts";
import { smoke } from "./smoke.mjs";

globalThis.result = smoke(scheduler, new MemoryStore());
