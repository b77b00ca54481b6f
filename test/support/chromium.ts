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
