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

/** The pause before the first look after a write: it may be one of many. */
const FIRST_LOOK_MS = 2;
/** The longest pause between looks, while looking. */
const LONGEST_LOOK_MS = 200;
/**
 * How long to keep looking after a write: it shows only when the disk has
 * confirmed the commit, and of that the file system tells nothing.
 */
const LOOKING_MS = 10_000;

/**
 * Notices what other connections and processes commit, by asking SQLite. Once
 * the file system has shown that it tells of writes to the file, there is no
 * need to ask but after a write: while nobody writes, nothing happens at all.
 */
export class SqliteFileWatch {
  readonly #settings: FileWatchSettings;
  #version: unknown;
  #watcher: FSWatcher | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pauseMs = LONGEST_LOOK_MS;
  /** Until when to keep looking, on `performance.now()`. */
  #lookUntil = Infinity;
  /** A closed `FSWatcher` may still tell of writes. */
  #over = false;

  constructor(settings: FileWatchSettings) {
    this.#settings = settings;
    this.#version = this.#readVersion();
    this.#timer = setTimeout(() => this.#look(), this.#pauseMs);
    this.#listen();
  }

  /** Ends the watch. */
  [Symbol.dispose](): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#watcher?.close();
  }

  #listen(): void {
    const { path } = this.#settings;
    if (path === undefined) return;
    try {
      this.#watcher = watch(path, () => this.#onWrite());
      this.#watcher.on("error", () => this.#onSilence());
      // Makes the file system show whether it tells of writes.
      const now = new Date();
      utimesSync(path, now, now);
    } catch {
      // Not every system can, or lets us: then looking has to do.
    }
  }

  #onWrite(): void {
    if (this.#over) return;
    this.#lookUntil = performance.now() + LOOKING_MS;
    if (this.#timer !== undefined && this.#pauseMs === FIRST_LOOK_MS) return;
    clearTimeout(this.#timer);
    this.#pauseMs = FIRST_LOOK_MS;
    this.#timer = setTimeout(() => this.#look(), this.#pauseMs);
  }

  /** The file system tells no more: looking has to do. */
  #onSilence(): void {
    if (this.#over) return;
    this.#lookUntil = Infinity;
    this.#timer ??= setTimeout(() => this.#look(), LONGEST_LOOK_MS);
  }

  #look(): void {
    this.#timer = undefined;
    if (performance.now() < this.#lookUntil) {
      this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_LOOK_MS);
      this.#timer = setTimeout(() => this.#look(), this.#pauseMs);
    }
    const version = this.#readVersion();
    if (version === this.#version) return;
    this.#version = version;
    this.#settings.onCommit();
  }

  /** The last one if the database is locked at the moment. */
  #readVersion(): unknown {
    try {
      return this.#settings.readVersion();
    } catch {
      return this.#version;
    }
  }
}
