/**
 * A process that creates and settles tasks in a file as fast as it can, until
 * it is killed. It says what it does in lines: `+slug` when the store has
 * acknowledged a task, `?slug` before it removes one, `-slug` when the store
 * has acknowledged that.
 *
 *     deno run sqlite_worker.ts <path> <name>
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { SqliteStore } from "../../stores/sqlite.ts";
import {
  lockRequest,
  newTask,
  settlement,
} from "../conformance/store_harness.ts";

const [path, name] = process.argv.slice(2);
const store = new SqliteStore(path);

/** Says it at once: what is still in a buffer would die with the process. */
function say(mark: string, slugs: readonly string[]): void {
  writeSync(1, slugs.map((slug) => `${mark}${slug}\n`).join(""));
}

async function create(round: number): Promise<void> {
  const slugs = Array.from({ length: 8 }, (_, i) => `${name}-${round}-${i}`);
  const payload = new Uint8Array(round % 20 * 100);
  await store.create(slugs.map((slug) => newTask(slug, { payload })));
  say("+", slugs);
}

async function settle(): Promise<void> {
  const tasks = await store.lock(lockRequest({ limit: 8, leaseMs: 50 }));
  const removed = tasks.slice(0, 6).map(({ slug }) => slug);
  say("?", removed);
  const outcomes = await store.reschedule(
    tasks.map((task, index) =>
      settlement(task, index < 6 ? undefined : { retry: task.retry + 1 })
    ),
  );
  say("-", removed.filter((_, index) => outcomes[index] === "settled"));
}

for (let round = 0;; round++) {
  await Promise.all([create(round), settle(), settle()]);
}
