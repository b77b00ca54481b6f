import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Answer, jsonOrUndefined, type Wire } from './event.ts';

/** Sends a message with a plain request, on a connection of its own. */
export function sendOver(url: string, { method = 'POST', path, headers, body }: Wire): Promise<Answer> {
  const given = Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]);
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, { method, headers: Object.fromEntries(given), agent: false }, response => {
      const lower = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
      text(response).then(body => {
        const status = response.statusCode ?? 0;
        resolve({ status, headers: Object.fromEntries(lower), text: body, json: jsonOrUndefined(body) });
      }, reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
