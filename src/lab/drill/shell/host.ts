import type { Profile, SettingValue, StateName } from "../posix/target.ts";

/** What the programs of a script are about: the machine under test, its settings, its sockets, some files. */
export interface ShellHost {
  /** The machine has sysctls itself: they are not translated. */
  readonly isSystem: boolean;
  readonly profile: Profile;
  readonly family: 4 | 6;
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** Files that programs wrote; a script's `open` looks for them here, too. */
  readonly files: Map<string, Uint8Array>;
  readFile(path: string): Uint8Array | undefined;
  /** Lets so much of the script's time pass. */
  sleep(usecs: number): void;
  /** Changes a setting of the stack: a field of TcpParams, or a word of targets/stack/settings.ts. False: it has none such. */
  configure(name: string, value: SettingValue): boolean;
  /** Sets a sysctl by its own name, where the machine has them. */
  writeSysctl(name: string, value: string): boolean;
  readSysctl(name: string): string | undefined;
  /** Counters by Linux' names; undefined: the machine keeps none. */
  counters(): Readonly<Record<string, number>> | undefined;
  sockets(): readonly SocketEntry[];
  /** Aborts connections. */
  drop(which: (entry: SocketEntry) => boolean): number;
}

/** A listener or a connection, as ss and sockstat tell of them. */
export interface SocketEntry {
  readonly state: StateName;
  readonly localPort: number;
  /** 0: of a listener. */
  readonly remotePort: number;
  /** Octets to be read (of a listener: connections to be accepted), and octets that are not acknowledged (its backlog). */
  readonly receiveQueue: number;
  readonly sendQueue: number;
  /** The descriptor that the script has for it; undefined: nobody has one. */
  readonly descriptor: number | undefined;
  /** tcp_info, where somebody can say it. */
  readonly information: Readonly<Record<string, number>> | undefined;
}
