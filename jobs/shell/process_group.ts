import { systemClock } from "../../src/api/clock.ts";
import { GrowingPause } from "../../src/core/growing_pause.ts";

/** What `spawn` returns. */
export type Child = ReturnType<typeof import("node:child_process").spawn>;

/**
 * A program with all that it has started, unless that went into a group of its
 * own. On Windows, which has no groups, the program alone.
 */
export class ProcessGroup {
  readonly #process: typeof import("node:process");
  readonly #child: Child;

  /** The group of a child that was spawned as `detached`, except on Windows. */
  constructor(process: typeof import("node:process"), child: Child) {
    this.#process = process;
    this.#child = child;
  }

  /** Sends a signal to all of it. */
  kill(signal: "SIGTERM" | "SIGKILL"): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      if (this.#process.platform === "win32") this.#child.kill(signal);
      else this.#process.kill(-pid, signal);
    } catch {
      // Nobody is left, or this process may end its own child only.
      this.#child.kill(signal);
    }
  }

  /** Whether nobody is left; `undefined` if this process cannot know. */
  get isGone(): boolean | undefined {
    const { pid } = this.#child;
    if (pid === undefined) return true;
    if (this.#process.platform === "win32") return undefined;
    try {
      this.#process.kill(-pid, 0);
      return false;
    } catch (error) {
      const { code } = error as { code?: string };
      // EPERM: somebody is there, but under another user.
      return code === "ESRCH" || (code === "EPERM" ? false : undefined);
    }
  }

  /**
   * Waits until nobody is left, but not for ever; returns the last `isGone`. No
   * event tells, so this looks again and again. It counts its pauses, not the
   * time: to a busy process, an end that it had no time to see is no late end.
   */
  async waitUntilGone(ms: number): Promise<boolean | undefined> {
    const pause = new GrowingPause({ firstMs: 1, longestMs: LOOK_MS });
    let { isGone } = this;
    for (let leftMs = ms; isGone === false && leftMs > 0;) {
      const pauseMs = Math.min(pause.next(), leftMs);
      await systemClock.sleep(pauseMs);
      leftMs -= pauseMs;
      isGone = this.isGone;
      if (isGone === false && pauseMs === LOOK_MS) {
        isGone = await this.#areAllZombies();
      }
    }
    return isGone;
  }

  /**
   * Whether all that is left has ended, but was not waited for: in a container
   * whose first process does not do that, this stays so.
   */
  async #areAllZombies(): Promise<boolean> {
    const { platform, versions } = this.#process;
    // Deno might ask the user whether this may be read.
    if (platform !== "linux" || versions.deno !== undefined) return false;
    try {
      const { readdir, readFile } = await import("node:fs/promises");
      for (const name of await readdir("/proc")) {
        if (!/^\d+$/.test(name)) continue;
        const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(String);
        const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2)
          .split(" ");
        const isOurs = Number(group) === this.#child.pid;
        if (isOurs && state !== "Z" && state !== "X") return false;
      }
      return true;
    } catch {
      return false;
    }
  }
}

/** How long the longest pause between two looks is, in milliseconds. */
const LOOK_MS = 20;
