/** Several processes on one database, and what can happen to them. */
import { assertEquals } from "@std/assert";
import { newTask } from "../conformance/store_harness.ts";
import {
  openPostgres,
  type PostgresHarness,
} from "../helpers/postgres_harness.ts";
import { HELD, type WorkerSettings } from "../helpers/postgres_worker.ts";
import { ownServer, startPostgres } from "../helpers/postgres_server.ts";
import { test, url } from "../helpers/shared_postgres.ts";
import { until } from "../helpers/until.ts";
import { WorkerProcess } from "../helpers/worker_process.ts";

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

/** Creates tasks with a payload for the workers. */
async function create(
  { store }: PostgresHarness,
  slugs: readonly string[],
  payload = "",
  kind = "work",
): Promise<void> {
  const bytes = new TextEncoder().encode(payload);
  const tasks = slugs.map((slug) => newTask(slug, { kind, payload: bytes }));
  const outcomes = await store.create(tasks);
  assertEquals(new Set(outcomes), new Set(["created"]));
}

function numbered(count: number, prefix = "task"): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

/** Waits until so many tasks are left. */
async function drained({ store }: PostgresHarness, left = 0): Promise<void> {
  await until(async () => (await store.getSlugs()).length <= left);
}

test("four processes drain 20,000 tasks, each of them exactly once", async () => {
  await using harness = openPostgres(url);
  const slugs = numbered(20_000);
  const one = { concurrency: 100, leaseMs: 30_000 };
  const workers = await workersOn(harness, one, one, one, one);
  await create(harness, slugs);
  await drained(harness);
  for (const worker of workers) await worker[Symbol.asyncDispose]();
  const ran = workers.map((worker) => worker.slugs("finished"));
  assertEquals(ran.flat().sort(), slugs.sort());
});

test("four idle processes share what comes, and none takes it all", async () => {
  await using harness = openPostgres(url);
  const one = { concurrency: 10 };
  const workers = await workersOn(harness, one, one, one, one);
  await create(harness, numbered(40), HELD);
  const shares = () => workers.map((one) => one.slugs("started").length);
  await until(
    () => shares().every((share) => share === 10),
    () => `${shares()}`,
  );
  for (const worker of workers) await worker.letGo();
  await drained(harness);
  for (const worker of workers) await worker[Symbol.asyncDispose]();
});

test("a killed process's task is taken over when its lease ends, and its claim is worth nothing", async () => {
  await using harness = openPostgres(url);
  const { store } = harness;
  const [victim] = await workersOn(harness, {});
  await create(harness, ["a"], HELD);
  const { version } = await victim.hear("started", "a");
  const { token } = (await store.get("a"))!;
  // Without heartbeats, nothing but the end of the lease makes it look.
  const [heir] = await workersOn(harness, {});
  victim.kill("SIGKILL");
  await heir.hear("started", "a");
  const late = { slug: "a", version: version!, token: token! };
  assertEquals(await store.renew([late], 60_000), ["lost"]);
  assertEquals(await store.reschedule([{ ...late, next: undefined }]), [
    "lost",
  ]);
  await heir.letGo();
  await drained(harness);
  await victim[Symbol.asyncDispose]();
  await heir[Symbol.asyncDispose]();
  assertEquals(heir.slugs("finished"), ["a"]);
});

test("a process that was stopped past its lease hears that it lost its task", async () => {
  await using harness = openPostgres(url);
  const [stopped] = await workersOn(harness, {});
  await create(harness, ["a"], HELD);
  await stopped.hear("started", "a");
  const [other] = await workersOn(harness, {});
  stopped.kill("SIGSTOP");
  const { version } = await other.hear("started", "a");
  stopped.kill("SIGCONT");
  const { text } = await stopped.hear("aborted", "a");
  assertEquals(text, "JobNotLockedError");
  assertEquals((await harness.store.get("a"))?.version, version);
  await other.letGo();
  await drained(harness);
  for (const worker of [stopped, other]) await worker[Symbol.asyncDispose]();
  assertEquals(stopped.slugs("finished"), []);
  assertEquals(other.slugs("finished"), ["a"]);
});

if (ownServer) {
  test("nothing is lost when the server crashes under two processes", async () => {
    await using server = await startPostgres();
    await using harness = openPostgres(server.url);
    const workers = await workersOn(harness, {}, {});
    const slugs = numbered(1_000);
    await create(harness, slugs, "10");
    const finished = () =>
      workers.flatMap((worker) => worker.slugs("finished"));
    await until(() => finished().length > 200);
    const launch = await server.kill();
    // Each has noticed.
    for (const worker of workers) await worker.hear("log");
    const late = create(harness, ["during-the-outage"]);
    await launch();
    await late;
    await drained(harness);
    await create(harness, ["afterwards"]);
    await drained(harness);
    for (const worker of workers) await worker[Symbol.asyncDispose]();
    const expected = [...slugs, "during-the-outage", "afterwards"];
    assertEquals([...new Set(finished())].sort(), expected.sort());
  });
}

test("processes whose clocks are two hours apart run tasks in time, once", async () => {
  await using harness = openPostgres(url);
  const { store } = harness;
  const hour = 3_600_000;
  const workers = await workersOn(
    harness,
    { clockOffsetMs: hour },
    { clockOffsetMs: -hour },
  );
  const slugs = numbered(50);
  const { now } = await store.nextRun({ kinds: [] });
  await store.create([
    newTask("in-an-hour", { due: { inMs: 0.9 * hour } }),
    ...slugs.map((slug) =>
      newTask(slug, { due: { at: new Date(now.getTime() + 500) } })
    ),
  ]);
  const finished = () => workers.flatMap((worker) => worker.slugs("finished"));
  await until(() => finished().length >= 50);
  for (const worker of workers) await worker[Symbol.asyncDispose]();
  assertEquals(finished().sort(), slugs.sort());
  assertEquals(await store.getSlugs(), ["in-an-hour"]);
});

test("tasks of a kind that only the new release knows wait for it", async () => {
  await using harness = openPostgres(url);
  const [old] = await workersOn(harness, { kinds: ["work"] });
  const news = numbered(20, "new");
  await create(harness, news, "", "new");
  await create(harness, numbered(20, "old"));
  await drained(harness, 20);
  assertEquals((await harness.store.getSlugs()).sort(), [...news].sort());
  const [release] = await workersOn(harness, { kinds: ["work", "new"] });
  await drained(harness);
  for (const worker of [old, release]) await worker[Symbol.asyncDispose]();
  assertEquals(release.slugs("finished").sort(), news.sort());
});
