/**
 * For testing jobs and stores of one's own: a clock that tests step, and the
 * suite that every store has to pass. Works with any test runner.
 *
 * @module
 */

export { type JobStoreTests, testJobStore } from "./conformance/mod.ts";
export type { FacetName, StoreHarness } from "./conformance/store_harness.ts";
export { SteppedClock } from "./helpers/stepped_clock.ts";
