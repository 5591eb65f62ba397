/** Several processes on one file, and what can happen to them. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import process from "node:process";
import { TemporaryDirectory } from "../helpers/temporary_directory.ts";

/** How many processes to kill; `SQLITE_KILLS=1000` tries harder. */
const KILLS = Number(process.env.SQLITE_KILLS ?? 60);
/** How many work on the file at the same time. */
const WORKERS = 4;

/** What the workers have said. */
class Journal {
  readonly added = new Set<string>();
  readonly removing = new Set<string>();
  readonly removed = new Set<string>();

  note(line: string): void {
    const slug = line.slice(1);
    if (line[0] === "+") this.added.add(slug);
    if (line[0] === "?") this.removing.add(slug);
    if (line[0] === "-") this.removed.add(slug);
  }
}

/** Starts a worker, and kills it at some moment after it has done something. */
async function runAndKill(
  path: string,
  name: string,
  journal: Journal,
): Promise<void> {
  const worker = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check"],
      new URL("../helpers/sqlite_worker.ts", import.meta.url).href,
      ...[path, name],
    ],
    stdout: "piped",
  }).spawn();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let lines = 0;
  const enough = Math.random() * 60;
  let rest = "";
  const text = worker.stdout.pipeThrough(new TextDecoderStream());
  for await (const chunk of text) {
    const said = (rest + chunk).split("\n");
    rest = said.pop()!;
    for (const line of said) journal.note(line);
    lines += said.length;
    if (lines < enough) continue;
    timer ??= setTimeout(() => worker.kill("SIGKILL"), Math.random() * 10);
  }
  const { signal } = await worker.status;
  assertEquals(signal, "SIGKILL");
}

function assertSound(path: string, journal: Journal): void {
  const database = new DatabaseSync(path);
  const check = database.prepare("PRAGMA integrity_check").get();
  assertEquals(check?.integrity_check, "ok");
  const rows = database.prepare("SELECT slug FROM schedules").all();
  const slugs = new Set(rows.map(({ slug }) => slug as string));
  database.close();
  const missing = [...journal.added]
    .filter((slug) => !slugs.has(slug) && !journal.removing.has(slug));
  assertEquals(missing, [], "acknowledged, but not there");
  const back = [...journal.removed].filter((slug) => slugs.has(slug));
  assertEquals(back, [], "removed, but there again");
}

Deno.test("kill -9 at any moment: the file is sound, nothing acknowledged is missing", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("killed.db");
  const journal = new Journal();
  for (let kill = 0; kill < KILLS; kill += WORKERS) {
    await Promise.all(Array.from(
      { length: Math.min(WORKERS, KILLS - kill) },
      (_, index) => runAndKill(path, `${kill + index}`, journal),
    ));
    assertSound(path, journal);
  }
  assert(journal.added.size >= KILLS);
  assert(journal.removed.size > 0);
});

const EXAMPLE = new URL("../../examples/sqlite.ts", import.meta.url).href;

/** Starts the example with some permissions, and interrupts it when it runs. */
async function runExample(
  path: string,
  permissions: readonly string[],
): Promise<{ code: number; output: string; errors: string }> {
  const example = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", ...permissions, EXAMPLE, path],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(example.stderr).text();
  let output = "";
  for await (
    const text of example.stdout.pipeThrough(new TextDecoderStream())
  ) {
    if (output === "") example.kill("SIGINT");
    output += text;
  }
  const { code } = await example.status;
  return { code, output, errors: await errors };
}

Deno.test("needs no permission but to read and write in the directory of the file", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("schedules.db");
  const permissions = ["read", "write"]
    .map((access) => `--allow-${access}=${directory.path}`);
  const first = await runExample(path, permissions);
  assertEquals([first.code, first.errors], [0, ""]);
  assertStringIncludes(first.output, "a new house");
  const second = await runExample(path, permissions);
  assertEquals([second.code, second.errors], [0, ""]);
  assertStringIncludes(second.output, "welcome back");
});

Deno.test("a permission that is missing is named", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("schedules.db");
  const { code, errors } = await runExample(path, [
    `--allow-read=${directory.path}`,
  ]);
  assertEquals(code, 1);
  assertStringIncludes(errors, `Cannot open "${path}"`);
  assertStringIncludes(errors, "--allow-write");
});
