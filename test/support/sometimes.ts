/**
 * For bounds on time. Where nothing disturbs, they hold always; on a busy machine they hold sometimes; what is wrong never
 * holds them. Answers when one attempt of `tries` has passed; the last one's failure is the test's.
 */
export async function sometimes(attempt: () => void | Promise<void>, tries = 8): Promise<void> {
  for (let i = 1; ; i++) {
    try {
      return await attempt();
    } catch (error) {
      if (i >= tries) throw error;
    }
  }
}
