/** Several processes on one database, and what can happen to them. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { newTask } from "../conformance/store_harness.ts";
import {
  openPostgres,
  type PostgresHarness,
} from "../helpers/postgres_harness.ts";
import type { WorkerSettings } from "../helpers/postgres_worker.ts";
import {
  ownServer,
  type PostgresServer,
  startPostgres,
} from "../helpers/postgres_server.ts";
import { WorkerProcess } from "../helpers/worker_process.ts";

let server: PostgresServer;
Deno.test.beforeAll(async () => {
  server = await startPostgres();
});
Deno.test.afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const LEASE_MS = 2_000;

/** Workers on the table of a harness. */
function workersOn(
  { url, table }: PostgresHarness,
  ...settings: Partial<WorkerSettings>[]
): Promise<WorkerProcess[]> {
  const common = { url, table, kinds: ["work"], leaseMs: LEASE_MS };
  return Promise.all(
    settings.map((own) => WorkerProcess.start({ ...common, ...own })),
  );
}

/** Creates tasks that take so many milliseconds. */
async function create(
  { store }: PostgresHarness,
  slugs: readonly string[],
  ms = 0,
  kind = "work",
): Promise<void> {
  const payload = new TextEncoder().encode(`${ms}`);
  const tasks = slugs.map((slug) => newTask(slug, { kind, payload }));
  assertEquals(await store.create(tasks), []);
}

function numbered(count: number, prefix = "task"): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

/** Waits until so many tasks are left. */
async function drained({ store }: PostgresHarness, left = 0): Promise<void> {
  for (let tries = 0; (await store.getSlugs()).length > left; tries++) {
    assert(tries < 600, `left: ${(await store.getSlugs()).slice(0, 5)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

Deno.test("four processes drain 20,000 tasks, each of them exactly once", async () => {
  await using harness = openPostgres(server.url);
  const slugs = numbered(20_000);
  const one = { concurrency: 100, leaseMs: 30_000 };
  const workers = await workersOn(harness, one, one, one, one);
  await create(harness, slugs);
  await drained(harness);
  for (const worker of workers) await worker[Symbol.asyncDispose]();
  const ran = workers.map((worker) => worker.slugs("finished"));
  assertEquals(ran.flat().sort(), slugs.sort());
  assert(ran.every((slugs) => slugs.length > 0), "one had nothing to do");
});

Deno.test("four idle processes share what comes, and none takes it all", async () => {
  await using harness = openPostgres(server.url);
  const workers = await workersOn(harness, {}, {}, {}, {});
  await create(harness, numbered(40), 1_000);
  await drained(harness);
  for (const worker of workers) await worker[Symbol.asyncDispose]();
  const shares = workers.map((worker) => worker.slugs("finished").length);
  assertEquals(shares, [10, 10, 10, 10]);
});

Deno.test("a killed process's task is taken over within lease + 1 s, and its claim is worth nothing", async () => {
  await using harness = openPostgres(server.url);
  const { store } = harness;
  const [victim] = await workersOn(harness, {});
  await create(harness, ["a"], 1_000);
  const { version } = await victim.hear("started", "a");
  const [heir] = await workersOn(harness, {});
  victim.kill("SIGKILL");
  const killed = Date.now();
  await heir.hear("started", "a");
  assertLess(Date.now() - killed, LEASE_MS + 1_000);
  const late = { slug: "a", version: version! };
  assertEquals(await store.renew([late], 60_000), [false]);
  assertEquals(await store.reschedule([{ ...late, next: undefined }]), [false]);
  await drained(harness);
  await victim[Symbol.asyncDispose]();
  await heir[Symbol.asyncDispose]();
  assertEquals(heir.slugs("finished"), ["a"]);
});

Deno.test("a process that was stopped past its lease hears that it lost its task", async () => {
  await using harness = openPostgres(server.url);
  const [sleeper, heir] = await workersOn(harness, {}, {});
  await create(harness, ["a"], 6_000);
  const first = (worker: WorkerProcess) => worker.slugs("started").length > 0;
  await Promise.race([sleeper, heir].map((w) => w.until(() => first(w))));
  const [stopped, other] = first(sleeper) ? [sleeper, heir] : [heir, sleeper];
  stopped.kill("SIGSTOP");
  await other.hear("started", "a");
  stopped.kill("SIGCONT");
  const { text } = await stopped.hear("aborted", "a");
  assertEquals(text, "JobNotLockedError");
  const task = await harness.store.get("a");
  assertEquals(task?.version, other.events.at(-1)?.version);
  await drained(harness);
  for (const worker of [stopped, other]) await worker[Symbol.asyncDispose]();
  assertEquals(stopped.slugs("finished"), []);
  assertEquals(other.slugs("finished"), ["a"]);
});

Deno.test({
  name: "nothing is lost when the server crashes under two processes",
  ignore: !ownServer,
  async fn() {
    await using server = await startPostgres();
    await using harness = openPostgres(server.url);
    const workers = await workersOn(harness, {}, {});
    const slugs = numbered(1_000);
    await create(harness, slugs, 10);
    const finished = () =>
      workers.flatMap((worker) => worker.slugs("finished"));
    await workers[0].until(() => finished().length > 200);
    const launch = await server.kill();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const late = create(harness, ["during-the-outage"]);
    await launch();
    await late;
    await drained(harness);
    await create(harness, ["afterwards"]);
    await drained(harness);
    for (const worker of workers) await worker[Symbol.asyncDispose]();
    const expected = [...slugs, "during-the-outage", "afterwards"];
    assertEquals([...new Set(finished())].sort(), expected.sort());
  },
});

Deno.test("processes whose clocks are two hours apart run tasks in time, once", async () => {
  await using harness = openPostgres(server.url);
  const { store } = harness;
  const hour = 3_600_000;
  const workers = await workersOn(
    harness,
    { clockOffsetMs: hour },
    { clockOffsetMs: -hour },
  );
  const slugs = numbered(50);
  const { now } = await store.nextRun([]);
  await store.create([
    newTask("in-an-hour", { due: { inMs: 0.9 * hour } }),
    ...slugs.map((slug) =>
      newTask(slug, { due: { at: new Date(now.getTime() + 500) } })
    ),
  ]);
  const finished = () => workers.flatMap((worker) => worker.slugs("finished"));
  await workers[0].until(() => finished().length >= 50);
  const { now: then } = await store.nextRun([]);
  assertLess(then.getTime() - now.getTime(), 500 + 2_000);
  for (const worker of workers) await worker[Symbol.asyncDispose]();
  assertEquals(finished().sort(), slugs.sort());
  assertEquals(await store.getSlugs(), ["in-an-hour"]);
});

Deno.test("tasks of a kind that only the new release knows wait for it", async () => {
  await using harness = openPostgres(server.url);
  const [old] = await workersOn(harness, { kinds: ["work"] });
  const news = numbered(20, "new");
  await create(harness, news, 0, "new");
  await create(harness, numbered(20, "old"));
  await drained(harness, 20);
  assertEquals((await harness.store.getSlugs()).sort(), [...news].sort());
  const [release] = await workersOn(harness, { kinds: ["work", "new"] });
  await drained(harness);
  for (const worker of [old, release]) await worker[Symbol.asyncDispose]();
  assertEquals(release.slugs("finished").sort(), news.sort());
});
