/** How the SQLite store notices what others commit. */
import { assert, assertEquals } from "@std/assert";
import { appendFileSync, writeFileSync } from "node:fs";
import { SqliteFileWatch } from "../../../stores/sqlite/file_watch.ts";
import { TemporaryDirectory } from "../../helpers/temporary_directory.ts";
import { until } from "../../helpers/until.ts";

/** A watch on a file, and a version that tests set. */
function open(path: string | undefined) {
  const state = { version: 1, commits: 0, looks: 0 };
  const watch = new SqliteFileWatch({
    path,
    readVersion: () => {
      state.looks++;
      if (state.version < 0) throw new Error("database is locked");
      return state.version;
    },
    onCommit: () => state.commits++,
  });
  const toldOf = async (commits: number) => {
    await until(() => state.commits >= commits);
    assertEquals(state.commits, commits);
  };
  /** Waits until it has looked so often again. */
  const looksAgain = async (times: number) => {
    const looks = state.looks + times;
    await until(() => state.looks >= looks);
  };
  const end = () => watch[Symbol.dispose]();
  return { state, toldOf, looksAgain, [Symbol.dispose]: end };
}

Deno.test("a write that shows at once is noticed", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("log");
  writeFileSync(path, "");
  using watch = open(path);
  watch.state.version = 2;
  appendFileSync(path, "x");
  await watch.toldOf(1);
});

Deno.test("a write that shows only when the disk has confirmed it is noticed", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("log");
  writeFileSync(path, "");
  using watch = open(path);
  appendFileSync(path, "x");
  await watch.looksAgain(3);
  assertEquals(watch.state.commits, 0);
  watch.state.version = 2;
  await watch.toldOf(1);
});

Deno.test("commits are noticed without a file to watch, or with one that is missing", async () => {
  for (const path of [undefined, "/missing/log"]) {
    using watch = open(path);
    watch.state.version = 2;
    await watch.toldOf(1);
    watch.state.version = 3;
    await watch.toldOf(2);
  }
});

Deno.test("a database that is locked at the moment is asked again", async () => {
  using watch = open(undefined);
  watch.state.version = -1;
  await watch.looksAgain(1);
  watch.state.version = 2;
  await watch.toldOf(1);
});

Deno.test("own writes, which do not change the version, are not told", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("log");
  writeFileSync(path, "");
  using watch = open(path);
  for (let write = 0; write < 100; write++) appendFileSync(path, "x");
  await watch.looksAgain(3);
  assertEquals(watch.state.commits, 0);
  assert(watch.state.looks < 50);
});

Deno.test("nothing is asked after the end", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("log");
  writeFileSync(path, "");
  using other = open(path);
  const watch = open(path);
  appendFileSync(path, "x");
  watch[Symbol.dispose]();
  const { looks } = watch.state;
  await other.looksAgain(5);
  assertEquals(watch.state.looks, looks);
});
