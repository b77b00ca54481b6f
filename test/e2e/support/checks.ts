/** Steps that pass or fail; each is printed when it ends. */
export interface Checks {
  readonly passed: number;
  readonly failed: number;
  /** Runs one step. A step that throws has failed; the next ones still run. */
  step(name: string, run: () => void | Promise<void>): Promise<void>;
  /** Prints a line that is not a check. */
  note(line: string): void;
  heading(line: string): void;
}

/** Returns checks that print to stdout. */
export function startChecks(): Checks {
  const counts = { passed: 0, failed: 0 };
  return {
    get passed() {
      return counts.passed;
    },
    get failed() {
      return counts.failed;
    },
    step: async (name, run) => {
      const began = performance.now();
      try {
        await run();
        counts.passed += 1;
        console.log(`  ok      ${name} (${Math.round(performance.now() - began)} ms)`);
      } catch (error) {
        counts.failed += 1;
        console.log(`  FAILED  ${name}\n${indented(error instanceof Error ? error.message : String(error))}`);
      }
    },
    note: line => console.log(`          ${line}`),
    heading: line => console.log(`\n${line}`),
  };
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '          ');
}
