import type { Device } from "#device/device";
import type { ControlSocket } from "#lab/chaos/control";
import type { Endpoint } from "./endpoint.ts";
import { openControlOf } from "./link-control.ts";
import { openDevice } from "./open-device.ts";
import { giveUpRoot } from "./privileges.ts";
import type { DeviceOptions } from "./session-options.ts";

/** What was opened with the rights that the program began with. */
export interface OpenedWith<More> {
  readonly device: Device;
  /** Where `tcpnet link` reaches the link; null: it cannot be changed. */
  readonly control: ControlSocket | null;
  readonly more: More;
  /** That of the options, which now knows whether this program made the device. */
  readonly endpoint: Endpoint;
}

/**
 * Opens the device and its control socket, gives root up, and does the work. Then the device is closed, and gets back the MTU that it
 * had. @param openMore opens what else may take root's rights
 */
export async function withDevice<More>(
  options: DeviceOptions,
  openMore: () => More,
  work: (opened: OpenedWith<More>) => Promise<number>,
): Promise<number> {
  const { device, temporary, giveBack } = openDevice(options.endpoint, options);
  try {
    const more = openMore();
    const control = openControlOf(device, options.socket);
    // No packet is read by root.
    await giveUpRoot();
    return await work({ device, control, more, endpoint: { ...options.endpoint, isNewDevice: temporary } });
  } finally {
    device.close();
    giveBack();
  }
}
