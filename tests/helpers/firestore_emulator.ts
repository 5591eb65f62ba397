/**
 * Google's Firestore emulator, for tests: the one at `FIRESTORE_EMULATOR_HOST`,
 * or one that is started with `gcloud` and ends with this process.
 */
import { Firestore, Timestamp } from "@google-cloud/firestore";
import { setTimeout as delay } from "node:timers/promises";
import { freePort, ServerProcess } from "./server_process.ts";
import { MissingServerError, shareServer } from "./shared_server.ts";

/** The client looks there, too. */
const HOST_VARIABLE = "FIRESTORE_EMULATOR_HOST";
const START_TIMEOUT_MS = 60_000;

const shared = await shareServer({
  name: "Firestore",
  variable: HOST_VARIABLE,
  start: async () => (await startEmulator()).host,
});

/** Registers a test that needs the emulator. */
export const test = shared.test;

/** An emulator that was started. */
export interface Emulator extends AsyncDisposable {
  /** Where it listens, such as `"127.0.0.1:8080"`. */
  readonly host: string;
}

/**
 * Makes a client, as a process would; it has to be terminated. Without a port it
 * talks to the emulator of the tests.
 */
export function connect(
  port?: number,
  settings: FirebaseFirestore.Settings = {},
): Firestore {
  return new Firestore({
    projectId: "scheduler-test",
    universeDomain: "googleapis.com",
    ...(port === undefined ? {} : { port }),
    ...settings,
  });
}

/** A path of a collection that nobody else uses. */
export function newCollection(): string {
  return `tests/${crypto.randomUUID()}/schedules`;
}

/** Moves all instants that are stored into the past, of tasks and instances. */
export async function moveIntoThePast(
  client: Firestore,
  collection: string,
  ms: number,
): Promise<void> {
  for (const path of [collection, `${collection}_instances`]) {
    const { docs } = await client.collection(path).get();
    await Promise.all(docs.map((document) => {
      const { createTime, ref } = document;
      const fields = { createdAt: createTime, ...document.data() };
      const times = Object.entries(fields)
        .filter(([, value]) => value instanceof Timestamp)
        .map(([name, time]) => [name, new Date(time.toMillis() - ms)]);
      return ref.update(Object.fromEntries(times));
    }));
  }
}

/**
 * Starts an emulator. It ends with its disposal, or with this process however
 * that ends.
 */
export async function startEmulator(): Promise<Emulator> {
  const host = `127.0.0.1:${freePort()}`;
  const directory = await Deno.makeTempDir({ prefix: "scheduler-firestore-" });
  const emulator = await ServerProcess.start({
    command: "gcloud",
    args: ["emulators", "firestore", "start", `--host-port=${host}`],
    directory,
    endSignal: "SIGKILL",
  });
  const stop = async () => {
    await emulator.end();
    await Deno.remove(directory, { recursive: true });
  };
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!await answers(host)) {
    if (emulator.ended || performance.now() > deadline) {
      const output = await Deno.readTextFile(`${directory}/server.log`);
      await stop();
      throw new MissingServerError(
        "the emulator does not start; install it, with Java, by `gcloud " +
          "components install cloud-firestore-emulator`, or name one in " +
          `${HOST_VARIABLE} (${output.trim().split("\n").at(-1)})`,
        { cause: output },
      );
    }
    await delay(100);
  }
  return { host, [Symbol.asyncDispose]: stop };
}

async function answers(host: string): Promise<boolean> {
  try {
    const response = await fetch(`http://${host}`);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
