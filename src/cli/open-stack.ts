import type { Device } from "#device/device";
import { createStack } from "#socket/create-stack";
import type { EngineStack, StackSettings } from "#socket/stack-types";
import type { Limits } from "#stack/limits";
import { addressMap } from "./address-map.ts";
import { obstacle } from "./diagnose.ts";
import { runsAs } from "./privileges.ts";
import type { DeviceOptions } from "./session-options.ts";
import type { Voice } from "./voice.ts";

export interface StackWishes {
  /** Limits of connections; absent ones: the defaults. */
  readonly limits: Partial<Limits>;
  /** Records of the event ring; 0: no events. */
  readonly trace: number;
}

/** A stack on the device, which it takes over: it is closed even if there can be no stack. */
export async function openStack(options: DeviceOptions, device: Device, wishes: StackWishes): Promise<EngineStack> {
  try {
    return await createStack({ ...stackSettings(options, wishes), device });
  } catch (error) {
    device.close();
    throw error;
  }
}

export function stackSettings({ endpoint: e, ownPrefix, profile }: DeviceOptions, wishes: StackWishes): StackSettings {
  return {
    address: `${e.local}/${e.kernel.bits}`,
    kernelAddress: `${e.kernel.address}`,
    ...(ownPrefix ? { owned: `${e.kernel}` } : {}),
    limits: wishes.limits,
    ...(profile === undefined ? {} : { profile }),
    trace: wishes.trace,
  };
}

/** Says who is who, and what on this machine is in the way. @param name of the command @param floodFilter of `floodFilterOf` */
export function tellWhoIsWho(
  voice: Voice,
  name: string,
  options: DeviceOptions,
  port: number,
  mtu: number,
  floodFilter: string,
): void {
  const { endpoint: e, impairment, ownPrefix } = options;
  const facts = {
    role: e.role,
    tun: e.tun,
    local: `${e.local}`,
    kernel: `${e.kernel}`,
    remote: e.remote,
    port,
    mtu,
    ownPrefix,
    floodFilter,
  };
  const link = impairment === null ? [] : [`  link    ${impairment.text}`];
  const user = runsAs();
  voice.lines("start", { ...facts, link: impairment?.text ?? null, user }, [
    `tcpnet ${name}`,
    ...addressMap(e, port, mtu, ownPrefix),
    ...link,
    ...(user === null ? [] : [`${`  user    ${user}`.padEnd(27)}the program is not root any more`]),
  ]);
  const found = obstacle(e);
  if (found !== null) voice.warn({ what: found.what, why: "", fix: found.fix });
}
