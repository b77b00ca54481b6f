import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { findProgram } from './skipped.ts';

/** Returns the path of an installed Chromium; says so if there is none. */
export function findChromium(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  return findProgram(names, 'Debian: apt-get install chromium');
}

/** One headless Chromium for all tests of a suite. Returns how to open a page, which is closed when the test is over. */
export function chromiumForSuite(executablePath: string | undefined) {
  let browser: Browser;
  beforeAll(async () => {
    const { chromium } = await import('playwright-core');
    // Its own sandbox needs kernel features that containers and root do not have. It opens only pages of the tests.
    browser = await chromium.launch({
      ...(executablePath === undefined ? {} : { executablePath }),
      args: ['--no-sandbox'],
    });
  });
  afterAll(() => browser.close());
  return async (url: string, options: BrowserContextOptions = {}): Promise<Page> => {
    const context = await browser.newContext(options);
    onTestFinished(() => context.close());
    const page = await context.newPage();
    const errors: string[] = [];
    page.on('pageerror', ({ message }) => errors.push(message));
    onTestFinished(() => expect(errors).toEqual([]));
    page.setDefaultTimeout(240_000);
    await page.goto(url);
    return page;
  };
}

/** Texts with a contrast under 4.5 to their background (WCAG 2.2, 1.4.3), of the enabled controls and other elements. */
export const poorContrast = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = color => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return canvas.getImageData(0, 0, 1, 1).data; };
  const light = color => [...rgb(color)].slice(0, 3).map(part => part / 255).map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4).reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const backgroundOf = element => { for (let at = element; at !== null; at = at.parentElement) { const color = getComputedStyle(at).backgroundColor; if (rgb(color)[3] === 255) return color; } return 'white'; };
  const texts = [...document.body.querySelectorAll('*')].filter(element => element.checkVisibility() && !element.closest('.away, :disabled, script') && [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim() !== ''));
  return texts.flatMap(element => {
    const [one, two] = [light(getComputedStyle(element).color), light(backgroundOf(element))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    return ratio >= 4.5 ? [] : [element.textContent + ': ' + ratio.toFixed(2)];
  });
})()`;
