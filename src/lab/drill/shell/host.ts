import type { Profile, SettingValue, StateName } from "../posix/target.ts";

/** What the programs of a script can access: the machine under test, its settings, its sockets, some files. */
export interface ShellHost {
  /** The machine has sysctls of its own: they are not translated. */
  readonly isSystem: boolean;
  readonly profile: Profile;
  readonly family: 4 | 6;
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** Files written by programs; a script's `open` also looks for them here. */
  readonly files: Map<string, Uint8Array>;
  readFile(path: string): Uint8Array | undefined;
  /** Advances the script's time. */
  sleep(usecs: number): void;
  /** Changes a setting of the stack: a field of TcpParams, or a word of targets/stack/settings.ts. False: no such setting. */
  configure(name: string, value: SettingValue): boolean;
  /** Sets a sysctl by its own name, if the machine has sysctls. */
  writeSysctl(name: string, value: string): boolean;
  readSysctl(name: string): string | undefined;
  /** Counters by Linux's names; undefined: the machine keeps none. */
  counters(): Readonly<Record<string, number>> | undefined;
  sockets(): readonly SocketEntry[];
  /** Aborts connections. */
  drop(which: (entry: SocketEntry) => boolean): number;
}

/** A listener or a connection, as listed by ss and sockstat. */
export interface SocketEntry {
  readonly state: StateName;
  readonly localPort: number;
  /** 0 for a listener. */
  readonly remotePort: number;
  /** Unread octets (for a listener: connections to be accepted), and unacknowledged octets (for a listener: its backlog). */
  readonly receiveQueue: number;
  readonly sendQueue: number;
  /** The script's descriptor for it; undefined if there is none. */
  readonly descriptor: number | undefined;
  /** tcp_info, if known. */
  readonly information: Readonly<Record<string, number>> | undefined;
}
