/** `tcpnet/pcap`: captures for Wireshark, made without the system. (`CaptureFile` of `tcpnet/tun` writes files.) */
export type { CaptureSink } from "#device/capture";
export type { CaptureChunksOptions } from "#observe/capture-chunks";
export { CaptureChunks, CaptureDevice } from "#socket/capture";
