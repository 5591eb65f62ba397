/** The examples that need a database; the others run by themselves. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { test } from "./helpers/firestore_emulator.ts";
import { startPostgres } from "./helpers/postgres_server.ts";

/**
 * Runs an example, presses Ctrl-C when it has printed `until`, and answers what
 * it printed.
 */
async function run(
  example: string,
  env: Record<string, string>,
  until?: string,
): Promise<string> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--frozen", `examples/${example}`],
    env,
    stdout: "piped",
  }).spawn();
  let printed = "";
  let interrupted = false;
  const text = process.stdout.pipeThrough(new TextDecoderStream());
  for await (const chunk of text) {
    printed += chunk;
    if (until === undefined || interrupted || !printed.includes(until)) {
      continue;
    }
    interrupted = true;
    Deno.kill(process.pid, "SIGINT");
  }
  const { code } = await process.status;
  assertEquals(code, 0, printed);
  return printed;
}

Deno.test("the examples for PostgreSQL run, and end at Ctrl-C", async () => {
  await using server = await startPostgres();
  const env = { DATABASE_URL: server.url };
  const mails = await run("transaction.ts", env);
  assertEquals(mails, "mails about a kettle\n");
  const ticks = await run("postgres.ts", env, "every-five-seconds of");
  assertStringIncludes(ticks, ".000Z");
});

test("the example for Firestore runs, and ends at Ctrl-C", async () => {
  const ticks = await run("firestore.ts", {}, "after it was due");
  assert(
    ticks.endsWith("goodbye; the task stays in Firestore for the others\n"),
  );
});
