/** A queue on PostgreSQL, at its best settings for each measurement. */
export interface Contender {
  readonly name: string;
  /** Opens it on a database of its own. */
  open(url: string): Promise<OpenContender>;
}

/** What is measured. */
export interface OpenContender {
  /** Adds tasks that are due now, as many at a time as is fastest. */
  insertDue(count: number): Promise<void>;
  /** Adds tasks that are due in an hour. */
  insertFuture(count: number): Promise<void>;
  /** Adds one task that carries a number. */
  schedule(number: number): Promise<void>;
  /**
   * Starts to run tasks, for throughput or for latency.
   *
   * @param onRun Called for each task that runs, with its number.
   */
  work(
    aim: "throughput" | "latency",
    onRun: (number: number) => void,
  ): Promise<void>;
  /** Finishes what runs, and closes everything. */
  close(): Promise<void>;
}
