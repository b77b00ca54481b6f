import { oneLine } from './terminal.ts';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Returns a text as content or attribute of HTML, on one line. */
export function escapeHtml(text: string): string {
  return oneLine(text).replaceAll(/[&<>"']/g, character => entities[character] ?? '');
}

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });

/** Replaces each ISO time in UTC by one for people. A text that only looks like one stays. */
export function dateText(text: string): string {
  return text.replaceAll(/\b\d{4}-\d{2}-\d{2}T(\d{2}:\d{2}:\d{2})(?:\.\d+)?Z/g, (iso, time: string) => {
    const at = Date.parse(iso);
    return Number.isNaN(at) ? iso : `${day.format(at)}, ${time} UTC`;
  });
}

/** The content of an HTML file; all of it is HTML already. */
interface HtmlParts {
  readonly title: string;
  readonly style: string;
  readonly body: string;
}

/** Returns one HTML file that loads nothing and runs no script, also if its content were wrong. */
export function htmlFile({ title, style, body }: HtmlParts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
${body}
</body>
</html>`;
}
