/** `tcpnet/pcap`: captures for Wireshark, made without the system. (`CaptureFile` of `tcpnet/tun` writes files.) */
export { CaptureDevice, type CaptureSink } from "#device/capture";
export { CaptureChunks, type CaptureChunksOptions } from "#observe/capture-chunks";
