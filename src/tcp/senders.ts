import { LINUX_SENDER } from "./linux/linux-sender.ts";
import type { TcpParams } from "./params.ts";
import { RFC_SENDER } from "./rfc-sender.ts";
import type { Sender } from "./sender.ts";

export function senderOf(params: Pick<TcpParams, "sender">): Sender {
  return params.sender === "linux" ? LINUX_SENDER : RFC_SENDER;
}
