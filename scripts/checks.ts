let passed = 0;
let failed = 0;

/**
 * Runs one check, counts it, prints how it went with the last line of what it
 * returned, and tells whether it passed.
 */
export async function check(
  name: string,
  run: () => unknown,
): Promise<boolean> {
  const start = performance.now();
  try {
    const printed = await run();
    passed++;
    const took = Math.round(performance.now() - start);
    const lastLine = String(printed ?? "").split("\n").at(-1);
    console.log(`${name} ... ok (${took}ms) ${lastLine}`.trimEnd());
    return true;
  } catch (error) {
    failed++;
    console.log(`${name} ... FAILED\n${(error as Error).message}`);
    return false;
  }
}

/** Prints the count as `deno test` does, and sets the exit code. */
export function finishChecks(): void {
  console.log(
    `${failed === 0 ? "ok" : "FAILED"} | ${passed} passed | ${failed} failed`,
  );
  Deno.exitCode = failed === 0 ? 0 : 1;
}
