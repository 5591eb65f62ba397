/**
 * The examples that need a file or a database, and the code blocks of the README
 * and the guides that go on until a signal, run as a user would run them. The
 * other examples and blocks run by themselves.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { test } from "./helpers/firestore_emulator.ts";
import { startPostgres } from "./helpers/postgres_server.ts";
import { TemporaryDirectory } from "./helpers/temporary_directory.ts";

interface RunOptions {
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
  /** Sends the signal when the program has printed this. */
  readonly until?: string;
  /** Checks the types first. */
  readonly check?: boolean;
  /** Default: that of Ctrl-C. */
  readonly signal?: Deno.Signal;
}

/** Runs a program and returns what it printed. */
async function run(program: string, options: RunOptions = {}): Promise<string> {
  const { args = [], env, until, signal = "SIGINT" } = options;
  const config = ["--config", "deno.json", ...options.check ? ["--check"] : []];
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--frozen", ...config, program, ...args],
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
    Deno.kill(process.pid, signal);
  }
  const { code } = await process.status;
  assertEquals(code, 0, printed);
  return printed;
}

/** The first code block of the README, made to end at Ctrl-C. */
async function firstBlock(): Promise<string> {
  const readme = await Deno.readTextFile("README.md");
  const [, code] = readme.match(/^```ts[^\n]*\n(.*?)^```$/ms)!;
  return `${code}Deno.addSignalListener("SIGINT", async () => {
    await scheduler.stop();
    Deno.exit();
  });`;
}

Deno.test("the first block of the README runs", async () => {
  using directory = new TemporaryDirectory();
  const program = directory.file("main.ts");
  await Deno.writeTextFile(program, await firstBlock());
  const printed = await run(program, { until: "due at" });
  assertStringIncludes(printed, "every-five-seconds, due at 20");
});

Deno.test("on a durable store, the first block of the README runs at the second start, too", async () => {
  using directory = new TemporaryDirectory();
  const program = directory.file("main.ts");
  const store = `new SqliteStore(${JSON.stringify(directory.file("s.db"))})`;
  const code = (await firstBlock())
    .replace("stores/memory", "stores/sqlite")
    .replace("{ MemoryStore }", "{ SqliteStore }")
    .replace("new MemoryStore()", store);
  assertStringIncludes(code, store);
  await Deno.writeTextFile(program, code);
  for (let start = 0; start < 2; start++) {
    const printed = await run(program, { until: "due at" });
    assertStringIncludes(printed, "every-five-seconds, due at 20");
  }
});

/** Says so when the program has begun to listen to both signals. */
const SAY_WHEN_LISTENING = `
  (await import("node:process")).default.on("newListener", (name) => {
    if (name === "SIGTERM") setTimeout(() => console.log("listens"));
  });
`;

for (
  const [page, until] of [
    ["README.md", "To anna@example.com, for 20"],
    ["docs/failures.md", "listens"],
    ["docs/sqlite.md", "listens"],
  ]
) {
  Deno.test(`the block of ${page} that waits for signals ends at them`, async () => {
    using directory = new TemporaryDirectory();
    const program = directory.file("main.ts");
    const markdown = await Deno.readTextFile(page);
    const blocks = Array.from(markdown.matchAll(/^```ts[^\n]*\n(.*?)^```$/gms))
      .map(([, code]) => code)
      .filter((code) => code.includes('"SIGTERM"'));
    assertEquals(blocks.length, 1);
    const code = blocks[0].replace(
      '"schedules.db"',
      () => JSON.stringify(directory.file("schedules.db")),
    );
    await Deno.writeTextFile(program, `${SAY_WHEN_LISTENING}${code}`);
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      const printed = await run(program, {
        until,
        signal,
        check: signal === "SIGINT",
      });
      assertStringIncludes(printed, until);
    }
  });
}

Deno.test("the example for SQLite continues after Ctrl-C", async () => {
  using directory = new TemporaryDirectory();
  const args = [directory.file("house.db")];
  const first = await run("examples/sqlite.ts", { args, until: "the plan" });
  assertStringIncludes(first, "the rest is safe in");
  const second = await run("examples/sqlite.ts", { args, until: "the hole" });
  assertStringIncludes(second, "welcome back: 1 of 10 steps are done");
});

Deno.test("the examples for PostgreSQL run, and end at Ctrl-C", async () => {
  await using server = await startPostgres();
  const env = { DATABASE_URL: server.url };
  const orders = await run("examples/transaction.ts", { env });
  assertStringIncludes(orders, "thank you for ordering a kettle");
  assert(!orders.includes("ordering a bicycle"), orders);
  const ticks = await run("examples/postgres.ts", {
    env,
    until: "after it was due",
  });
  assert(
    ticks.endsWith("goodbye; the task stays in PostgreSQL for the others\n"),
    ticks,
  );
});

test("the example for Firestore runs, and ends at Ctrl-C", async () => {
  const ticks = await run("examples/firestore.ts", {
    until: "after it was due",
  });
  assert(
    ticks.endsWith("goodbye; the task stays in Firestore for the others\n"),
    ticks,
  );
});
