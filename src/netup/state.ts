import { type Change, changeKey } from "./changes.ts";
import { notReady } from "./errors.ts";
import type { Owner, Settings } from "./options.ts";
import type { System } from "./run.ts";
import { inodeOf, stateFileOf } from "./run-folder.ts";
import { isState } from "./state-check.ts";

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
  /** What tells it from a later one with the same number; null where the kernel does not say. */
  readonly cookie: string | null;
  /** ISO 8601. */
  readonly created: string;
  readonly setup: Setup;
  readonly changes: readonly Change[];
}

/** Where the state of this network namespace lies: /run is commonly shared between namespaces. */
export function statePath(system: System): string {
  return stateFileOf(inodeOf(system.link(OWN_NETWORK)));
}

const OWN_NETWORK = "/proc/self/ns/net";
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** The state, or null where there is none, or where it is of another boot or namespace. Throws NetupError for one that is not to be trusted. */
export function readState(system: System, path: string): State | null {
  const text = system.read(path);
  if (text === null) return null;
  const why = system.distrust(path);
  if (why !== "") throw notReady(`the state file ${path} is not root's alone`, why, afterRemoval(path));
  const state = parseState(text);
  if (state === null)
    throw notReady(`${path} cannot be read`, "it is not a state file of this version", afterRemoval(path));
  const isHere = state.netns === system.link(OWN_NETWORK) && state.cookie === system.cookie();
  return isHere && state.bootId === system.read(BOOT_ID) ? state : null;
}

function afterRemoval(path: string): string {
  return `sudo rm ${path}: netdown then goes by what it finds in the kernel`;
}

function parseState(text: string): State | null {
  try {
    const state: unknown = JSON.parse(text);
    return isState(state) ? state : null;
  } catch {
    return null;
  }
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
  readonly #path: string | null;
  readonly #setup: Setup;
  readonly #created: string;
  readonly #changes: Change[];

  /** @param path null: nothing is written down. */
  constructor(system: System, path: string | null, setup: Setup, before: State | null) {
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
    if (this.#changes.length > 0) this.#save();
    else if (this.#path !== null) this.#system.remove(this.#path);
  }

  #save(): void {
    const system = this.#system;
    const path = this.#path;
    if (path === null) return;
    const state: State = {
      version: 1,
      bootId: system.read(BOOT_ID) ?? "",
      netns: system.link(OWN_NETWORK) ?? "",
      cookie: system.cookie(),
      created: this.#created,
      setup: this.#setup,
      changes: this.#changes,
    };
    try {
      system.save(path, `${JSON.stringify(state, null, 2)}\n`);
    } catch (error) {
      const fix = "in a container or namespace of your own: mount -t tmpfs tmpfs /run";
      throw notReady(`cannot write ${path}`, (error as Error).message, fix);
    }
  }
}
