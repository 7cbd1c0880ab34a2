/** What an iperf3 server's error numbers mean (iperf_api.h), as far as a client of ours can cause them. */
const ERRORS: Readonly<Record<number, string>> = {
  106: "it could not read the cookie",
  114: "it does not accept the parameters",
  118: "it failed while it waited for data",
  119: "the client ended the test",
  120: "the server was ended",
  121: "the server is busy running a test",
  134: "it does not know this congestion control",
  204: "it could not accept a data connection",
  205: "it could not write to a data connection",
  206: "it could not read from a data connection",
};

export function serverErrorText(error: number, errno: number): string {
  const words = ERRORS[error] ?? "it reported an error";
  return errno === 0 ? `${words} (iperf3's error ${error})` : `${words} (iperf3's error ${error}, errno ${errno})`;
}
