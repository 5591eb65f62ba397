import process from "node:process";

/** How a server is started, and ended. */
export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Its files: they go with the process that started it. */
  readonly directory: string;
  /** Whose process it is, if not ours. */
  readonly account?: { readonly uid?: number; readonly gid?: number };
  /** What ends it at once, with all its children. */
  readonly endSignal: "SIGKILL" | "SIGQUIT";
}

/**
 * When the process `$1` is gone, ends the process group `$2` by the signal `$3`
 * and removes the directory `$4`. Runs by itself: nothing here waits for it.
 */
const WATCH = `{
  while kill -0 "$1" && kill -0 "$2"; do sleep 1; done
  kill -0 "$1" && exit
  kill -s "$3" -- "-$2"
  for try in 1 2 3 4 5; do
    rm -rf "$4" && exit
    sleep 1
  done
} &`;

const QUIET = { stdin: "null", stdout: "null", stderr: "null" } as const;

/**
 * A server in a process group of its own. It ends when told to, or with this
 * process, however that ends.
 */
export class ServerProcess {
  readonly #child: Deno.ChildProcess;
  readonly #endSignal: ServerCommand["endSignal"];
  #ended = false;

  private constructor(server: ServerCommand) {
    const { command, args, directory, account, endSignal } = server;
    this.#endSignal = endSignal;
    this.#child = new Deno.Command("sh", {
      args: [
        ...["-c", 'log=$1; shift; exec "$@" >"$log" 2>&1', "sh"],
        ...[`${directory}/server.log`, command, ...args],
      ],
      ...QUIET,
      ...account,
      cwd: "/",
      detached: true,
    }).spawn();
    this.#child.unref();
    void this.#child.status.then(() => this.#ended = true);
  }

  /** Starts a server. */
  static async start(server: ServerCommand): Promise<ServerProcess> {
    const process = new ServerProcess(server);
    const pids = [`${Deno.pid}`, `${process.#child.pid}`];
    const signal = server.endSignal.slice("SIG".length);
    const watch = new Deno.Command("sh", {
      args: ["-c", WATCH, "sh", ...pids, signal, server.directory],
      ...QUIET,
      detached: true,
    });
    // `output()` would leave it in our process group: it would go with us.
    await watch.spawn().status;
    return process;
  }

  /** Whether it is over. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Ends it at once, as a crash would. */
  async end(): Promise<void> {
    this.#child.ref();
    if (!this.#ended) process.kill(-this.#child.pid, this.#endSignal);
    await this.#child.status;
  }
}

/** A port of this machine that nobody uses. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
