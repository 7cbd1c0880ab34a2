/** A TUN descriptor that somebody else has opened and handed to this program: whether it is one, and what can be done with it. */
import { setNonBlocking } from "#ffi/async";
import { EBADF, EBADFD, EINVAL, ENODEV } from "#ffi/errno";
import * as netif from "#ffi/interface";
import { check, SystemError } from "#ffi/system-error";
import * as tunctl from "#ffi/tun";
import * as virtio from "#ffi/virtio";
import { CHECKSUM_OFFLOAD, type Device, FULL_OFFLOAD, NO_OFFLOAD, type Offload } from "./device.ts";

/** A TUN device by its descriptor: inherited, or received over a Unix socket. */
export interface TunDescriptorOptions {
  /** The descriptor, attached with IFF_TUN and IFF_NO_PI. The device closes it. */
  readonly fd: number;
  /** Octets of the largest packet that the interface has. Default: asked of the interface, which must be in this network namespace then. */
  readonly mtu?: number | undefined;
  /** As in `TunOptions`. Without effect if the descriptor was attached without IFF_VNET_HDR: then there is no offload. */
  readonly offload?: boolean | undefined;
  /** As in `TunOptions`. False is refused for a descriptor with IFF_VNET_HDR, which has a header before each packet. */
  readonly checksums?: boolean | undefined;
}

/** What a `TunDevice` is made of. */
export interface Adopted {
  readonly name: string;
  readonly offload: Offload;
  readonly known: Pick<Device, "mtu" | "queueLength">;
}

/** txqueuelen of a TUN, where the interface cannot be asked. */
const QUEUE_LENGTH = 500;

/**
 * Checks the descriptor, and sets its header and its offloads. It stays open if this throws. Whether it was attached with
 * IFF_NO_PI the kernel does not tell: in what TUNGETIFF returns, that bit is IFF_NOFILTER. @throws SystemError.
 */
export function adoptDescriptor(options: TunDescriptorOptions): Adopted {
  checkOptions(options);
  const { fd, offload = true, checksums = true } = options;
  const target = `descriptor ${fd}`;
  const { name, flags } = tunctl.describe(fd, (result) => check(result, "TUNGETIFF", target, notTun));
  const refuse = (hint: string) => new SystemError({ call: "TUNGETIFF", target, errno: EINVAL, hint });
  if ((flags & tunctl.IFF_TUN) === 0) {
    throw refuse(`${name} is a TAP, which carries Ethernet frames. Attach it with IFF_TUN | IFF_NO_PI.`);
  }
  const hasHeader = (flags & tunctl.IFF_VNET_HDR) !== 0;
  if (hasHeader && !checksums) {
    throw refuse(
      `${name} has a header for offload before each packet. Attach it without IFF_VNET_HDR for plain packets.`,
    );
  }
  const offloads = !hasHeader ? NO_OFFLOAD : offload ? FULL_OFFLOAD : CHECKSUM_OFFLOAD;
  const known = { mtu: options.mtu ?? mtuOf(name), queueLength: queueLengthOf(name) };
  check(setNonBlocking(fd), "fcntl(F_SETFL)", target);
  if (hasHeader) check(tunctl.setVnetHeaderSize(fd, virtio.VNET_HEADER), "TUNSETVNETHDRSZ", name);
  check(tunctl.setOffload(fd, featuresOf(offloads)), "TUNSETOFFLOAD", name);
  return { name, offload: offloads, known };
}

/** What the kernel may leave undone in packets for us. */
export function featuresOf({ checksum, tso4 }: Offload): number {
  if (tso4) return tunctl.TUN_F_CSUM | tunctl.TUN_F_TSO4 | tunctl.TUN_F_TSO6 | tunctl.TUN_F_TSO_ECN;
  return checksum ? tunctl.TUN_F_CSUM : 0;
}

function notTun(errno: number): string {
  if (errno === EBADF) return "It is not open in this program.";
  if (errno === EBADFD) return "It is /dev/net/tun, but not attached to a device: use TUNSETIFF first.";
  return "It is not a TUN device: open /dev/net/tun and attach it with IFF_TUN | IFF_NO_PI.";
}

function mtuOf(name: string): number {
  return check(netif.getMtu(name), "SIOCGIFMTU", name, (errno) =>
    errno === ENODEV ? "The interface is in another network namespace: name its MTU, openTun({ fd, mtu: 1500 })." : "",
  );
}

function queueLengthOf(name: string): number {
  const length = netif.getQueueLength(name);
  return length >= 0 ? length : QUEUE_LENGTH;
}

function checkOptions(options: TunDescriptorOptions): void {
  const refuse = (hint: string) => new SystemError({ call: "openTun", target: "its argument", errno: EINVAL, hint });
  const { fd, mtu, offload, checksums, ...others } = options;
  if (!Number.isInteger(fd) || fd < 0) throw refuse(`fd must be the number of an open descriptor, not ${String(fd)}.`);
  if (mtu !== undefined && !(Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_535)) {
    throw refuse(`The mtu must be a whole number from 68 to 65535, not ${String(mtu)}.`);
  }
  for (const [name, value] of Object.entries({ offload, checksums })) {
    if (value !== undefined && typeof value !== "boolean") throw refuse(`${name} must be true or false.`);
  }
  const [other] = Object.keys(others);
  if (other !== undefined) throw refuse(`${other} does not go with fd: whoever opened the descriptor has set it up.`);
}
