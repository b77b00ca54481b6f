import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { isName } from '../../lambda/domain/names.ts';
import { pageOf, platformOf, type SkeletonNames, schemaOf, sectionOf, testOf } from './platform-skeleton.ts';
import { runTool } from './run-tool.ts';

const help = `Writes the skeleton of a platform with code of its own: it is complete, passes the suite of all platforms, and
is to be changed to the platform's protocol. First see whether settings are enough: docs/platforms/generic.md.

  npm run new-platform -- NAME
`;

await runTool(
  help,
  {},
  async (_, [name = '', ...more]) => {
    const names = more.length === 0 ? skeletonNames(name) : undefined;
    if (names === undefined)
      throw new Error('NAME: one name of lower-case letters, digits and hyphens, such as my-platform');
    const files = { ...newFiles(names), ...changedFiles(names) };
    for (const [file, text] of Object.entries(files)) writeFileSync(file, text);
    console.log([...Object.keys(files).map(file => `wrote ${file}`), ...next(names)].join('\n'));
    return 0;
  },
  true,
);

function skeletonNames(name: string): SkeletonNames | undefined {
  if (!isName(name) || !/^[a-z]/.test(name)) return undefined;
  const words = name.split('-').map(word => word.charAt(0).toUpperCase() + word.slice(1));
  const joined = words.join('');
  return { name, title: words.join(' '), variable: joined.charAt(0).toLowerCase() + joined.slice(1) };
}

function newFiles(names: SkeletonNames): Readonly<Record<string, string>> {
  const files = {
    [`lambda/platforms/${names.name}.ts`]: platformOf(names),
    [`test/platforms/${names.name}.test.ts`]: testOf(names),
    [`docs/platforms/${names.name}.md`]: pageOf(names),
  };
  const existing = Object.keys(files).find(file => existsSync(file));
  if (existing !== undefined) throw new Error(`${existing} exists already`);
  return files;
}

function changedFiles(names: SkeletonNames): Readonly<Record<string, string>> {
  const { name, title, variable } = names;
  const table = 'lambda/platforms/index.ts';
  const schema = 'infra/settings.schema.json';
  const importLine = `import { ${variable}, ${variable}Settings } from './${name}.ts';\n`;
  const key = name === variable ? name : `'${name}'`;
  return {
    [table]: insertBefore(table, [
      [/^import .* from '\.\/ketch\.ts';$/m, importLine],
      [/^ {2}ketch: entry/m, `  ${key}: entry(${variable}Settings, ${variable}),\n`],
    ]),
    [schema]: insertBefore(schema, [
      [/^ {8}"ketch": \{$/m, sectionOf(names)],
      [/^ {4}"ketch": \{$/m, schemaOf(names)],
    ]),
    ...insertedIn('docs/README.md', /\[any other by settings\]/, `[${title}](platforms/${name}.md), `),
    ...insertedIn(
      'docs/platforms/README.md',
      /^\| \[Your own system\]/m,
      `| [${title}](${name}.md) | code; static header | acknowledgement | TODO | everything |\n`,
    ),
  };
}

function insertedIn(file: string, before: RegExp, text: string): Readonly<Record<string, string>> {
  return { [file]: insertBefore(file, [[before, text]]) };
}

/** Returns the text of a file with each text inserted before the first match of its pattern. */
function insertBefore(file: string, places: readonly (readonly [RegExp, string])[]): string {
  return places.reduce(
    (text, [pattern, inserted]) => {
      const at = text.search(pattern);
      if (at < 0) throw new Error(`${file}: has changed, so the platform cannot be added to it`);
      return text.slice(0, at) + inserted + text.slice(at);
    },
    readFileSync(file, 'utf8'),
  );
}

function next({ name }: SkeletonNames): readonly string[] {
  return [
    'Next:',
    '  npm run format',
    `  npx vitest run test/platforms/${name}.test.ts`,
    '  change code and page to the protocol, and put real messages into',
    `  test/fixtures/${name}/ (test/fixtures/README.md)`,
  ];
}
