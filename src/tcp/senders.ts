import { LINUX_RECEIVER } from "./linux/linux-receiver.ts";
import { LINUX_SENDER } from "./linux/linux-sender.ts";
import type { TcpParams } from "./params.ts";
import type { Receiver } from "./receiver.ts";
import { RFC_RECEIVER } from "./rfc-receiver.ts";
import { RFC_SENDER } from "./rfc-sender.ts";
import type { Sender } from "./sender.ts";

export function senderOf(params: Pick<TcpParams, "sender">): Sender {
  return params.sender === "linux" ? LINUX_SENDER : RFC_SENDER;
}

export function receiverOf(params: Pick<TcpParams, "receiver">): Receiver {
  return params.receiver === "linux" ? LINUX_RECEIVER : RFC_RECEIVER;
}
