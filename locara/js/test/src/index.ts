/**
 * `@locara/test`: an app's tests against its real runtime, in its real sandbox. Nothing is mocked.
 *
 *     const app = await startApp("..");
 *     await assertDenied(() => app.net.fetch({ url: "https://example.com/" }), { because: "net" });
 *     await app.close();
 *
 * Works in every test runner: what fails throws an Error that says why.
 */

export { assertAllowed, assertDenied, type Denial } from "./assertions.ts";
export { startApp, type StartOptions, type TestApp } from "./start.ts";
