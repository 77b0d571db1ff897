// What the build puts into the bundle (.house/build.mjs); the tests get the same from vitest.config.ts.

/** The version in package.json. */
declare const GOFER_VERSION: string;

/** The commit that was built, shortened; 'unknown' outside a repository. */
declare const GOFER_COMMIT: string;
