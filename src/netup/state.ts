import { type Change, changeKey } from "./changes.ts";
import { notReady } from "./errors.ts";
import type { Owner, Settings } from "./options.ts";
import { RUN_FOLDER, type System } from "./run.ts";

/** What netup set up, for those who come later. */
export interface Setup {
  readonly names: readonly [string, string];
  readonly addresses: readonly (readonly string[])[];
  readonly owner: Owner | null;
  readonly uplink: string | null;
  readonly v6: boolean;
}

/** The state file: what was changed, in order, with what its undoing needs. It dies with the boot, like the changes. */
export interface State {
  readonly version: 1;
  readonly bootId: string;
  /** The network namespace that the changes are in ("net:[4026531840]"). */
  readonly netns: string;
  /** ISO 8601. */
  readonly created: string;
  readonly setup: Setup;
  readonly changes: readonly Change[];
}

export const STATE_FILE = `${RUN_FOLDER}/state.json`;

/**
 * Where the state of this network namespace lies. /run is commonly shared between namespaces: where the file holds the
 * state of another one, this one's is beside it, with the namespace's number in its name.
 */
export function statePath(system: System, option: string | undefined): string {
  const given = option ?? system.env.TCPNET_STATE;
  if (given !== undefined && given !== "") return given;
  const inode = /\d+/.exec(netnsOf(system))?.[0];
  const own = STATE_FILE.replace(".json", `-${inode}.json`);
  if (inode === undefined) return STATE_FILE;
  if (system.read(own) !== null) return own;
  const state = parseState(system, STATE_FILE);
  return state !== null && isNow(system, state) && !isHere(system, state) ? own : STATE_FILE;
}

function netnsOf(system: System): string {
  return system.link("/proc/self/ns/net") ?? "";
}

function isHere(system: System, state: State): boolean {
  return state.netns === netnsOf(system);
}

function isNow(system: System, state: State): boolean {
  return state.bootId === system.read("/proc/sys/kernel/random/boot_id");
}

/** The state, or null where there is none, or where it is of another boot or namespace. */
export function readState(system: System, path: string): State | null {
  const state = parseState(system, path);
  return state !== null && isHere(system, state) && isNow(system, state) ? state : null;
}

function parseState(system: System, path: string): State | null {
  const text = system.read(path);
  if (text === null) return null;
  try {
    const state = JSON.parse(text) as State | null;
    if (state?.version === 1 && Array.isArray(state.changes)) return state;
  } catch {
    // Told below: not JSON is as wrong as the wrong JSON.
  }
  throw damaged(path);
}

function damaged(path: string): Error {
  const fix = `remove ${path}: netdown then goes by what it finds in the kernel`;
  return notReady(`${path} cannot be read`, "it is not a state file of this version", fix);
}

export function setupOf(settings: Settings, uplink: string | null): Setup {
  const [host, peer] = settings.sides;
  return {
    names: [host.name, peer.name],
    addresses: settings.sides.map((side) => side.prefixes.map(String)),
    owner: settings.owner,
    uplink,
    v6: settings.v6,
  };
}

/**
 * The state while it is being changed. A change is written down before it is made: its undoing looks at what is there, so
 * one that was never made does no harm, and one that was made is never forgotten.
 */
export class Ledger {
  readonly #system: System;
  readonly #path: string;
  readonly #setup: Setup;
  readonly #created: string;
  readonly #changes: Change[];

  constructor(system: System, path: string, setup: Setup, before: State | null) {
    this.#system = system;
    this.#path = path;
    this.#setup = setup;
    this.#created = before?.created ?? new Date().toISOString();
    this.#changes = [...(before?.changes ?? [])];
  }

  /** True if the change is new; a change of the same thing that is already recorded keeps its older `before`. */
  record(change: Change): boolean {
    if (this.#changes.some((other) => changeKey(other) === changeKey(change))) return false;
    this.#changes.push(change);
    this.#save();
    return true;
  }

  /** Writes down the setup, where a second netup added nothing but words. */
  settle(): void {
    this.#save();
  }

  forget(change: Change): void {
    const i = this.#changes.findIndex((other) => changeKey(other) === changeKey(change));
    if (i >= 0) this.#changes.splice(i, 1);
    if (this.#changes.length === 0) this.#system.remove(this.#path);
    else this.#save();
  }

  #save(): void {
    const system = this.#system;
    const state: State = {
      version: 1,
      bootId: system.read("/proc/sys/kernel/random/boot_id") ?? "",
      netns: netnsOf(system),
      created: this.#created,
      setup: this.#setup,
      changes: this.#changes,
    };
    try {
      system.save(this.#path, `${JSON.stringify(state, null, 2)}\n`);
    } catch (error) {
      const fix = "name a file that can be written: TCPNET_STATE=/tmp/tcpnet-state.json";
      throw notReady(`cannot write ${this.#path}`, (error as Error).message, fix);
    }
  }
}
