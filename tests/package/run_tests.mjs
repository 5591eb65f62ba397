/**
 * A small `Deno.test` for runtimes that have none: runs the tests in the given
 * bundles, one after the other, and ends with the count.
 */
import { pathToFileURL } from "node:url";

const tests = [];
globalThis.Deno = {
  test(first, second) {
    const [name, fn] = typeof first === "string"
      ? [first, second]
      : [first.name, first.fn];
    if (first.ignore !== true) tests.push({ name, fn });
  },
};

let passed = 0;
let failed = 0;

async function run(name, fn) {
  const context = {
    name,
    step(first, second) {
      return typeof first === "string"
        ? run(`${name} ... ${first}`, second)
        : run(`${name} ... ${first.name}`, first.fn);
    },
  };
  const failedBefore = failed;
  try {
    await fn(context);
  } catch (error) {
    console.error(`${name} ... FAILED\n`, error);
    failed++;
  }
  return failed === failedBefore;
}

for (const path of process.argv.slice(2)) {
  await import(pathToFileURL(path).href);
}
for (const { name, fn } of tests) {
  if (await run(name, fn)) passed++;
}
console.log(`${passed} passed | ${failed} failed`);
if (failed > 0 || passed === 0) process.exitCode = 1;
