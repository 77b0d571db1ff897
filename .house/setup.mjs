// Makes a clone ready to run: right Node, packages installed, bundle built. Called by `npm start`, `npm test` and the
// others before anything else, so nothing here may need an installed package. Says nothing when nothing is to be done.
// `--packages` installs only, `--build` builds in any case.
//
// This file is written in old syntax with no import at the top, so that an old Node gets as far as the message.

var required = [20, 19];
var running = process.versions.node.split('.').map(Number);

if (running[0] < required[0] || (running[0] === required[0] && running[1] < required[1])) {
  console.error(
    'Node.js ' + required.join('.') + ' or newer is needed; this is ' + process.version + '. See https://nodejs.org.',
  );
  process.exitCode = 1;
} else {
  import('./ready.mjs')
    .then(function (ready) {
      return ready.makeReady({
        build: !process.argv.includes('--packages'),
        rebuild: process.argv.includes('--build'),
      });
    })
    .catch(function (error) {
      console.error(error.hint ? error.hint : error);
      process.exitCode = 1;
    });
}
