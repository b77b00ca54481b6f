import { readFileSync } from 'node:fs';
import { parseSettings } from '../../lambda/settings.ts';
import { openApiDocument } from './openapi-document.ts';
import { runTool } from './run-tool.ts';

const help = `Prints a description (OpenAPI 3.1, JSON) of the routes that the settings enable.

  npm run --silent openapi > openapi.json

  --settings FILE   the settings (infra/settings.json)
`;

await runTool(help, { settings: { type: 'string' } }, async ({ settings }) => {
  const file = typeof settings === 'string' ? settings : 'infra/settings.json';
  const document = openApiDocument(parseSettings(readFileSync(file, 'utf8'), 'deployed'));
  process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
  return 0;
});
