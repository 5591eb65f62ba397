/**
 * Stops the time of this process, for what measures it by itself: `Date.now` and
 * `performance.now` show what the test says. Timers go on.
 */
export class StoppedTime implements Disposable {
  readonly #dateNow = Date.now;
  readonly #performanceNow = performance.now;

  constructor() {
    const wall = Date.now();
    const monotonic = performance.now();
    this.#set(wall, monotonic);
  }

  /** Lets so much time pass at once. */
  pass(ms: number): void {
    this.#set(Date.now() + ms, performance.now() + ms);
  }

  /** Sets the wall clock forward or back: no time passes. */
  jump(ms: number): void {
    this.#set(Date.now() + ms, performance.now());
  }

  /** Lets the time go on. */
  [Symbol.dispose](): void {
    Date.now = this.#dateNow;
    performance.now = this.#performanceNow;
  }

  #set(wall: number, monotonic: number): void {
    Date.now = () => wall;
    performance.now = () => monotonic;
  }
}
