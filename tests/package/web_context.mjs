/**
 * Runs a bundle where there is no Node API: a fresh global object with the web
 * standards alone, no `process`, no `require` and no `import()`.
 */
import { readFile } from "node:fs/promises";
import { createContext, runInContext } from "node:vm";

const WEB_GLOBALS = [
  "AbortController",
  "AbortSignal",
  "clearInterval",
  "clearTimeout",
  "console",
  "crypto",
  "DOMException",
  "Event",
  "EventTarget",
  "fetch",
  "Headers",
  "performance",
  "queueMicrotask",
  "Request",
  "Response",
  "setInterval",
  "setTimeout",
  "structuredClone",
  "TextDecoder",
  "TextEncoder",
  "URL",
  "URLSearchParams",
];

const context = createContext(
  Object.fromEntries(WEB_GLOBALS.map((name) => [name, globalThis[name]])),
);
runInContext(await readFile(process.argv[2], "utf8"), context);
await context.result;
