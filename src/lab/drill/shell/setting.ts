import type { SettingValue } from "../posix/target.ts";

/** A setting of the stack: a field of TcpParams, or one of the words of targets/stack/settings.ts. */
export interface Setting {
  readonly name: string;
  readonly value: SettingValue;
}

export const set = (name: string, value: SettingValue): Setting => ({ name, value });
