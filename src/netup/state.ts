import { type Change, changeKey } from "./changes.ts";
import { notReady } from "./errors.ts";
import type { Owner, Settings } from "./options.ts";
import type { System } from "./run.ts";
import { inodeOf, stateFileOf } from "./run-folder.ts";
import { isState } from "./state-check.ts";

/** What netup set up, for a later netup, status or program. */
export interface Setup {
  readonly names: readonly [string, string];
  readonly addresses: readonly (readonly string[])[];
  readonly owner: Owner | null;
  readonly uplink: string | null;
  readonly v6: boolean;
}

/** The state file: the changes in order, with what is needed to undo them. Like the changes, it does not outlive a reboot. */
export interface State {
  readonly version: 1;
  readonly bootId: string;
  /** The network namespace that the changes are in ("net:[4026531840]"). */
  readonly netns: string;
  /** Tells the namespace from a later one with the same inode number; null if the kernel does not support that. */
  readonly cookie: string | null;
  /** ISO 8601. */
  readonly created: string;
  readonly setup: Setup;
  readonly changes: readonly Change[];
}

/** The path of this network namespace's state. Namespaces commonly share /run, so each has a file of its own. */
export function statePath(system: System): string {
  return stateFileOf(inodeOf(system.link(OWN_NETWORK)));
}

const OWN_NETWORK = "/proc/self/ns/net";
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** The state; null if there is none, or it is from another boot or namespace. Throws NetupError if it cannot be trusted. */
export function readState(system: System, path: string): State | null {
  const text = system.read(path);
  if (text === null) return null;
  const why = system.distrust(path);
  if (why !== "") throw notReady(`the state file ${path} cannot be trusted`, why, afterRemoval(path));
  const state = parseState(text);
  if (state === null)
    throw notReady(
      `${path} cannot be read`,
      "its content is not that of a state file of this version",
      afterRemoval(path),
    );
  const isHere = state.netns === system.link(OWN_NETWORK) && state.cookie === system.cookie();
  return isHere && state.bootId === system.read(BOOT_ID) ? state : null;
}

function afterRemoval(path: string): string {
  return `sudo rm ${path}; netdown then undoes what it finds in the kernel`;
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
 * The state while it is being changed. A change is recorded before it is made, so that it is never forgotten. A change that
 * was recorded but never made does no harm, since undo checks the present value first.
 */
export class Ledger {
  readonly #system: System;
  readonly #path: string | null;
  readonly #setup: Setup;
  readonly #created: string;
  readonly #changes: Change[];

  /** @param path null: no file is written */
  constructor(system: System, path: string | null, setup: Setup, before: State | null) {
    this.#system = system;
    this.#path = path;
    this.#setup = setup;
    this.#created = before?.created ?? new Date().toISOString();
    this.#changes = [...(before?.changes ?? [])];
  }

  /** True if the change is new. If the same thing was changed earlier, the older record with its `before` stays. */
  record(change: Change): boolean {
    if (this.#changes.some((other) => changeKey(other) === changeKey(change))) return false;
    this.#changes.push(change);
    this.#save();
    return true;
  }

  /** Records the setup, if a second netup changed nothing else. */
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
