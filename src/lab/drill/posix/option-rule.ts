import type { SettingValue } from "./target.ts";

/** The kernel's rules for one socket option. */
export interface OptionRule {
  /** The value that getsockopt returns if the option was never set; undefined: the engine decides. */
  readonly initial: SettingValue | undefined;
  /** Converts a value that is set: to another value, or to an errno. */
  readonly take: (value: number) => number | Refusal;
  /**
   * What the option affects: the stack; only the calls here; nothing but getsockopt; or nothing as long as it has its initial value, and
   * anything else is unsupported.
   */
  readonly concerns: "stack" | "calls" | "nobody" | "nobody yet";
  /** The states of a socket in which it may be set; EINVAL in others. */
  readonly when: "ever" | "closed" | "closed or listening";
  /** getsockopt is compared only as zero or non-zero. */
  readonly isTruth?: boolean;
}

export interface Refusal {
  readonly errno: string;
}

export const refuse = (errno: string): Refusal => ({ errno });

export type Concerns = OptionRule["concerns"];
export type Take = OptionRule["take"];

export function rule(
  concerns: Concerns,
  initial: SettingValue | undefined,
  take: Take,
  when: OptionRule["when"] = "ever",
): OptionRule {
  return { initial, take, concerns, when };
}

export const asIs: Take = (value) => value;
/** Any value but 0 becomes 1. */
export const truth: Take = (value) => Number(value !== 0);
export const between =
  (low: number, high: number, errno = "EINVAL"): Take =>
  (value) =>
    value >= low && value <= high ? value : refuse(errno);
export const flag = (concerns: Concerns, initial: number = 0): OptionRule => rule(concerns, initial, truth);
/** Accepts only 0 and 1. */
export const strict = (concerns: Concerns, when: OptionRule["when"] = "ever"): OptionRule =>
  rule(concerns, 0, between(0, 1), when);
export const readOnly = (initial: SettingValue | undefined): OptionRule => refused("ENOPROTOOPT", initial);
/** Always refused. */
export const refused = (errno: string, initial: SettingValue | undefined = undefined): OptionRule =>
  rule("calls", initial, () => refuse(errno));

export const INT_MAX = 2 ** 31 - 1;
