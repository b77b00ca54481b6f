import { writeFileSync } from 'node:fs';
import { bill } from './bill.ts';
import { runTool } from './command.ts';

const help = `Writes a software bill of materials, CycloneDX 1.5 in JSON: "required" is what is inside the functions' bundles,
"excluded" what only builds, tests and deploys them. Reads what is installed; asks no network.

  npm run --silent sbom > sbom.cdx.json
  npm run sbom -- --out sbom.cdx.json

  --out FILE   write there and not to the standard output
`;

await runTool(help, { out: { type: 'string' } }, async ({ out }) => {
  const text = `${JSON.stringify(await bill(), undefined, 2)}\n`;
  if (typeof out === 'string') write(out, text);
  else process.stdout.write(text);
  return 0;
});

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new Error(`--out: the file cannot be written (${code})`);
  }
}
