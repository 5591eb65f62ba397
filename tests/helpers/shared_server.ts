import { basename, join } from "node:path";
import { tmpdir } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

/** A server cannot be started, for something is not installed. */
export class MissingServerError extends Error {}

/** A server that all test files of a run share. */
export interface ServerSource {
  /** As in "PostgreSQL tests are skipped". */
  readonly name: string;
  /** The variable of the environment that says where it is. */
  readonly variable: string;
  /**
   * Starts it, for as long as this process lives.
   *
   * @returns What the variable will say.
   * @throws {MissingServerError} If something is not installed.
   */
  start(): Promise<string>;
}

/** Registers a test that needs the server. */
export type RegisterTest = (
  name: string,
  run: () => void | Promise<void>,
  options?: Pick<Deno.TestDefinition, "sanitizeOps" | "sanitizeResources">,
) => void;

/** Where a server is, and how to register tests that need it. */
export interface SharedServer {
  /** What its variable says; empty if it is missing. */
  readonly address: string;
  readonly test: RegisterTest;
}

/**
 * Finds the server, or starts it: the first test file does that for the others.
 * If it is missing, one ignored test takes the place of all that need it, and a
 * warning says what to install; where `CI` is `true`, that is an error.
 */
export async function shareServer(source: ServerSource): Promise<SharedServer> {
  const found = await once(source);
  if ("address" in found) return { address: found.address, test: register };
  const file = basename(Deno.mainModule);
  const problem = `the ${source.name} tests of ${file}: ${found.missing}`;
  if (Deno.env.get("CI") === "true") throw new Error(`Cannot run ${problem}`);
  const message = `Skips ${problem}`;
  console.warn(message);
  let told = false;
  const skip: RegisterTest = () => {
    if (!told) Deno.test({ name: message, ignore: true, fn() {} });
    told = true;
  };
  return { address: "", test: skip };
}

const register: RegisterTest = (name, fn, options) =>
  Deno.test({ name, fn, ...options });

type Found = { readonly address: string } | { readonly missing: string };

/** The environment is what the threads of this process have in common. */
async function once(source: ServerSource): Promise<Found> {
  const lock = join(tmpdir(), `scheduler-tests-${Deno.pid}-${source.variable}`);
  for (;;) {
    const found = look(source);
    if (found !== undefined) return found;
    if (!tryLock(lock)) {
      await delay(50);
      continue;
    }
    try {
      return look(source) ?? await start(source);
    } finally {
      Deno.removeSync(lock);
    }
  }
}

function look({ variable }: ServerSource): Found | undefined {
  const address = Deno.env.get(variable);
  if (address !== undefined) return { address };
  const missing = Deno.env.get(`NO_${variable}`);
  if (missing !== undefined) return { missing };
}

async function start({ variable, start }: ServerSource): Promise<Found> {
  try {
    const address = await start();
    Deno.env.set(variable, address);
    return { address };
  } catch (error) {
    if (!(error instanceof MissingServerError)) throw error;
    Deno.env.set(`NO_${variable}`, error.message);
    return { missing: error.message };
  }
}

function tryLock(directory: string): boolean {
  try {
    Deno.mkdirSync(directory);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}
