import { type FSWatcher, utimesSync, watch } from "node:fs";

/** What a {@linkcode SqliteFileWatch} works with. */
export interface FileWatchSettings {
  /** The file that every commit writes to, if there is one. */
  readonly path: string | undefined;
  /** A number that others change by committing; may throw. */
  readVersion(): unknown;
  /** Hears that others have committed. */
  onCommit(): void;
}

/** How long others' commits may go unnoticed where the file system is silent. */
const POLL_MS = 200;
/** How long to gather events: a busy file has thousands a second. */
const GATHER_MS = 10;

/**
 * Notices what other connections and processes commit. It asks SQLite every
 * 200 ms, until the file system has shown that it tells of changes of the file;
 * from then on it asks only when told, and costs nothing while nobody writes.
 */
export class SqliteFileWatch {
  readonly #settings: FileWatchSettings;
  #version: unknown;
  #watcher: FSWatcher | undefined;
  #poll: ReturnType<typeof setInterval> | undefined;
  #check: ReturnType<typeof setTimeout> | undefined;

  constructor(settings: FileWatchSettings) {
    this.#settings = settings;
    this.#version = settings.readVersion();
    this.#poll = setInterval(() => this.#look(), POLL_MS);
    this.#listen();
  }

  /** Ends the watch. */
  [Symbol.dispose](): void {
    clearInterval(this.#poll);
    clearTimeout(this.#check);
    this.#watcher?.close();
  }

  #listen(): void {
    const { path } = this.#settings;
    if (path === undefined) return;
    try {
      this.#watcher = watch(path, () => this.#onEvent());
      this.#watcher.on("error", () => {});
      // Makes the file system show whether it tells of changes.
      const now = new Date();
      utimesSync(path, now, now);
    } catch {
      // Not every system can, or lets us: then asking has to do.
    }
  }

  #onEvent(): void {
    clearInterval(this.#poll);
    this.#lookIn(GATHER_MS);
  }

  #lookIn(ms: number): void {
    this.#check ??= setTimeout(() => {
      this.#check = undefined;
      this.#look();
    }, ms);
  }

  #look(): void {
    const { readVersion, onCommit } = this.#settings;
    let version: unknown;
    try {
      version = readVersion();
    } catch {
      this.#lookIn(POLL_MS);
      return;
    }
    if (version === this.#version) return;
    this.#version = version;
    onCommit();
  }
}
