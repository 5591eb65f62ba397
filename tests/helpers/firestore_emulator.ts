/**
 * Google's Firestore emulator, for tests: the one at `FIRESTORE_EMULATOR_HOST`,
 * or one that is started with `gcloud` and ends with this process. Without
 * either, tests are ignored, loudly; where `CI` is `true`, that is an error.
 */
import { Firestore } from "@google-cloud/firestore";

const HOST_VARIABLE = "FIRESTORE_EMULATOR_HOST";
const START_TIMEOUT_MS = 60_000;

/**
 * Ends the emulator when told to, or when the process that is `$2` is gone.
 * gcloud makes a process group, and leaves its children behind.
 */
const WATCHED_START = `
  gcloud emulators firestore start --host-port="$1" >"$3" 2>&1 &
  emulator=$!
  end() { kill -KILL -$emulator || kill -KILL $emulator; exit; } 2>/dev/null
  trap end TERM
  while kill -0 "$2" && kill -0 $emulator; do sleep 1 & wait $!; done 2>/dev/null
  end
`;

/** The emulator is not installed, or not as it should be. */
class NoEmulatorError extends Error {}

/** An emulator that was started. */
export interface Emulator extends AsyncDisposable {
  /** Where it listens, such as `"127.0.0.1:8080"`. */
  readonly host: string;
}

/** Why there is no emulator, if there is none. */
const missing: string | undefined = await findEmulator();

/** Registers a test that needs the emulator. */
export function test(
  name: string,
  run: () => Promise<void>,
  options: Pick<Deno.TestDefinition, "sanitizeOps" | "sanitizeResources"> = {},
): void {
  if (missing === undefined) Deno.test({ name, fn: run, ...options });
  else Deno.test({ name: `${name} (${missing})`, ignore: true, fn: run });
}

/**
 * Makes a client, as a process would; it has to be terminated. Without a host it
 * talks to the emulator of the tests.
 */
export function connect(
  host?: string,
  settings: FirebaseFirestore.Settings = {},
): Firestore {
  const usual = Deno.env.get(HOST_VARIABLE);
  // The client looks there alone, when it is made.
  if (host !== undefined) Deno.env.set(HOST_VARIABLE, host);
  try {
    return new Firestore({
      projectId: "scheduler-test",
      universeDomain: "googleapis.com",
      ...settings,
    });
  } finally {
    if (usual !== undefined) Deno.env.set(HOST_VARIABLE, usual);
    else Deno.env.delete(HOST_VARIABLE);
  }
}

/** A path of a collection that nobody else uses. */
export function newCollection(): string {
  return `tests/${crypto.randomUUID()}/schedules`;
}

/**
 * Starts an emulator. It ends with its disposal, or with this process however
 * that ends.
 */
export async function startEmulator(port = freePort()): Promise<Emulator> {
  const host = `127.0.0.1:${port}`;
  const log = await Deno.makeTempFile({ prefix: "firestore_", suffix: ".log" });
  const child = new Deno.Command("sh", {
    args: ["-c", WATCHED_START, "sh", host, `${Deno.pid}`, log],
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  child.unref();
  let ended = false;
  void child.status.then(() => ended = true);
  const stop = async () => {
    child.ref();
    if (!ended) child.kill("SIGTERM");
    await child.status;
    await Deno.remove(log);
  };
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!await answers(host)) {
    if (ended || performance.now() > deadline) {
      const output = await Deno.readTextFile(log);
      await stop();
      throw new NoEmulatorError(
        `the emulator does not start: ${output.trim().split("\n").at(-1)}`,
        { cause: output },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { host, [Symbol.asyncDispose]: stop };
}

async function findEmulator(): Promise<string | undefined> {
  if (Deno.env.has(HOST_VARIABLE)) return undefined;
  try {
    const { host } = await startEmulator();
    // Later test files find it there.
    Deno.env.set(HOST_VARIABLE, host);
  } catch (error) {
    if (!(error instanceof NoEmulatorError)) throw error;
    if (Deno.env.get("CI") === "true") throw error;
    console.warn(`Firestore tests are ignored: ${error.message}`);
    return error.message;
  }
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

/** A port of this machine that nobody uses. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
