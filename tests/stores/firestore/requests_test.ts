/** How writes are spaced, on a client that is played. */
import { assertEquals } from "@std/assert";
import type { FirestoreClient } from "../../../stores/firestore/client.ts";
import { FirestoreRequests } from "../../../stores/firestore/requests.ts";
import { SteppedClock } from "../../helpers/stepped_clock.ts";

const RESOURCE_EXHAUSTED = 8;
const INVALID_ARGUMENT = 3;

/** Answers each write with the next code; `0` is a success. */
function open(...codes: number[]) {
  const clock = new SteppedClock();
  const sentAt: number[] = [];
  const answer = () => {
    sentAt.push(clock.monotonic());
    const code = codes.shift() ?? 0;
    return code === 0
      ? Promise.resolve({ writeTime: {} })
      : Promise.reject(Object.assign(new Error(`code ${code}`), { code }));
  };
  const client = {
    collection: () => ({ doc: () => ({}) }),
    bulkWriter: () => ({
      onWriteError() {},
      update: answer,
      delete: answer,
      close: () => Promise.resolve(),
    }),
  };
  const requests = new FirestoreRequests(
    client as unknown as FirestoreClient,
    "jobs",
    60_000,
    clock,
  );
  const write = {
    ref: requests.ref("a"),
    fields: undefined,
    updateTime: {} as never,
  };
  return { clock, sentAt, write: () => requests.write([write]) };
}

Deno.test("when Firestore has no resources, writes wait longer and longer", async () => {
  const { clock, sentAt, write } = open(...Array(7).fill(RESOURCE_EXHAUSTED));
  const writing = (async () => {
    for (let tries = 0; tries < 8; tries++) await write();
    await write();
  })();
  await clock.step(10_000);
  await writing;
  assertEquals(sentAt, [0, 100, 300, 700, 1_500, 3_100, 5_100, 7_100, 7_100]);
  assertEquals(clock.sleepers, 0);
});

Deno.test("after a success the pauses are short again", async () => {
  const { clock, sentAt, write } = open(
    ...[RESOURCE_EXHAUSTED, RESOURCE_EXHAUSTED, 0, RESOURCE_EXHAUSTED, 0],
  );
  const writing = (async () => {
    for (let tries = 0; tries < 5; tries++) await write();
  })();
  await clock.step(1_000);
  await writing;
  assertEquals(sentAt, [0, 100, 300, 300, 400]);
});

Deno.test("what is refused for good holds up nobody", async () => {
  const { sentAt, write } = open(INVALID_ARGUMENT, 0);
  const [outcome] = await write();
  assertEquals(outcome.type, "refused");
  await write();
  assertEquals(sentAt, [0, 0]);
});
