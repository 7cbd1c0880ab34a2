/**
 * Calls of a device, which may be the application's. What it throws is an uncaught exception of the program, as that of a handler is; it must
 * not end the driver's turn, or the stack would stand still if the program goes on.
 */
import type { Packet } from "#base/packet";
import { type Device, RX_NONE, TX_OK } from "#device/device";

/** `Device.receive`; if it throws, there is no packet for now. */
export function receive(device: Device, packet: Packet, now: number): number {
  try {
    return device.receive(packet, now);
  } catch (error) {
    return thrown(error, RX_NONE);
  }
}

/** `Device.transmit`; if it throws, the packet is lost as on a wire. */
export function transmit(device: Device, packet: Packet, now: number): number {
  try {
    return device.transmit(packet, now);
  } catch (error) {
    return thrown(error, TX_OK);
  }
}

function thrown(error: unknown, result: number): number {
  queueMicrotask(() => {
    throw error;
  });
  return result;
}
