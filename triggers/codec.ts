import { SchedulerError } from "../src/api/errors.ts";
import type {
  Trigger,
  TriggerClass,
  TriggerCodec,
} from "../src/api/trigger.ts";
import { errorText, printable } from "../src/core/text.ts";
import { CronTrigger } from "./cron_trigger.ts";
import { SimpleTrigger } from "./simple_trigger.ts";

/** The classes that can always be stored. */
const STANDARD: readonly TriggerClass[] = [CronTrigger, SimpleTrigger];

/** More stored forms than these are not remembered. */
const MAX_CHECKED = 1_000;

/** Reads and writes the triggers of this package, and those of other classes. */
export class StdTriggerCodec implements TriggerCodec {
  readonly #classes = new Map<string, TriggerClass>();
  /** Stored forms that can be read back: many tasks share few of them. */
  readonly #checked = new Set<string>();

  /**
   * Makes a codec.
   *
   * @param classes Further classes.
   * @throws {TypeError} If one of them is no such class, or its type is taken.
   */
  constructor(classes: readonly TriggerClass[] = []) {
    if (!Array.isArray(classes)) {
      throw new TypeError(
        `Cannot use the triggers ${printable(classes)}: expected an array of ` +
          "classes",
      );
    }
    for (const one of [...STANDARD, ...classes]) this.#add(one);
  }

  /** Reads a cron expression. */
  parse(expression: string, timeZone: string | undefined): Trigger {
    return new CronTrigger(expression, { timeZone });
  }

  /**
   * Writes a trigger in the form that a store keeps.
   *
   * @throws {TypeError} If its class is not known: it could not be read back,
   *   or only as a trigger of the class that it extends.
   */
  encode(trigger: Trigger): string {
    const json = trigger.toJSON?.();
    const type = this.#typeOf(trigger, json);
    if (type === undefined) throw this.#notStorable(trigger);
    const stored = JSON.stringify(json);
    if (!this.#checked.has(stored)) this.#check(type, stored);
    return stored;
  }

  /**
   * Reads a trigger back from its stored form.
   *
   * @throws {SchedulerError} If `stored` is no such form.
   */
  decode(stored: string): Trigger {
    try {
      return this.#fromJson(JSON.parse(stored));
    } catch (cause) {
      throw new SchedulerError(
        `Cannot restore the trigger ${printable(stored)}: ${errorText(cause)}`,
        { cause },
      );
    }
  }

  #add(one: TriggerClass): void {
    const { type, fromJSON } = one ?? {};
    if (typeof type !== "string" || typeof fromJSON !== "function") {
      throw new TypeError(
        `Cannot use ${nameOf(one)} as a class of triggers: expected a class ` +
          `with a static "type" and a static method "fromJSON"`,
      );
    }
    const known = this.#classes.get(type);
    if (known !== undefined && known !== one) {
      throw new TypeError(
        `Cannot use ${nameOf(one)} as a class of triggers: its type ` +
          `${printable(type)} is that of ${nameOf(known)}; expected another`,
      );
    }
    this.#classes.set(type, one);
  }

  #check(type: string, stored: string): void {
    try {
      this.decode(stored);
    } catch (cause) {
      throw new TypeError(
        `Cannot store the trigger "${type}": it cannot be read back: ` +
          errorText(cause),
        { cause },
      );
    }
    if (this.#checked.size >= MAX_CHECKED) this.#checked.clear();
    this.#checked.add(stored);
  }

  #fromJson(json: unknown): Trigger {
    const { type } = Object(json);
    const found = this.#classes.get(type);
    if (found !== undefined) {
      const trigger: unknown = found.fromJSON(json);
      if (typeof Object(trigger).nextFireTime === "function") {
        return trigger as Trigger;
      }
      throw new TypeError(
        `the fromJSON of ${nameOf(found)} returned ${printable(trigger)}; ` +
          "expected a trigger",
      );
    }
    const known = Array.from(this.#classes.keys(), (one) => `"${one}"`);
    throw new TypeError(
      `its type is ${printable(type)}; expected ${known.join(", ")}, or a ` +
        `class of that type in the scheduler's option "triggers"`,
    );
  }

  /**
   * The type under which a trigger can be stored. Its class must be the very one
   * of that type: a subclass would come back as its parent.
   */
  #typeOf(trigger: Trigger, json: unknown): string | undefined {
    const { type } = Object(json);
    const found: unknown = this.#classes.get(type);
    return found !== undefined && found === trigger.constructor
      ? type
      : undefined;
  }

  #notStorable(trigger: Trigger): TypeError {
    const { constructor } = trigger;
    const name = constructor === undefined || constructor === Object
      ? "an object"
      : nameOf(constructor);
    const parent = [...this.#classes.values()].find((one) =>
      typeof one === "function" && trigger instanceof one
    );
    return new TypeError(
      `Cannot store the trigger ${name}: ` +
        (parent === undefined ? "" : `it extends ${nameOf(parent)}; `) +
        `expected a CronTrigger, a SimpleTrigger, or a class in the ` +
        `scheduler's option "triggers"; any trigger can be given to registerJob`,
    );
  }
}

function nameOf(one: unknown): string {
  const { name } = Object(one);
  return typeof name === "string" && name !== "" ? name : printable(one);
}
