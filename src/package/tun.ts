/**
 * `tcpnet/tun`: what needs the system. TUN devices, and stacks on several threads, need Bun on Linux: Node.js and Deno load this module, and
 * `openTun` throws a `SystemError` there that says so. Capture files work in all three, but only Bun writes to pipes.
 */
import type { Device } from "#device/device";
import { joinStackGroup as join, type QueuePlace } from "#socket/join-stack-group";
import type { NetStack } from "#socket/stack-types";

export { openTun, type TunDevice, type TunOptions } from "#device/tun";
export type { DevicePrefix, InterfaceSettings } from "#device/tun-config";
export type { TunDescriptorOptions } from "#device/tun-descriptor";
export { type Failure, SystemError } from "#ffi/system-error";
export { CaptureFile, type CaptureOptions } from "#observe/capture-file";
export type { FateSink } from "#observe/marked-capture";
export { OutputError, type OutputOptions } from "#observe/output-file";
export type { QueuePlace } from "#socket/join-stack-group";
export {
  createStackGroup,
  type GroupConnection,
  type GroupWorker,
  type StackGroup,
  type StackGroupOptions,
} from "#socket/stack-group";

/**
 * Called once by the module that `createStackGroup` runs in each of its threads: makes the stack of that thread's queue and passes it to
 * `start`, which listens and connects as with any other stack. What `start` returns may be a promise; the group is ready when those of all
 * threads are settled. If it throws, the group ends with that error.
 * @param wrap returns the device that the stack is to use: a `CaptureDevice` around the queue's own, for example
 * @throws CallError EINVAL outside such a thread.
 */
export const joinStackGroup: (
  start: (stack: NetStack, place: QueuePlace) => void | Promise<void>,
  wrap?: (device: Device, place: QueuePlace) => Device,
) => void = join;
