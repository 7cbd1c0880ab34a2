import type { SettingValue } from "./target.ts";

/** What a kernel says of one socket option. */
export interface OptionRule {
  /** What getsockopt says of an option that was never set; undefined: that is the machine's matter. */
  readonly initial: SettingValue | undefined;
  /** What becomes of a value that is set: another value, or an errno. */
  readonly take: (value: number) => number | Refusal;
  /**
   * Whose matter it is: the stack's; the calls' alone; nobody's, for nothing of it can be seen but by asking; or nobody's as
   * long as it stays as it is.
   */
  readonly concerns: "stack" | "calls" | "nobody" | "nobody yet";
  /** In which states of a socket it may be set; EINVAL in others. */
  readonly when: "ever" | "closed" | "closed or listening";
  /** Only whether it is 0 counts in what getsockopt says. */
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
/** Anything but 0 is 1. */
export const truth: Take = (value) => Number(value !== 0);
export const between =
  (low: number, high: number, errno = "EINVAL"): Take =>
  (value) =>
    value >= low && value <= high ? value : refuse(errno);
export const flag = (concerns: Concerns, initial: number = 0): OptionRule => rule(concerns, initial, truth);
/** 0 or 1, and nothing else. */
export const strict = (concerns: Concerns, when: OptionRule["when"] = "ever"): OptionRule =>
  rule(concerns, 0, between(0, 1), when);
export const readOnly = (initial: SettingValue | undefined): OptionRule => refused("ENOPROTOOPT", initial);
/** Whatever is asked. */
export const refused = (errno: string, initial: SettingValue | undefined = undefined): OptionRule =>
  rule("calls", initial, () => refuse(errno));

export const INT_MAX = 2 ** 31 - 1;
