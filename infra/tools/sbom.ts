import { writeFileSync } from 'node:fs';
import { bill } from './bill-of-materials.ts';
import { runTool } from './run-tool.ts';

const help = `Writes a software bill of materials (CycloneDX 1.5, JSON). "required" packages are in the functions' bundles,
"excluded" ones only build, test and deploy them. Reads the installed packages; needs no network.

  npm run --silent sbom > sbom.cdx.json
  npm run sbom -- --out sbom.cdx.json

  --out FILE   write to this file instead of the standard output
`;

await runTool(help, { out: { type: 'string' } }, async ({ out }) => {
  const text = `${JSON.stringify(await bill(), undefined, 2)}\n`;
  if (typeof out === 'string') writeText(out, text);
  else process.stdout.write(text);
  return 0;
});

function writeText(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new Error(`--out: the file cannot be written (${code})`);
  }
}
