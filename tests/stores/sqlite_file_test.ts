/** Which databases the store takes, and what it leaves alone. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { StoreUnusableError } from "../../src/api/errors.ts";
import { SqliteStore } from "../../stores/sqlite.ts";
import { lockWork, newTask, settlement } from "../conformance/store_harness.ts";
import { SteppedClock } from "../helpers/stepped_clock.ts";
import { TemporaryDirectory } from "../helpers/temporary_directory.ts";

function execute(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

function query(path: string, sql: string): unknown {
  const database = new DatabaseSync(path);
  const row = database.prepare(sql).get();
  database.close();
  return Object.values(row!)[0];
}

/** A file with some tasks in it, that nobody has open. */
async function makeFile(path: string, tasks = 3): Promise<void> {
  const store = new SqliteStore(path);
  await store.create(
    Array.from({ length: tasks }, (_, index) => newTask(`task-${index}`)),
  );
  await store.close();
}

/** Fails unless the store refuses the file and leaves it as it is. */
async function assertRefused(path: string, message: string): Promise<void> {
  const before = readFileSync(path);
  const store = new SqliteStore(path);
  const error = await assertRejects(() => store.getSlugs(), StoreUnusableError);
  assertStringIncludes(error.message, message);
  assertStringIncludes(error.message, path);
  await assertRejects(() => store.create([newTask("a")]), StoreUnusableError);
  await store.close();
  assert(readFileSync(path).equals(before), "the file was changed");
}

Deno.test("tasks are there again when the file is opened again", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("new.db");
  await makeFile(path);
  const again = new SqliteStore(pathToFileURL(path));
  assertEquals(await again.getSlugs(), ["task-0", "task-1", "task-2"]);
  await again.close();
  assert(!existsSync(`${path}-wal`));
  assertEquals(query(path, "PRAGMA journal_mode"), "wal");
  assertEquals(query(path, "PRAGMA integrity_check"), "ok");
  assertEquals(query(path, "PRAGMA user_version"), 1);
});

Deno.test("a file is made by the first operation, not by the constructor", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("new.db");
  const store = new SqliteStore(path);
  assert(!existsSync(path));
  assertEquals(await store.getSlugs(), []);
  assert(existsSync(path));
  await store.close();
});

Deno.test("a database of something else is refused, and not touched", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("foreign.db");
  execute(path, "CREATE TABLE customers (name TEXT)");
  await assertRefused(path, "belongs to something else");

  const marked = directory.file("marked.db");
  execute(marked, "PRAGMA application_id = 42");
  await assertRefused(marked, "belongs to something else");
});

Deno.test("a file that is no database is refused, and not touched", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("letter.txt");
  writeFileSync(path, "Dear Anna, ".repeat(500));
  await assertRefused(path, "not an SQLite database");
});

Deno.test("a file of a newer release is refused, and not touched", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("newer.db");
  await makeFile(path);
  execute(path, "PRAGMA user_version = 99");
  await assertRefused(path, "a release that knows schema version 99");

  const other = directory.file("newer_table.db");
  await makeFile(other);
  execute(other, `UPDATE schedules_meta SET "schema" = 98, readable_by = 97`);
  await assertRefused(other, "a release that knows schema version 97");
});

Deno.test("a file of a newer release that this one can read is used as it is", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("newer.db");
  await makeFile(path);
  execute(
    path,
    `UPDATE schedules_meta SET "schema" = 98;
ALTER TABLE schedules ADD COLUMN mood TEXT NOT NULL DEFAULT 'good'`,
  );
  const store = new SqliteStore(path);
  assertEquals(await store.create([newTask("a")]), ["created"]);
  assertEquals((await lockWork(store, 5)).length, 4);
  await store.close();
  assertEquals(query(path, `SELECT "schema" FROM schedules_meta`), 98);
});

Deno.test("a table of the time before the first release is refused, and not touched", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("early.db");
  execute(
    path,
    `CREATE TABLE schedules (id INTEGER PRIMARY KEY, slug TEXT, kind TEXT);
CREATE TABLE schedules_meta (id INTEGER PRIMARY KEY, "schema" INTEGER, version INTEGER);
INSERT INTO schedules_meta VALUES (1, 1, 0);
PRAGMA application_id = ${0x78736368}; PRAGMA user_version = 1`,
  );
  await assertRefused(path, "of a release before the first");
});

Deno.test("tables whose names differ only in case are not taken for two", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("case.db");
  await makeFile(path);
  const store = new SqliteStore(path, { table: "SCHEDULES" });
  const error = await assertRejects(() => store.getSlugs(), StoreUnusableError);
  assertEquals(
    error.message,
    `Cannot use "${path}": it has a table "schedules", and SQLite does not ` +
      'tell "SCHEDULES" from that; choose another name with the option table',
  );
  await store.close();
});

Deno.test("a corrupt file is refused, and not touched", async () => {
  using directory = new TemporaryDirectory();
  for (const page of [2, 3, 4, 5]) {
    const path = directory.file(`corrupt-${page}.db`);
    await makeFile(path, 200);
    const bytes = readFileSync(path);
    bytes.fill(0xa5, (page - 1) * 4_096, (page - 1) * 4_096 + 2_000);
    writeFileSync(path, bytes);
    await assertRefused(path, "corrupt");
  }
  const short = directory.file("short.db");
  await makeFile(short, 200);
  writeFileSync(short, readFileSync(short).subarray(0, 3 * 4_096));
  await assertRefused(short, "corrupt");
});

Deno.test("a directory that is missing gets a clear error", async () => {
  using directory = new TemporaryDirectory();
  const store = new SqliteStore(directory.file("missing/schedules.db"));
  const error = await assertRejects(() => store.getSlugs(), StoreUnusableError);
  assertStringIncludes(error.message, "expected its directory to exist");
  await store.close();
});

Deno.test("a file that was refused is tried again", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("letter.txt");
  writeFileSync(path, "Dear Anna, ".repeat(500));
  const store = new SqliteStore(path);
  await Promise.all(
    [1, 2, 3].map(() =>
      assertRejects(() => store.getSlugs(), StoreUnusableError)
    ),
  );
  writeFileSync(path, "");
  assertEquals(await store.create([newTask("a")]), ["created"]);
  await store.close();
});

Deno.test("a database that was passed keeps its tables, marks and settings", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("app.db");
  const database = new DatabaseSync(path);
  database.exec(
    "CREATE TABLE schedules_of_trains (name TEXT); PRAGMA user_version = 7; " +
      "PRAGMA application_id = 42; PRAGMA synchronous = NORMAL",
  );
  const store = new SqliteStore(database, { table: "jobs" });
  await store.create([newTask("a")]);
  await store.close();
  const value = (sql: string) => Object.values(database.prepare(sql).get()!)[0];
  assertEquals(value("PRAGMA user_version"), 7);
  assertEquals(value("PRAGMA application_id"), 42);
  assertEquals(value("PRAGMA synchronous"), 1);
  assertEquals(value("PRAGMA journal_mode"), "delete");
  assertEquals(
    database.prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
    ).all().map(({ name }) => name),
    [
      "jobs",
      "jobs_creations",
      "jobs_instances",
      "jobs_meta",
      "schedules_of_trains",
    ],
  );
  database.close();

  const byPath = new SqliteStore(path, { table: "jobs" });
  assertEquals(await byPath.getSlugs(), ["a"]);
  await byPath.close();
  assertEquals(query(path, "PRAGMA user_version"), 7);
});

Deno.test("a table of another kind is refused, and not touched", async () => {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE schedules (train TEXT)");
  const store = new SqliteStore(database);
  const error = await assertRejects(() => store.getSlugs(), StoreUnusableError);
  assertStringIncludes(
    error.message,
    `its table "schedules" is of another kind`,
  );
  assertEquals(
    database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n,
    1,
  );
  database.close();
});

Deno.test("two tables in one file are two stores", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("two.db");
  const first = new SqliteStore(path);
  const second = new SqliteStore(path, { table: "second" });
  await first.create([newTask("a")]);
  await second.create([newTask("b")]);
  assertEquals(await first.getSlugs(), ["a"]);
  assertEquals(await second.getSlugs(), ["b"]);
  await first.close();
  await second.close();
});

Deno.test("integers as bigint and rows as arrays, where so chosen, do no harm", async () => {
  const database = new DatabaseSync(":memory:", {
    readBigInts: true,
    returnArrays: true,
  } as Record<string, unknown>);
  const store = new SqliteStore(database);
  await store.create([newTask("a"), newTask("b")]);
  const [a, b] = await lockWork(store);
  assertEquals([a.slug, typeof a.version, a.retry], ["a", "number", 0]);
  assertEquals(await store.reschedule([settlement(a), settlement(b, {})]), [
    "settled",
    "settled",
  ]);
  assertEquals((await store.get("b"))?.holder, undefined);
  assertEquals(await store.getSlugs(), ["b"]);
  database.close();
});

Deno.test("a read-only database gets a clear error", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("schedules.db");
  await makeFile(path);
  const database = new DatabaseSync(path, { readOnly: true });
  const store = new SqliteStore(database);
  const error = await assertRejects(() => store.getSlugs(), StoreUnusableError);
  assertStringIncludes(error.message, `Cannot open "${path}": it is read-only`);
  database.close();
});

Deno.test("a closed store says so, and closes what it opened alone", async () => {
  const database = new DatabaseSync(":memory:");
  const store = new SqliteStore(database);
  const created = store.create([newTask("a")]);
  await store.close();
  assertEquals(await created, ["created"]);
  const error = await assertRejects(() => store.getSlugs(), StoreUnusableError);
  assertStringIncludes(error.message, "the store was closed");
  assertEquals(
    database.prepare("SELECT slug FROM schedules").all().length,
    1,
  );
  await store.close();
  database.close();
});

Deno.test("versions grow while the clock stands still", async () => {
  const database = new DatabaseSync(":memory:");
  const store = new SqliteStore(database, { clock: new SteppedClock() });
  let last = 0;
  for (let round = 0; round < 5; round++) {
    await store.create([newTask("a")]);
    const [task] = await lockWork(store);
    assert(task.version > last);
    last = task.version;
    if (round % 2 === 0) await store.reschedule([settlement(task)]);
    else await store.clear();
  }
  database.close();
});

Deno.test("arguments that make no sense are refused at once", () => {
  for (const path of ["", undefined, 5, {}, { exec() {} }]) {
    const error = assertThrows(() => new SqliteStore(path as string));
    assertInstanceOf(error, TypeError);
  }
  const tables = ["", "1st", "a b", 'a"b', "a;b", "sqlite_x", "x".repeat(64)];
  for (const table of tables) {
    assertThrows(() => new SqliteStore(":memory:", { table }), RangeError);
  }
  assertThrows(
    () => new SqliteStore(":memory:", { synchronous: "off" as "full" }),
    RangeError,
    `Cannot use synchronous "off"`,
  );
  assertThrows(
    () => new SqliteStore(":memory:", { busyTimeoutMs: -1 }),
    RangeError,
  );
});
